"""Modules that run code: settings, limits, cancellation, and interpreters of all kinds."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
import threading
import time
from typing import Any

import dspy
import pytest
from dspy.primitives.code_interpreter import CodeExecutionError, FinalOutput
from dspy.primitives.host_tools import sandbox_source

from tests.generated.interpreters.conftest import in_both, is_running
from tests.generated.sides import fields
from tests.generated.support import scripted

pytestmark = pytest.mark.filterwarnings("ignore:(CodeAct|ProgramOfThought) is deprecated:DeprecationWarning")


def step(code: str) -> str:
    """What an RLM's model says for its next step."""
    return fields(reasoning="so", code=f"```python\n{code}\n```")


class Kept:
    """A factory that keeps what it made."""

    def __init__(self, command: list[str]) -> None:
        self.command = command
        self.made: list[dspy.PythonInterpreter] = []
        self.pids: list[int] = []

    def __call__(self) -> dspy.PythonInterpreter:
        kept = self

        class Noted(dspy.PythonInterpreter):
            async def _spawn_process(self) -> None:
                await super()._spawn_process()
                kept.pids.append(self.deno_process.pid)

        self.made.append(Noted(deno_command=self.command))
        return self.made[-1]


@pytest.fixture
def factory(command: list[str]) -> Kept:
    return Kept(command)


# -- CodeAct ----------------------------------------------------------------------------------------------------------


async def fibonacci(settings: dspy.Settings, n: int) -> int:
    """The n-th number."""
    # Asks itself.
    return n if n < 2 else await fibonacci(settings, n - 1) + await fibonacci(settings, n=n - 2)


async def twice(settings, n: int) -> int:
    """Two of it."""

    async def inner() -> int:
        return 2

    return n * 2 if inner else 0


def plain(n: int) -> int:
    # Stays as it is written,   spaces and all.
    return   n  # fmt: skip


async def sleeps(n: int) -> int:
    await asyncio.sleep(1)
    return n


async def reads(settings, n: int) -> int:
    return n if settings.lm else 0


@in_both
async def test_code_act_ships_async_tools_as_sync_source(factory: Kept):
    side, lm = scripted(
        fields(generated_code="print(fibonacci(10), twice(fibonacci(n=6)), plain(1))", finished="True"),
        fields(reasoning="so", answer="55"),
    )
    program = dspy.CodeAct("n: int -> answer", tools=[fibonacci, twice, plain], interpreter_factory=factory)
    result = await program(dspy.Settings(lm=lm), n=10)
    assert result.trajectory["code_output_0"] == '"55 16 1\\n"'
    assert "settings" not in side.log[0]["messages"][0]["content"]


@pytest.mark.api("6.1")
def test_the_source_of_a_sync_tool_is_as_it_was_written():
    assert sandbox_source(plain, ["plain"]) == (
        "def plain(n: int) -> int:\n    # Stays as it is written,   spaces and all.\n    return   n  # fmt: skip\n"
    )


def blocking(text: str, times: int = 3) -> str:
    return text * times


@dspy.asyncify
def decorated(text: str, times: int = 3) -> str:
    return text * times


async def with_defaults(settings: dspy.Settings | None = None, text: str = "a", /, times: int = 3) -> str:
    return text * times


async def by_keyword(text: str, *, settings: dspy.Settings | None = None, times: int = 3) -> str:
    return text * times


@pytest.mark.parametrize("tool", [dspy.asyncify(blocking), decorated, with_defaults, by_keyword])
def test_a_tool_in_the_sandbox_has_the_parameters_and_defaults_of_its_function(tool: Any):
    names: dict[str, Any] = {}
    exec(sandbox_source(tool, [tool.__name__]), names)
    shipped = names[tool.__name__]
    assert shipped("a") == "aaa"
    assert shipped("a", times=2) == "aa"
    assert list(inspect.signature(shipped).parameters) == ["text", "times"]


@pytest.mark.parametrize(("tool", "problem"), [(sleeps, "awaits `asyncio.sleep"), (reads, "uses its settings")])
async def test_code_act_refuses_a_tool_that_cannot_be_sync(factory: Kept, tool: Any, problem: str):
    _, lm = scripted(fields(generated_code="1", finished="True"), fields(reasoning="so", answer="1"))
    program = dspy.CodeAct("n: int -> answer", tools=[tool], interpreter_factory=factory)
    with pytest.raises(ValueError, match=problem):
        await program(dspy.Settings(lm=lm), n=1)
    assert not any(map(is_running, factory.pids))


