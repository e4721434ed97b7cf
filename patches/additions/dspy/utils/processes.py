"""Child processes whose waits are awaited: stands where a module used the standard library's `subprocess`."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import subprocess
import sys
import weakref
from asyncio.subprocess import Process, SubprocessStreamProtocol
from collections.abc import Mapping, Sequence
from subprocess import PIPE, TimeoutExpired, run

__all__ = ["PIPE", "AsyncProcess", "Popen", "TimeoutExpired", "run"]


def _kill(transport: asyncio.SubprocessTransport) -> None:
    """End a child process, whether or not the event loop that it was started on is there to do so."""
    popen: subprocess.Popen[bytes] | None = transport.get_extra_info("subprocess")
    if popen is not None:
        popen.kill()
    elif transport.get_returncode() is None:  # uvloop has no such object; nobody has taken the child's number yet
        with contextlib.suppress(ProcessLookupError):
            os.kill(transport.get_pid(), signal.SIGKILL)


def _reap(transport: asyncio.SubprocessTransport) -> None:
    """Take the exit code of a child that was killed."""
    popen: subprocess.Popen[bytes] | None = transport.get_extra_info("subprocess")
    if popen is not None:
        popen.wait()
    else:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(transport.get_pid(), 0)


class AsyncProcess:
    """A child process with text pipes, as `subprocess.Popen` has it, whose waits are awaited.

    It belongs to the event loop that it was started on, and is killed if it is forgotten: when nothing refers to this
    object any more, or Python exits. Made by `Popen`.
    """

    GRACE = 5.0
    """Seconds that a process is given to end by itself when nothing hurries."""

    def __init__(self, transport: asyncio.SubprocessTransport, protocol: SubprocessStreamProtocol) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._process = Process(transport, protocol, self._loop)
        weakref.finalize(self, _kill, transport)
        self.pid = self._process.pid
        self.stdin = _Writer(self, self._process.stdin)
        self.stdout = _Reader(self, self._process.stdout)
        self.stderr = _Reader(self, self._process.stderr)

    def poll(self) -> int | None:
        """The exit code, None while it runs."""
        return self._process.returncode

    def terminate(self) -> None:
        """Ask it to end. Nothing happens to one that has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        """End it at once. Nothing happens to one that has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def wait(self) -> int:
        """Wait for its end; gives the exit code."""
        self.check_loop()
        code = await self._process.wait()
        self._transport.close()
        return code

    async def end(self, grace: float = GRACE) -> int:
        """Wait for a process that was told to end, and kill it if it does not; so too if the wait is cancelled.

        Args:
            grace: How long to wait, in seconds.
        """
        try:
            with contextlib.suppress(asyncio.TimeoutError):
                return await asyncio.wait_for(self.wait(), grace)
        finally:
            self.kill()
        return await self.wait()

    def end_later(self, grace: float = GRACE) -> None:
        """For callers that cannot wait: after `grace` seconds the process is killed, if it has not ended by then."""
        if self.on_its_loop:
            self._loop.call_later(grace, self.kill)
        elif self.poll() is None:
            # The loop that watched it may be closed; nobody else will see to it.
            _kill(self._transport)
            _reap(self._transport)

    def check_loop(self) -> None:
        """Raises RuntimeError on another event loop than its own."""
        if not self.on_its_loop:
            raise RuntimeError("A process belongs to the event loop that started it, and cannot be used from another.")

    @property
    def on_its_loop(self) -> bool:
        """Whether the event loop that runs is the one it was started on."""
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False


async def Popen(  # noqa: N802 - its name in `subprocess`
    args: Sequence[str],
    *,
    stdin: int,
    stdout: int,
    stderr: int,
    text: bool,
    encoding: str,
    env: Mapping[str, str],
) -> AsyncProcess:
    """Start a process with three text pipes in UTF-8, as `subprocess.Popen` does.

    Args:
        args: The program and its arguments.
        stdin: `PIPE`; so are `stdout` and `stderr`.
        text: True.
        encoding: UTF-8.
        env: Its whole environment.

    Raises:
        OSError: It cannot be started, as with `subprocess.Popen`.
        ValueError: Other streams are asked for than there are here.
    """
    if (stdin, stdout, stderr) != (PIPE, PIPE, PIPE) or not text or encoding.lower() != "utf-8":
        raise ValueError("A process that is awaited has three pipes, with text in UTF-8.")
    loop = asyncio.get_running_loop()
    # A line has the result of any code, and is as long as that.
    streams = functools.partial(SubprocessStreamProtocol, limit=sys.maxsize // 4, loop=loop)
    return AsyncProcess(*await loop.subprocess_exec(streams, *args, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=env))


class _Writer:
    def __init__(self, process: AsyncProcess, stream: asyncio.StreamWriter | None) -> None:
        assert stream is not None  # as every stream of a process that is started with pipes
        self._process = process
        self._stream = stream

    def write(self, text: str) -> None:
        self._process.check_loop()
        self._stream.write(text.encode("utf-8"))

    async def flush(self) -> None:
        """Wait until the process takes what was written, as far as it does not fit into the pipe.

        Raises:
            BrokenPipeError: The process does not read any more.
        """
        try:
            await self._stream.drain()
        except ConnectionError as e:
            raise BrokenPipeError(*e.args) from e

    def close(self) -> None:
        self._stream.close()


class _Reader:
    def __init__(self, process: AsyncProcess, stream: asyncio.StreamReader | None) -> None:
        assert stream is not None
        self._process = process
        self._stream = stream

    async def readline(self) -> str:
        """The next line with its end; empty once there are no more."""
        self._process.check_loop()
        line = await self._stream.readline()
        if not line:
            await self._is_ending()
        return line.decode("utf-8")

    async def read(self) -> str:
        """Everything up to the end."""
        self._process.check_loop()
        return (await self._stream.read()).decode("utf-8", "replace")

    async def _is_ending(self) -> None:
        # The end of the output comes a moment before the end of the process, which `poll` then tells of.
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._process.wait(), 1)
