"""Callbacks: which events come in which order, with what, for which object, and what their errors do."""

import dspy
import pytest
from dspy.utils.callback import BaseCallback, with_callbacks

from tests.contract.support import QA, ScriptedLM, exact, examples


class Log(BaseCallback):
    """Keeps each event."""

    def __init__(self):
        self.events = []
        self.calls = {}

    def on_module_start(self, call_id, instance, inputs):
        self.events.append(("module start", type(instance).__name__, inputs))
        self.calls[call_id] = "module"

    def on_module_end(self, call_id, outputs, exception):
        self.events.append(("module end", self.calls[call_id], outputs or exception))

    def on_lm_start(self, call_id, instance, inputs):
        self.events.append(("lm start", instance.model, inputs))
        self.calls[call_id] = "lm"

    def on_lm_end(self, call_id, outputs, exception):
        self.events.append(("lm end", self.calls[call_id], outputs or exception))

    def on_adapter_format_start(self, call_id, instance, inputs):
        self.events.append(("format start", type(instance).__name__, inputs))

    def on_adapter_format_end(self, call_id, outputs, exception):
        self.events.append(("format end", None, outputs or exception))

    def on_adapter_parse_start(self, call_id, instance, inputs):
        self.events.append(("parse start", type(instance).__name__, inputs))

    def on_adapter_parse_end(self, call_id, outputs, exception):
        self.events.append(("parse end", None, outputs or exception))

    def on_tool_start(self, call_id, instance, inputs):
        self.events.append(("tool start", instance.name, inputs))

    def on_tool_end(self, call_id, outputs, exception):
        self.events.append(("tool end", None, outputs or exception))

    def on_evaluate_start(self, call_id, instance, inputs):
        self.events.append(("evaluate start", type(instance).__name__, inputs))

    def on_evaluate_end(self, call_id, outputs, exception):
        self.events.append(("evaluate end", None, outputs or exception))

    def on_compile_start(self, call_id, instance, inputs):
        self.events.append(("compile start", type(instance).__name__, inputs))

    def on_compile_end(self, call_id, outputs, exception=None):
        self.events.append(("compile end", None, outputs or exception))

    @property
    def names(self):
        return [name for name, _, _ in self.events]


def test_the_order_of_events_of_a_program():
    log = Log()
    with dspy.context(lm=ScriptedLM([{"answer": "4"}]), callbacks=[log]):
        QA()(question="2+2")
    assert log.names == [
        "module start",
        "module start",
        "format start",
        "format end",
        "lm start",
        "lm end",
        "parse start",
        "parse end",
        "module end",
        "module end",
    ]


def test_what_events_carry():
    log = Log()
    with dspy.context(lm=ScriptedLM([{"answer": "4"}]), callbacks=[log]):
        QA()(question="2+2")
    assert log.events[0] == ("module start", "QA", {"args": (), "kwargs": {"question": "2+2"}})
    assert log.events[1][1] == "Predict"
    assert log.events[2][1] == "ChatAdapter"
    assert log.events[2][2]["inputs"] == {"question": "2+2"}
    assert [m["role"] for m in log.events[3][2]] == ["system", "user"]
    assert log.events[4][1] == "scripted"
    assert log.events[7][2] == {"answer": "4"}
    assert log.events[-1][2].answer == "4"


def test_an_error_is_told_as_the_exception():
    log = Log()
    with dspy.context(lm=ScriptedLM([dspy.LMServerError("down")]), callbacks=[log]):
        with pytest.raises(dspy.LMServerError):
            QA()(question="2+2")
    ends = [value for name, _, value in log.events if name.endswith("end")]
    assert [type(value).__name__ for value in ends][1:] == ["LMServerError"] * 3


def test_callbacks_of_one_module_and_one_model():
    log, of_model = Log(), Log()
    lm = ScriptedLM([{"answer": "4"}], callbacks=[of_model])
    program = dspy.Predict("question -> answer", callbacks=[log])
    with dspy.context(lm=lm):
        program(question="2+2")
    assert log.names == ["module start", "module end"]
    assert of_model.names == ["lm start", "lm end"]


def test_callbacks_of_an_adapter():
    log = Log()
    with dspy.context(lm=ScriptedLM([{"answer": "4"}]), adapter=dspy.ChatAdapter(callbacks=[log])):
        QA()(question="2+2")
    assert log.names == ["format start", "format end", "parse start", "parse end"]