# -- RLM --------------------------------------------------------------------------------------------------------------


@in_both
async def test_tools_and_queries_get_the_settings_of_the_call(factory: Kept):
    async def whose(settings: dspy.Settings) -> str:
        return settings.tenant

    async def run(tenant: str) -> dspy.Prediction:
        _, lm = scripted(step("SUBMIT(whose() + llm_query('x'))"), f" of {tenant}")
        return await program(dspy.Settings(lm=lm, tenant=tenant), question="?")

    program = dspy.RLM("question -> answer", tools=[whose], interpreter_factory=factory)
    results = await asyncio.gather(run("a"), run("b"))
    assert [result.answer for result in results] == ["a of a", "b of b"]
    assert not any(map(is_running, factory.pids))


async def test_a_batch_runs_together_within_its_limit(factory: Kept):
    now = most = 0

    class Slow(dspy.BaseLM):
        async def forward(self, settings, prompt=None, messages=None, **kwargs):
            nonlocal now, most
            now, most = now + 1, max(most, now + 1)
            await asyncio.sleep(0.05)
            now -= 1
            if prompt == "bad":
                raise dspy.LMError("busy")
            return await scripted(f"<{prompt}>")[1].forward(settings, prompt=prompt)

    prompts = [f"p{number}" for number in range(19)] + ["bad"]
    _, lm = scripted(step(f"SUBMIT(llm_query_batched({prompts}))"))
    program = dspy.RLM("question -> answer: list[str]", sub_lm=Slow("slow"), interpreter_factory=factory)
    result = await program(dspy.Settings(lm=lm), question="?")
    assert result.answer[:-1] == [f"<{prompt}>" for prompt in prompts[:-1]]
    assert result.answer[-1].startswith("[ERROR]")
    assert most == 8


async def test_an_error_in_a_batch_cancels_the_others(factory: Kept):
    cancelled = []

    class Broken(dspy.BaseLM):
        async def forward(self, settings, prompt=None, messages=None, **kwargs):
            if prompt == "bad":
                raise KeyError("contract")
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.append(prompt)
                raise

    _, lm = scripted(step("llm_query_batched(['a', 'b', 'bad'])"), step("SUBMIT('on')"))
    program = dspy.RLM("question -> answer", sub_lm=Broken("broken"), interpreter_factory=factory)
    result = await asyncio.wait_for(program(dspy.Settings(lm=lm), question="?"), 20)
    assert "contract" in result.trajectory[0]["output"]
    assert sorted(cancelled) == ["a", "b"]


# -- interpreters of users --------------------------------------------------------------------------------------------


class Scripted:
    """An interpreter that answers from a list. Async and with settings, as the protocol says."""

    def __init__(self, *answers: Any) -> None:
        self.tools: dict[str, Any] = {}
        self.answers = list(answers)
        self.calls: list[str] = []

    async def start(self, settings: dspy.Settings) -> None:
        self.calls.append(f"start for {settings.tenant}")

    async def execute(self, settings: dspy.Settings, code: str, variables: dict[str, Any] | None = None) -> Any:
        self.calls.append(f"{code} for {settings.tenant}")
        return self.answers.pop(0)

    async def shutdown(self, settings: dspy.Settings) -> None:
        self.calls.append(f"shutdown for {settings.tenant}")


async def test_an_interpreter_of_the_user_is_awaited_with_settings():
    _, lm = scripted(step("look()"), step("SUBMIT('x')"))
    interpreter = Scripted("seen", FinalOutput({"answer": "x"}))
    program = dspy.RLM("question -> answer", interpreter_factory=lambda: interpreter)
    result = await program(dspy.Settings(lm=lm, tenant="me"), question="?")
    assert result.answer == "x"
    assert interpreter.calls == ["start for me", "look() for me", "SUBMIT('x') for me", "shutdown for me"]


class Sync:
    """An interpreter as it was written for upstream: neither async nor with settings."""

    def __init__(self, *answers: Any) -> None:
        self.tools: dict[str, Any] = {}
        self.answers = list(answers)
        self.calls: list[str] = []

    def start(self) -> None:
        self.calls.append("start")

    def execute(self, code: str, variables: dict[str, Any] | None = None) -> Any:
        self.calls.append(code)
        return self.answers.pop(0)

    def shutdown(self) -> None:
        self.calls.append("shutdown")


