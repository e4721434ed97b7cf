"""Callbacks: their order, their family tree, and that each sees its own tenant's calls."""

import asyncio

import cloudpickle
import dspy
import pytest
from dspy.utils.callback import with_callbacks
from dspy.utils.callback_context import ACTIVE_CALL_ID

from tests.generated.support import Recorder, fields, scripted


class Tree(Recorder):
    """Remembers for each call the one it was made in."""

    def __init__(self):
        super().__init__()
        self.parents = {}
        self.kinds = {}

    def _start(self, name, call_id, instance, settings, inputs):
        super()._start(name, call_id, instance, settings, inputs)
        self.kinds[call_id] = f"{name} {type(instance).__name__}"
        self.parents[call_id] = ACTIVE_CALL_ID.get()

    def lineage(self, kind: str) -> list[str]:
        """The kinds of calls from the first of a kind up to the root."""
        call = next(call for call, found in self.kinds.items() if found == kind)
        found = []
        while call is not None:
            found.append(self.kinds[call])
            call = self.parents[call]
        return found


class Program(dspy.Module):
    def __init__(self):
        super().__init__()
        self.answer = dspy.ChainOfThought("question -> answer")

    async def forward(self, settings, question):
        await dspy.Tool(self.look)(settings, text=question)
        return await self.answer(settings, question=question)

    async def look(self, settings, text: str) -> str:
        return text


async def test_order_and_ancestry():
    tree = Tree()
    _, lm = scripted(fields(reasoning="r", answer="a"))
    await Program()(dspy.Settings(lm=lm, callbacks=[tree]), question="?")
    assert tree.names == [
        "module start",
        "tool start", "tool end",
        "module start", "module start",
        "adapter_format start", "adapter_format end",
        "lm start", "lm end",
        "adapter_parse start", "adapter_parse end",
        "module end", "module end",
        "module end",
    ]  # fmt: skip
    assert tree.lineage("lm Scripted") == [
        "lm Scripted", "module Predict", "module ChainOfThought", "module Program",
    ]  # fmt: skip
    assert tree.lineage("tool Tool") == ["tool Tool", "module Program"]
    assert all(len(events) == 2 for events in tree.calls.values())
    assert ACTIVE_CALL_ID.get() is None


@pytest.mark.api("5.12")
async def test_calls_at_once_keep_their_families():
    """Children of a `gather` and items of `Parallel` and `Evaluate` belong to the call that started them."""
    tree = Tree()
    _, lm = scripted(*[fields(reasoning="r", answer="a")] * 12)

    class Fan(dspy.Module):
        def __init__(self):
            super().__init__()
            self.parts = [dspy.Predict("question -> answer") for _ in range(4)]

        async def forward(self, settings, question):
            await asyncio.gather(*(part(settings, question=question) for part in self.parts))
            pairs = [(part, {"question": question}) for part in self.parts]
            await dspy.Parallel(num_threads=2, disable_progress_bar=True)(settings, pairs)
            return dspy.Prediction(answer="a")

    data = [dspy.Example(question="?").with_inputs("question")]
    settings = dspy.Settings(lm=lm, callbacks=[tree])
    await dspy.Evaluate(devset=data, metric=lambda e, p: 1, num_threads=2)(settings, Fan())
    calls = [call for call, kind in tree.kinds.items() if kind == "lm Scripted"]
    assert len(calls) == 8
    for call in calls:
        predict = tree.parents[call]
        fan = tree.parents[predict]
        assert [tree.kinds[each] for each in (predict, fan, tree.parents[fan])] == [
            "module Predict", "module Fan", "evaluate Evaluate",
        ]  # fmt: skip


async def test_exceptions_reach_the_end_handlers():
    recorder = Recorder()

    class Broken(dspy.Module):
        async def forward(self, settings):
            raise KeyError("mine")

    with pytest.raises(KeyError):
        await Broken()(dspy.Settings(callbacks=[recorder]))
    assert recorder.names == ["module start", "module end"]
    assert isinstance(recorder.events[1][1], KeyError)


async def test_cancellation_reaches_the_end_handlers():
    recorder = Recorder()

    class Waits(dspy.Module):
        async def forward(self, settings):
            await asyncio.sleep(30)

    task = asyncio.create_task(Waits()(dspy.Settings(callbacks=[recorder])))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert recorder.names == ["module start", "module end"]
    assert isinstance(recorder.events[1][1], asyncio.CancelledError)


async def test_those_of_the_settings_come_before_the_instances():
    order = []

    def handler(name):
        class Handler(dspy.utils.BaseCallback):
            async def on_module_start(self, call_id, instance, settings, inputs):
                order.append(name)

        return Handler()

    _, lm = scripted(fields(answer="a"))
    predict = dspy.Predict("question -> answer", callbacks=[handler("instance")])
    settings = dspy.Settings(lm=lm, callbacks=[handler("first"), handler("second")])
    await predict(settings, question="?")
    assert order == ["first", "second", "instance"]


