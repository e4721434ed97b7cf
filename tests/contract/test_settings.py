"""Settings: defaults, blocks, nesting, threads, saving; and the small helpers around them."""

import logging
import threading

import dspy
import pytest

from tests.contract.support import QA, ScriptedLM


class WhichModel(dspy.Module):
    """Says which model it would ask."""

    def forward(self):
        return dspy.settings.lm.model


def test_the_defaults():
    assert dspy.settings.lm is None
    assert dspy.settings.adapter is None
    assert dspy.settings.num_threads == 8
    assert dspy.settings.max_errors == 10
    assert dspy.settings.track_usage is False


def test_configure_is_for_all_that_follows():
    dspy.configure(lm=ScriptedLM([], model="one"))
    assert WhichModel()() == "one"
    dspy.configure(lm=ScriptedLM([], model="two"))
    assert WhichModel()() == "two"


def test_a_block_is_for_what_is_in_it():
    dspy.configure(lm=ScriptedLM([], model="outer"))
    with dspy.context(lm=ScriptedLM([], model="inner")):
        assert WhichModel()() == "inner"
    assert WhichModel()() == "outer"


def test_blocks_nest():
    with dspy.context(lm=ScriptedLM([], model="a"), num_threads=3):
        with dspy.context(lm=ScriptedLM([], model="b")):
            assert (WhichModel()(), dspy.settings.num_threads) == ("b", 3)
        assert WhichModel()() == "a"


def test_a_block_ends_when_something_fails():
    dspy.configure(lm=ScriptedLM([], model="outer"))
    with pytest.raises(RuntimeError):
        with dspy.context(lm=ScriptedLM([], model="inner")):
            raise RuntimeError("x")
    assert WhichModel()() == "outer"


def test_names_of_ones_own():
    with dspy.context(favourite="tea"):
        assert dspy.settings.favourite == dspy.settings["favourite"] == "tea"
        assert "favourite" in dspy.settings
        assert dspy.settings.get("nothing", 3) == 3


def test_an_unknown_name_is_an_error():
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = dspy.settings.nothing_like_it


def test_a_copy_is_a_snapshot():
    with dspy.context(favourite="tea"):
        copy = dspy.settings.copy()
    assert copy["favourite"] == "tea"
    assert "favourite" not in dspy.settings


def test_settings_are_saved_and_loaded(tmp_path):
    path = str(tmp_path / "settings.pkl")
    with dspy.context(num_threads=3, lm=dspy.LM("openai/m", temperature=0.5)):
        dspy.settings.save(path)
    loaded = dspy.load_settings(path, allow_pickle=True)
    assert loaded["num_threads"] == 3
    assert loaded["lm"].kwargs["temperature"] == 0.5


def test_a_program_in_a_block_within_a_program():
    class Strong(dspy.Module):
        def __init__(self, lm):
            super().__init__()
            self.strong = lm
            self.ask = dspy.Predict("question -> answer")

        def forward(self, question):
            draft = self.ask(question=question).answer
            with dspy.context(lm=self.strong):
                return self.ask(question=draft)

    weak, strong = ScriptedLM([{"answer": "draft"}]), ScriptedLM([{"answer": "final"}])
    with dspy.context(lm=weak):
        assert Strong(strong)(question="q").answer == "final"
    assert "draft" in strong.prompts[0]


def test_a_helper_function_sees_the_block_of_its_caller():
    def helper(question):
        return dspy.Predict("question -> answer")(question=question).answer

    def caller():
        with dspy.context(lm=ScriptedLM([{"answer": "inner"}])):
            return helper("x")

    dspy.configure(lm=ScriptedLM([{"answer": "outer"}]))
    assert (caller(), helper("x")) == ("inner", "outer")


def test_an_adapter_of_the_settings():
    lm = ScriptedLM(['{"answer": "4"}'])
    with dspy.context(lm=lm, adapter=dspy.JSONAdapter()):
        assert QA()(question="2+2").answer == "4"


def test_threads_see_what_was_configured():
    dspy.configure(num_threads=5)
    seen = []
    thread = threading.Thread(target=lambda: seen.append(dspy.settings.num_threads))
    thread.start()
    thread.join()
    assert seen == [5]


def test_types_that_do_not_fit_are_told(caplog):
    logger = logging.getLogger("dspy")
    logger.propagate = True
    try:
        with dspy.context(lm=ScriptedLM([{"a": "x"}])):
            dspy.Predict("n: int -> a")(n="many")
    finally:
        logger.propagate = False
    assert any("Type mismatch for field 'n'" in record.message for record in caplog.records)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [({}, "Not all input fields were provided"), ({"q": "x", "more": 1}, "Input contains fields not in signature")],
)
def test_inputs_that_do_not_fit_are_told(caplog, inputs, words):
    logger = logging.getLogger("dspy")
    logger.propagate = True
    try:
        with dspy.context(lm=ScriptedLM([{"a": "x"}])):
            dspy.Predict("q -> a")(**inputs)
    finally:
        logger.propagate = False
    assert any(words in record.message for record in caplog.records)


def test_logging_is_switched_off_and_on(capsys):
    dspy.disable_logging()
    logging.getLogger("dspy.contract").warning("unheard")
    dspy.enable_logging()
    logging.getLogger("dspy.contract").warning("heard")
    assert "unheard" not in capsys.readouterr().err


def test_the_version_is_told():
    assert dspy.__version__.count(".") >= 2
    assert dspy.__name__ == "dspy"