async def test_an_interpreter_written_for_upstream_works():
    _, lm = scripted(step("look()"), step("SUBMIT('x')"))
    interpreter = Sync("seen", FinalOutput({"answer": "x"}))
    program = dspy.RLM("question -> answer", interpreter_factory=lambda: interpreter)
    result = await program(dspy.Settings(lm=lm), question="?")
    assert result.answer == "x"
    assert interpreter.calls == ["start", "look()", "SUBMIT('x')", "shutdown"]


async def test_an_interpreter_written_for_upstream_works_for_program_of_thought():
    _, lm = scripted(fields(reasoning="so", generated_code="SUBMIT(1)"), fields(reasoning="so", answer="one"))
    interpreter = Sync(FinalOutput({"answer": 1}))
    program = dspy.ProgramOfThought("question -> answer", interpreter_factory=lambda: interpreter)
    result = await program(dspy.Settings(lm=lm), question="?")
    assert result.answer == "one"
    assert interpreter.calls == ["SUBMIT(1)", "shutdown"]


async def test_an_interpreter_written_for_upstream_works_for_code_act():
    _, lm = scripted(fields(generated_code="plain(1)", finished="True"), fields(reasoning="so", answer="one"))
    interpreter = Sync(None, "1")
    program = dspy.CodeAct("question -> answer", tools=[plain], interpreter_factory=lambda: interpreter)
    result = await program(dspy.Settings(lm=lm), question="?")
    assert result.answer == "one"
    assert interpreter.calls == [sandbox_source(plain, ["plain"]), "plain(1)", "shutdown"]


async def test_a_factory_may_block():
    """It starts a sandbox, say, and works in a thread meanwhile."""
    _, lm = scripted(fields(reasoning="so", generated_code="SUBMIT(1)"), fields(reasoning="so", answer="one"))
    threads: list[Any] = []

    def factory() -> Sync:
        threads.append(threading.current_thread())
        return Sync(FinalOutput({"answer": 1}))

    await dspy.ProgramOfThought("question -> answer", interpreter_factory=factory)(dspy.Settings(lm=lm), question="?")
    assert len(threads) == 1 and threads[0] is not threading.main_thread()


async def test_an_interpreter_of_the_caller_may_be_one_written_for_upstream():
    _, lm = scripted(fields(reasoning="so", generated_code="SUBMIT(1)"), fields(reasoning="so", answer="one"))
    interpreter = Sync(FinalOutput({"answer": 1}))
    program = dspy.ProgramOfThought("question -> answer")
    assert (await program(dspy.Settings(lm=lm), interpreter, question="?")).answer == "one"
    assert interpreter.calls == ["SUBMIT(1)"]


# -- cancellation -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "command"),
    [(kind, "stand-in") for kind in ("rlm", "flex", "program_of_thought", "code_act")] + [("rlm", "deno")],
    indirect=["command"],
)
async def test_cancelling_a_module_leaves_no_process(factory: Kept, kind: str):
    loop = "while True: pass"
    made: dict[str, Any] = {
        "rlm": lambda: (dspy.RLM("question -> answer", interpreter_factory=factory), step(loop)),
        "flex": lambda: (flex_that_loops(factory), ""),
        "program_of_thought": lambda: (
            dspy.ProgramOfThought("question -> answer", interpreter_factory=factory),
            fields(reasoning="so", generated_code=loop),
        ),
        "code_act": lambda: (
            dspy.CodeAct("question -> answer", tools=[plain], interpreter_factory=factory),
            fields(generated_code=loop, finished="True"),
        ),
    }
    program, answer = made[kind]()
    _, lm = scripted(answer)
    tasks = asyncio.all_tasks()
    running = asyncio.create_task(program(dspy.Settings(lm=lm), question="?"))
    while not factory.pids:
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.5)
    assert not running.done()
    before = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - before < 1
    assert not any(map(is_running, factory.pids))
    assert asyncio.all_tasks() == tasks


def flex_that_loops(factory: Any) -> dspy.Flex:
    """Its code never ends."""
    program = dspy.Flex("question -> answer", interpreter_factory=factory)
    program._bind_code("class Program(dspy.Module):\n    def forward(self, question):\n        while True: pass\n")
    return program


