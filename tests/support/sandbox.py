"""A sandbox without walls: a process that speaks the interpreter's JSON-RPC over its standard streams, and runs Python.

It stands in for Deno and Pyodide where they cannot be started. Run it as a script. It runs code as it is told, in one
namespace for the session, and calls tools of the host back as the real one does.

Options: `--deaf` ignores SIGTERM and the end of its input; `--slow-start SECONDS` waits before the first answer.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import itertools
import json
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

ERRORS = {
    "SyntaxError": -32000,
    "NameError": -32001,
    "TypeError": -32002,
    "ValueError": -32003,
    "AttributeError": -32004,
    "IndexError": -32005,
    "KeyError": -32006,
    "RuntimeError": -32007,
}
UNKNOWN = -32099


class Submitted(BaseException):
    """What SUBMIT raises; it carries the final answer."""


class Sandbox:
    """One session."""

    def __init__(self) -> None:
        self.reads = sys.stdin
        self.writes = sys.stdout
        self.numbers = itertools.count(1)
        self.files: dict[str, bytes] = {}
        self.namespace: dict[str, Any] = {"__name__": "__main__", "SUBMIT": self._submit(["output"])}

    def say(self, **message: Any) -> None:
        """Send one message."""
        self.writes.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self.writes.flush()

    def serve(self) -> None:
        """Answer requests until told to end, or the input ends."""
        for line in self.reads:
            try:
                request = json.loads(line)
            except ValueError as error:
                self.say(error={"code": -32700, "message": f"not JSON: {error}"}, id=None)
                continue
            if request.get("method") == "shutdown":
                return
            self.answer(request)

    def answer(self, request: dict[str, Any]) -> None:
        """Do what a request says."""
        handler = getattr(self, f"do_{request.get('method')}", None)
        if handler is None:
            self.say(error={"code": -32601, "message": f"no method {request.get('method')}"}, id=request.get("id"))
            return
        try:
            result = handler(**request.get("params", {}))
        except Submitted as submitted:
            result = {"final": submitted.args[0]}
        except BaseException as error:  # sys.exit in code is an error like any other
            name = type(error).__name__
            data = {"type": name, "args": [repr(a) if not isinstance(a, str) else a for a in error.args]}
            self.say(
                error={"code": ERRORS.get(name, UNKNOWN), "message": _message(error), "data": data}, id=request["id"]
            )
            return
        if "id" in request:
            self.say(result=result, id=request["id"])

    # -- methods --------------------------------------------------------------------------------------------------

    def do_execute(self, code: str) -> dict[str, Any]:
        """Run code; its output is what it printed, or the value of a last expression."""
        tree = ast.parse(code)
        printed = io.StringIO()
        value = None
        with contextlib.redirect_stdout(printed):
            last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
            self._run(compile(tree, "<code>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))
            if last is not None:
                expression = ast.Expression(last.value)
                value = self._run(compile(expression, "<code>", "eval", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))
        return {"output": printed.getvalue() if value is None else value}

    def _run(self, code: Any) -> Any:
        value = eval(code, self.namespace)
        return asyncio.run(value) if inspect.iscoroutine(value) else value

    def do_register(self, tools: list[Any] = [], outputs: list[dict[str, Any]] | None = None) -> dict[str, Any]:  # noqa: B006
        """Make tools and SUBMIT callable by name."""
        for tool in tools:
            self.namespace[tool["name"]] = self._tool(tool["name"], tool["parameters"])
        if outputs:
            self.namespace["SUBMIT"] = self._submit([each["name"] for each in outputs])
        return {"tools": [tool["name"] for tool in tools], "outputs": [each["name"] for each in outputs or []]}

    def do_inject_var(self, name: str, value: str) -> dict[str, Any]:
        """Put a large value where the code looks for it."""
        folder = Path("/tmp/dspy_vars")
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.json").write_text(value)
        return {"injected": name}

    def do_mount_file(self, host_path: str, virtual_path: str) -> dict[str, Any]:
        """Remember a file of the host; code reads and writes it as `FILES[path]`."""
        self.files[virtual_path] = Path(host_path).read_bytes()
        self.namespace["FILES"] = self.files
        return {"mounted": virtual_path}

    def do_sync_file(self, virtual_path: str, host_path: str) -> None:
        """Write a file back."""
        Path(host_path).write_bytes(self.files[virtual_path])

    # -- what code calls ------------------------------------------------------------------------------------------

    def _tool(self, name: str, parameters: list[dict[str, Any]]) -> Any:
        names = [each["name"] for each in parameters]
        defaults = {each["name"]: each["default"] for each in parameters if "default" in each}

        def tool(*args: Any, **kwargs: Any) -> Any:
            given = {**defaults, **dict(zip(names, args, strict=False)), **kwargs}
            unknown = set(given) - set(names)
            if unknown or len(args) > len(names) or set(names) - set(given):
                raise TypeError(f"{name}({', '.join(names)}) cannot be called with {args} {kwargs}")
            return self._ask_host(name, given)

        tool.__name__ = name
        return tool

    def _ask_host(self, name: str, kwargs: dict[str, Any]) -> Any:
        number = f"call-{next(self.numbers)}"
        self.say(method="tool_call", params={"name": name, "kwargs": kwargs}, id=number)
        response = json.loads(self.reads.readline())
        if response["id"] != number:
            raise RuntimeError(f"asked {number}, was answered {response['id']}")
        if "error" in response:
            raise RuntimeError(f"{response['error']['data']['type']}: {response['error']['message']}")
        result = response["result"]
        return json.loads(result["value"]) if result["type"] == "json" else result["value"]

    def _submit(self, names: list[str]) -> Any:
        def submit(*args: Any, **kwargs: Any) -> None:
            raise Submitted({**dict(zip(names, args, strict=False)), **kwargs})

        return submit


def _message(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(type(error), error)).strip()


def main(*options: str) -> None:
    """Serves one session on the standard streams."""
    if "--slow-start" in options:
        time.sleep(float(options[options.index("--slow-start") + 1]))
    deaf = "--deaf" in options
    if deaf:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Sandbox().serve()
    while deaf:
        time.sleep(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