def test_callbacks_of_the_settings_go_before_those_of_the_object():
    order = []

    class Named(BaseCallback):
        def __init__(self, name):
            self.name = name

        def on_module_start(self, call_id, instance, inputs):
            order.append(self.name)

    with dspy.context(lm=ScriptedLM([{"answer": "4"}]), callbacks=[Named("settings")]):
        dspy.Predict("question -> answer", callbacks=[Named("own")])(question="2+2")
    assert order == ["settings", "own"]


def test_tools_have_events():
    log = Log()

    def double(n: int) -> int:
        return n * 2

    with dspy.context(callbacks=[log]):
        dspy.Tool(double)(n=2)
    assert log.events == [("tool start", "double", {"kwargs": {"n": 2}}), ("tool end", None, 4)]


def test_evaluations_have_events():
    log = Log()
    with dspy.context(lm=ScriptedLM([{"answer": "1"}]), callbacks=[log]):
        dspy.Evaluate(devset=examples(a="1"), metric=exact, num_threads=1)(QA(), callback_metadata={"run": 7})
    assert (log.names[0], log.names[-1]) == ("evaluate start", "evaluate end")
    assert log.events[0][2]["callback_metadata"] == {"run": 7}
    assert log.events[-1][2].score == 100.0


def test_compilations_have_events():
    log = Log()
    with dspy.context(callbacks=[log]):
        dspy.LabeledFewShot(k=1).compile(QA(), trainset=examples(a="1"))
    assert log.names == ["compile start", "compile end"]
    assert log.events[0][1] == "LabeledFewShot"
    assert len(log.events[-1][2].ask.demos) == 1


def test_a_callback_that_fails_does_no_harm():
    class Broken(BaseCallback):
        def on_module_start(self, call_id, instance, inputs):
            raise RuntimeError("broken")

        def on_lm_end(self, call_id, outputs, exception):
            raise RuntimeError("broken too")

    with dspy.context(lm=ScriptedLM([{"answer": "4"}]), callbacks=[Broken()]):
        assert QA()(question="2+2").answer == "4"


def test_calls_within_calls_have_ids_of_their_own():
    ids = []

    class Ids(BaseCallback):
        def on_module_start(self, call_id, instance, inputs):
            ids.append((call_id, dspy.utils.callback.ACTIVE_CALL_ID.get()))

    with dspy.context(lm=ScriptedLM([{"answer": "4"}]), callbacks=[Ids()]):
        QA()(question="2+2")
    (outer, before), (inner, around) = ids
    assert before is None
    assert around == outer
    assert inner != outer


def test_a_class_of_ones_own_has_callbacks():
    log = Log()

    class Searcher(dspy.Module):
        @with_callbacks
        def __call__(self, query):
            return [query]

    with dspy.context(callbacks=[log]):
        assert Searcher()("x") == ["x"]
    assert log.names == ["module start", "module end"]


def test_the_interpreter_has_events():
    import sys
    from pathlib import Path

    from tests.support import sandbox

    names = []

    class Watch(BaseCallback):
        def on_interpreter_startup_start(self, call_id, instance, inputs):
            names.append("startup")

        def on_interpreter_execute_start(self, call_id, instance, inputs):
            names.append(f"execute {inputs['code']}")

        def on_interpreter_execute_end(self, call_id, outputs, exception=None):
            names.append(f"executed {outputs}")

        def on_interpreter_tool_call_start(self, call_id, instance, inputs):
            names.append("tool")

        def on_interpreter_shutdown_end(self, call_id, outputs, exception=None):
            names.append("shutdown")

    def one() -> int:
        return 1

    command = [sys.executable, str(Path(sandbox.__file__))]
    with dspy.PythonInterpreter(deno_command=command, tools={"one": one}, callbacks=[Watch()]) as interpreter:
        interpreter.execute("one() + 1")
    assert names == ["execute one() + 1", "startup", "tool", "executed 2", "shutdown"]


def test_handlers_that_do_nothing_are_inherited():
    class Nothing(BaseCallback):
        pass

    def double(n: int) -> int:
        return n * 2

    with dspy.context(lm=ScriptedLM([{"answer": "1"}]), callbacks=[Nothing()]):
        assert dspy.Evaluate(devset=examples(a="1"), metric=exact, num_threads=1)(QA()).score == 100.0
        assert dspy.Tool(double)(n=2) == 4
        assert dspy.LabeledFewShot(k=1).compile(QA(), trainset=examples(a="1")) is not None
