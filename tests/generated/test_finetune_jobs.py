"""Fine-tuning jobs stay threads; what awaits them does so with `asyncio.wrap_future`."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
import types
from typing import Any

import dspy
import pytest
from dspy.clients.lm_local import LocalProvider
from dspy.clients.provider import Provider, ReinforceJob, TrainingJob


class Trained(Provider):
    """Trains for a while, in the thread it is called in, unless it is told to fail or to stop."""

    def __init__(self, seconds: float = 0.2, error: Exception | None = None) -> None:
        super().__init__()
        self.finetunable = True
        self.TrainingJob = Job
        self.seconds = seconds
        self.error = error
        self.threads: list[threading.Thread] = []

    def finetune(self, job, model, train_data, train_data_format, train_kwargs=None):
        self.threads.append(threading.current_thread())
        end = time.monotonic() + self.seconds
        while time.monotonic() < end and not job.stopped.is_set():
            time.sleep(0.01)
        if self.error is not None:
            raise self.error
        return f"{model}:tuned on {len(train_data)}"


class Job(TrainingJob):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stopped = threading.Event()

    def cancel(self) -> bool:
        self.stopped.set()
        return super().cancel()

    def status(self) -> str:
        return "done" if self.done() else "running"


def start(provider: Trained) -> Job:
    lm = dspy.LM("local/m", provider=provider, cache=False)
    return lm.finetune(train_data=[{"messages": []}] * 3, train_data_format=None)


async def test_jobs_run_beside_the_loop_and_each_other():
    provider = Trained()
    before = time.monotonic()
    jobs = [start(provider) for _ in range(3)]
    assert time.monotonic() - before < 0.1
    assert {job.status() for job in jobs} == {"running"}
    ticks = 0
    waiting = asyncio.gather(*map(asyncio.wrap_future, jobs))
    while not waiting.done():
        await asyncio.sleep(0.01)
        ticks += 1
    assert [lm.model for lm in await waiting] == ["local/m:tuned on 3"] * 3
    assert ticks > 5
    assert threading.main_thread() not in provider.threads
    for job in jobs:
        await asyncio.to_thread(job.thread.join, 1)
        assert not job.thread.is_alive()


async def test_an_error_is_the_result_of_a_job_as_in_upstream():
    result = await asyncio.wrap_future(start(Trained(0.0, ValueError("no data"))))
    assert isinstance(result, ValueError)


async def test_a_provider_that_cannot_is_told_apart():
    with pytest.raises(dspy.LMUnsupportedFeatureError, match="does not support fine-tuning"):
        dspy.LM("local/m", provider=Provider()).finetune([], None)


async def test_cancelling_who_waits_cancels_the_job_and_ends_its_thread():
    job = start(Trained(30.0))
    waiting = asyncio.create_task(_result(job))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.to_thread(job.thread.join, 1)
    assert not job.thread.is_alive()
    assert job.cancelled()


async def _result(job: Job) -> Any:
    return await asyncio.wrap_future(job)


class Served(Provider):
    """Local servers, which take their time."""

    def __init__(self) -> None:
        super().__init__()
        self.reinforceable = True
        self.ReinforceJob = Reinforced
        self.seen: list[Any] = []

    def launch(self, lm, launch_kwargs=None):
        self._wait("launch", launch_kwargs)

    def kill(self, lm, launch_kwargs=None):
        self._wait("kill", launch_kwargs)

    def _wait(self, *what: Any) -> None:
        time.sleep(0.2)
        self.seen.append((*what, threading.current_thread() is threading.main_thread()))


class Reinforced(ReinforceJob):
    def initialize(self):
        self.lm.provider._wait("initialize", self.train_kwargs)

    def step(self, train_data, train_data_format):
        raise NotImplementedError

    def terminate(self):
        raise NotImplementedError

    def get_status(self):
        raise NotImplementedError


async def test_servers_and_reinforcement_are_waited_for_beside_the_loop():
    provider = Served()
    lm = dspy.LM("local/m", provider=provider, cache=False)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.ensure_future(tick())
    await lm.launch({"port": 1})
    job = await lm.reinforce({"steps": 2})
    await lm.kill()
    ticking.cancel()
    assert isinstance(job, Reinforced)
    in_main = False
    assert provider.seen == [
        ("launch", {"port": 1}, in_main),
        ("initialize", {"steps": 2}, in_main),
        ("kill", None, in_main),
    ]
    assert ticks > 10


async def test_servers_of_a_program_are_launched_and_killed():
    from dspy.teleprompt.bootstrap_finetune import kill_lms, launch_lms

    provider = Served()
    program = dspy.Predict("question -> answer")
    program.set_lm(dspy.LM("local/m", provider=provider, cache=False))
    await launch_lms(program)
    await kill_lms(program)
    assert [each[0] for each in provider.seen] == ["launch", "kill"]


async def test_a_local_server_is_launched_and_its_output_read(monkeypatch: pytest.MonkeyPatch):
    """SGLang, which would serve the model, is not installed: another process stands in for it."""
    from dspy.clients import lm_local

    start = subprocess.Popen

    def popen(command: list[str], **kwargs: Any) -> Any:
        assert command[1:3] == ["-m", "sglang.launch_server"]
        return start(
            [sys.executable, "-c", "import sys; print('ready', flush=True); sys.stdin.read()"],
            stdin=subprocess.PIPE,
            **kwargs,
        )

    def wait_for_server(base_url: str, timeout: int | None = None) -> None:
        time.sleep(0.3)

    monkeypatch.setitem(sys.modules, "sglang", types.ModuleType("sglang"))
    monkeypatch.setattr(lm_local.subprocess, "Popen", popen)
    monkeypatch.setattr(lm_local, "wait_for_server", wait_for_server)
    lm = dspy.LM("local:m", provider=LocalProvider(), cache=False)
    await lm.launch()
    lm.process.stdin.close()
    await asyncio.to_thread(lm.process.wait)
    await asyncio.to_thread(lm.thread.join)
    lm.process.stdout.close()
    assert lm.get_logs() == "ready\n"