class TestSuper:
    """What handlers of `BaseCallback` itself take: subclasses call them."""

    @staticmethod
    async def heard(callback: dspy.utils.BaseCallback, caplog: pytest.LogCaptureFixture) -> None:
        _, lm = scripted(fields(answer="a"))
        await dspy.Predict("question -> answer")(dspy.Settings(lm=lm, callbacks=[callback]), question="?")
        assert not [record.message for record in caplog.records if "callback" in record.message]

    @pytest.mark.api("3.9")
    async def test_as_upstream_calls_it(self, caplog: pytest.LogCaptureFixture):
        heard = []

        class Handler(dspy.utils.BaseCallback):
            def on_lm_start(self, call_id, instance, inputs):
                super().on_lm_start(call_id, instance, inputs)
                heard.append("start")

            def on_lm_end(self, call_id, outputs, exception=None):
                super().on_lm_end(call_id, outputs, exception)
                heard.append("end")

            def on_module_start(self, call_id, instance, inputs):
                super().on_module_start(call_id=call_id, instance=instance, inputs=inputs)
                heard.append("module start")

            def on_module_end(self, call_id, outputs, exception):
                super().on_module_end(call_id, outputs=outputs)
                heard.append("module end")

        await self.heard(Handler(), caplog)
        assert heard == ["module start", "start", "end", "module end"]

    async def test_with_settings(self, caplog: pytest.LogCaptureFixture):
        heard = []

        class Handler(dspy.utils.BaseCallback):
            async def on_lm_start(self, call_id, instance, settings, inputs):
                await super().on_lm_start(call_id, instance, settings, inputs)
                await super().on_lm_start(call_id, instance, inputs, settings=settings)
                heard.append("start")

            async def on_lm_end(self, call_id, settings, outputs, exception):
                await asyncio.gather(super().on_lm_end(call_id, settings, outputs, exception=exception))
                await super().on_lm_end(call_id=call_id, settings=settings, outputs=outputs, exception=exception)
                heard.append("end")

        await self.heard(Handler(), caplog)
        assert heard == ["start", "end"]

    def test_arguments_that_do_not_fit(self):
        base = dspy.utils.BaseCallback()
        with pytest.raises(TypeError, match=r"on_lm_start\(\) missing 1 required positional argument: 'inputs'"):
            base.on_lm_start("id", None)
        with pytest.raises(TypeError, match=r"on_lm_end\(\) got an unexpected keyword argument 'output'"):
            base.on_lm_end("id", output=1)


async def test_an_async_handler_is_awaited_before_the_call_goes_on():
    order = []

    class Handler(dspy.utils.BaseCallback):
        async def on_lm_start(self, call_id, instance, settings, inputs):
            await asyncio.sleep(0.01)
            order.append("handler")

    class LM(dspy.BaseLM):
        async def forward(self, settings, /, prompt=None, messages=None, **kwargs):
            order.append("model")
            raise dspy.LMServerError("enough")

    with pytest.raises(dspy.LMServerError):
        await LM(model="m")(dspy.Settings(callbacks=[Handler()]), "hi")
    assert order == ["handler", "model"]


async def test_compile_is_told_once():
    recorder = Recorder()
    _, lm = scripted(*[fields(answer="a")] * 4)
    data = [dspy.Example(question=f"q{n}", answer="a").with_inputs("question") for n in range(2)]
    optimizer = dspy.BootstrapFewShot(metric=lambda e, p, t=None: True)
    student = dspy.Predict("question -> answer")
    program = await optimizer.compile(dspy.Settings(lm=lm, callbacks=[recorder]), student, trainset=data)
    # Once for the optimizer, once for the one it uses to label its teacher.
    starts = [inputs for name, inputs in recorder.events if name == "compile start"]
    assert starts[0]["student"] is student and set(starts[0]) == {"student", "teacher", "trainset"}
    assert recorder.names[0] == "compile start" and recorder.names[-1] == "compile end"
    assert recorder.events[-1][1] is program


@pytest.mark.api("5.12")
async def test_tenants_do_not_hear_each_other():
    recorders = [Recorder() for _ in range(5)]
    program = Program()

    async def tenant(recorder, number):
        _, lm = scripted(fields(reasoning="r", answer=number))
        return await program(dspy.Settings(lm=lm, callbacks=[recorder]), question=f"q{number}")

    found = await asyncio.gather(*(tenant(recorder, n) for n, recorder in enumerate(recorders)))
    assert [each.answer for each in found] == [str(n) for n in range(5)]
    for number, recorder in enumerate(recorders):
        assert len(recorder.events) == 14
        assert recorder.events[0][1] == {"args": (), "kwargs": {"question": f"q{number}"}}


async def test_a_wrapper_survives_cloudpickle():
    # It is pickled by value, with the names that it uses, none of which may be a context variable.
    async def waits(self, settings):
        return type(settings).__name__

    plain = cloudpickle.loads(cloudpickle.dumps(with_callbacks(lambda self: "plain")))
    waiting = cloudpickle.loads(cloudpickle.dumps(with_callbacks(waits)))
    assert await plain(object(), dspy.Settings()) == "plain"
    assert await waiting(object(), dspy.Settings()) == "Settings"

    # With somebody to be told, the call is the active one while it runs.
    async def active(self, settings):
        from dspy.utils import callback_context

        return callback_context.ACTIVE_CALL_ID.get()

    told = cloudpickle.loads(cloudpickle.dumps(with_callbacks(active)))
    assert await told(object(), dspy.Settings(callbacks=[dspy.utils.BaseCallback()])) is not None
    assert ACTIVE_CALL_ID.get() is None