class Sandbox(Sync):
    """Has a process from the start."""

    def __init__(self) -> None:
        super().__init__()
        self.process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])

    def shutdown(self) -> None:
        self.process.kill()
        self.process.wait()


class AsyncSandbox(Sandbox):
    async def shutdown(self, settings: dspy.Settings) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        assert settings.tenant == "me"
        super().shutdown()


@pytest.mark.parametrize("cls", [Sandbox, AsyncSandbox])
@pytest.mark.parametrize("kind", [dspy.RLM, dspy.ProgramOfThought])
async def test_what_a_factory_makes_for_a_cancelled_call_is_shut_down(cls: type[Sandbox], kind: type[dspy.Module]):
    """Cancelling does not wait for the factory, which cannot be interrupted."""
    begun, go_on = threading.Event(), threading.Event()
    made: list[Sandbox] = []

    class Noted(cls):
        def __init__(self) -> None:
            begun.set()
            go_on.wait(20)
            super().__init__()
            made.append(self)

    _, lm = scripted("")
    program = kind("question -> answer", interpreter_factory=Noted)
    running = asyncio.create_task(program(dspy.Settings(lm=lm, tenant="me"), question="?"))
    assert await asyncio.to_thread(begun.wait, 20)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, 1)
    assert not made
    go_on.set()
    until = time.monotonic() + 20
    while time.monotonic() < until and (not made or made[0].process.returncode is None):
        await asyncio.sleep(0.01)
    assert made[0].process.returncode is not None


async def test_cancelling_a_query_ends_everything(factory: Kept):
    """The model is being asked, by the sandbox, by the model."""
    asked = asyncio.Event()

    class Endless(dspy.BaseLM):
        async def forward(self, settings, prompt=None, messages=None, **kwargs):
            asked.set()
            await asyncio.sleep(60)

    _, lm = scripted(step("llm_query_batched(['a', 'b', 'c'])"))
    program = dspy.RLM("question -> answer", sub_lm=Endless("endless"), interpreter_factory=factory)
    tasks = asyncio.all_tasks()
    running = asyncio.create_task(program(dspy.Settings(lm=lm), question="?"))
    await asyncio.wait_for(asked.wait(), 20)
    before = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - before < 1
    assert not any(map(is_running, factory.pids))
    assert asyncio.all_tasks() == tasks


@in_both
async def test_flex_hands_tools_the_settings_and_takes_an_lm_of_its_own(factory: Kept):
    async def whose(settings: dspy.Settings) -> str:
        return settings.tenant

    _, lm = scripted()
    _, own = scripted(fields(answer="blue"))
    program = dspy.Flex("question -> answer", tools=[whose], interpreter_factory=factory)
    program.set_lm(own)
    program._bind_code(
        "class Program(dspy.Module):\n"
        "    def __init__(self):\n"
        "        self.ask = dspy.Predict('question -> answer')\n"
        "    def forward(self, question):\n"
        "        return dspy.Prediction(answer=self.ask(question=question).answer + ' ' + whose())\n"
    )
    result = await program(dspy.Settings(lm=lm, tenant="me"), question="?")
    assert result.answer == "blue me"
    assert not any(map(is_running, factory.pids))


async def test_an_error_of_the_code_ends_a_flex_with_its_process(factory: Kept):
    program = dspy.Flex("question -> answer", interpreter_factory=factory)
    program._bind_code("class Program(dspy.Module):\n    def forward(self, question):\n        return nowhere\n")
    with pytest.raises(CodeExecutionError, match="NameError"):
        await program(dspy.Settings(lm=scripted()[1]), question="?")
    assert not any(map(is_running, factory.pids))


async def test_questions_of_an_rlm_at_once_are_counted_against_its_limit():
    class Answering(dspy.BaseLM):
        async def forward(self, settings: dspy.Settings, /, prompt: Any = None, messages: Any = None, **kwargs: Any):
            await asyncio.sleep(0)
            return ["response"]

        async def __call__(self, settings: dspy.Settings, /, *args: Any, **kwargs: Any):
            return await self.forward(settings, *args, **kwargs)

    query = dspy.RLM("context -> answer", max_llm_calls=10, sub_lm=Answering("m"))._make_llm_tools()["llm_query"]
    settings = dspy.Settings()
    assert await asyncio.gather(*(query(settings, prompt="test") for _ in range(10))) == ["response"] * 10
    with pytest.raises(RuntimeError, match="LLM call limit exceeded"):
        await query(settings, prompt="one more")
