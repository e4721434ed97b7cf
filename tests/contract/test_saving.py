"""Saving and loading programs: state and whole programs, in each form, with models, demos and types."""

import json

import dspy
import pytest

from tests.contract.support import QA, ScriptedLM


class Pipeline(dspy.Module):
    """Two parts, one of them in a list."""

    def __init__(self):
        super().__init__()
        self.first = dspy.ChainOfThought("question -> draft")
        self.rest = [dspy.Predict("draft -> answer")]

    def forward(self, question):
        return self.rest[0](draft=self.first(question=question).draft)


def trained():
    program = Pipeline()
    program.first.predict.signature = program.first.predict.signature.with_instructions("Be brief.")
    program.first.predict.demos = [dspy.Example(question="q", reasoning="r", draft="d").with_inputs("question")]
    program.rest[0].lm = dspy.LM("openai/m", temperature=0.2, max_tokens=3)
    return program


@pytest.mark.parametrize("suffix", ["json", "pkl"])
def test_state_in_each_form(tmp_path, suffix):
    path = str(tmp_path / f"state.{suffix}")
    trained().save(path)
    loaded = Pipeline()
    loaded.load(path, allow_pickle=suffix == "pkl")
    assert loaded.first.predict.signature.instructions == "Be brief."
    assert loaded.first.predict.demos[0]["draft"] == "d"
    assert loaded.rest[0].lm.kwargs["temperature"] == 0.2


def test_a_pickle_is_not_loaded_unasked(tmp_path):
    trained().save(str(tmp_path / "state.pkl"))
    with pytest.raises(ValueError, match="allow_pickle"):
        Pipeline().load(str(tmp_path / "state.pkl"))


@pytest.mark.parametrize("name", ["state.txt", "state"])
def test_another_suffix_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="must end with"):
        trained().save(str(tmp_path / name))


def test_the_file_says_what_it_was_made_with(tmp_path):
    trained().save(str(tmp_path / "state.json"))
    saved = json.loads((tmp_path / "state.json").read_text())
    assert set(saved) == {"first.predict", "rest[0]", "metadata"}
    assert set(saved["metadata"]["dependency_versions"]) == {"python", "dspy", "cloudpickle"}
    assert saved["first.predict"]["demos"] == [{"question": "q", "reasoning": "r", "draft": "d"}]
    assert saved["first.predict"]["signature"]["fields"][0] == {
        "prefix": "Question:",
        "description": "${question}",
    }


def test_keys_are_not_in_the_file(tmp_path):
    program = QA()
    program.set_lm(dspy.LM("openai/m", api_key="secret"))
    program.save(str(tmp_path / "state.json"))
    assert "secret" not in (tmp_path / "state.json").read_text()


def test_addresses_of_models_are_not_loaded_unasked(tmp_path):
    program = QA()
    program.set_lm(dspy.LM("openai/m", api_base="http://elsewhere"))
    program.save(str(tmp_path / "state.json"))
    plain, trusting = QA(), QA()
    plain.load(str(tmp_path / "state.json"))
    trusting.load(str(tmp_path / "state.json"), allow_unsafe_lm_state=True)
    assert "api_base" not in plain.ask.lm.kwargs
    assert trusting.ask.lm.kwargs["api_base"] == "http://elsewhere"


def test_a_whole_program(tmp_path):
    trained().save(str(tmp_path / "program"), save_program=True)
    loaded = dspy.load(str(tmp_path / "program"), allow_pickle=True)
    assert type(loaded).__name__ == "Pipeline"
    assert loaded.first.predict.demos[0].draft == "d"
    lm = ScriptedLM([{"reasoning": "r", "draft": "x"}, {"answer": "y"}])
    loaded.set_lm(lm)
    assert loaded(question="q").answer == "y"


def test_a_whole_program_is_not_loaded_unasked(tmp_path):
    trained().save(str(tmp_path / "program"), save_program=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        dspy.load(str(tmp_path / "program"))


def test_a_whole_program_wants_a_folder(tmp_path):
    with pytest.raises(ValueError, match="must point to a directory"):
        trained().save(str(tmp_path / "program.json"), save_program=True)


def test_nothing_there_to_load(tmp_path):
    with pytest.raises(FileNotFoundError):
        dspy.load(str(tmp_path / "none"), allow_pickle=True)


def test_a_loaded_program_asks_the_same(tmp_path):
    first, second = ScriptedLM([{"reasoning": "r", "draft": "x"}]), ScriptedLM([{"reasoning": "r", "draft": "x"}])
    program = trained()
    program.save(str(tmp_path / "state.json"))
    loaded = Pipeline()
    loaded.load(str(tmp_path / "state.json"))
    program.first(question="q", lm=first)
    loaded.first(question="q", lm=second)
    assert first.requests == second.requests


def test_demos_with_images_survive(tmp_path):
    program = dspy.Predict("image: dspy.Image -> caption")
    program.demos = [dspy.Example(image=dspy.Image("https://example.com/a.png"), caption="a")]
    program.save(str(tmp_path / "state.json"))
    loaded = dspy.Predict("image: dspy.Image -> caption")
    loaded.load(str(tmp_path / "state.json"))
    lm = ScriptedLM([{"caption": "b"}])
    loaded(image=dspy.Image("https://example.com/b.png"), lm=lm)
    urls = [
        part["image_url"]["url"]
        for message in lm.requests[0]
        if isinstance(message["content"], list)
        for part in message["content"]
        if part["type"] == "image_url"
    ]
    assert urls == ["https://example.com/a.png", "https://example.com/b.png"]


def test_state_by_hand():
    program, other = trained(), Pipeline()
    other.load_state(program.dump_state())
    assert other.dump_state() == program.dump_state()


@pytest.mark.parametrize(
    "program",
    [
        dspy.ReAct("question -> answer", tools=[len]),
        dspy.MultiChainComparison("question -> answer", M=2),
        dspy.ProgramOfThought("question -> answer"),
        dspy.RLM("question -> answer"),
    ],
    ids=["react", "comparison", "thought", "rlm"],
)
def test_each_module_has_state_that_loads(program, tmp_path):
    other = program.deepcopy()
    for _, part in program.named_predictors():
        part.demos = [dspy.Example(answer="demo")]
    program.save(str(tmp_path / "state.json"))
    other.load(str(tmp_path / "state.json"))
    assert [part.demos[0]["answer"] for _, part in other.named_predictors()] == ["demo"] * len(program.predictors())
