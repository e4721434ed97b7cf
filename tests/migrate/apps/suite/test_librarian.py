from unittest import mock

import dspy
import pytest
from dspy.utils import DummyLM
from librarian import Librarian, known

CATALOGUE = {"Emma", "Ulysses"}


@pytest.fixture
def lm():
    return DummyLM([{"title": "Dracula"}, {"title": "Emma"}, {"title": "Dracula"}, {"title": "Dracula"}])


@pytest.fixture
def librarian(lm):
    program = Librarian(CATALOGUE)
    program.set_lm(lm)
    return program


class Refusing(dspy.BaseLM):
    def __init__(self):
        super().__init__(model="refusing")
        self.prompts = []

    def forward(self, prompt=None, messages=None, **kwargs):
        self.prompts.append(messages[-1]["content"])
        raise ConnectionError("no")


def test_asks_again(librarian, lm):
    prediction = librarian(wish="a novel")
    assert prediction.title == "Emma"
    assert prediction.refused == ["Dracula"]
    assert len(lm.history) == 2


def test_gives_up(librarian):
    librarian(wish="a novel")
    with pytest.raises(LookupError, match="a novel"):
        librarian(wish="a novel")


@pytest.mark.parametrize("title, score", [("Emma", 100.0), ("Ulysses", 0.0)])
def test_metric(librarian, title, score):
    devset = [dspy.Example(wish="a novel", title=title).with_inputs("wish")]
    evaluate = dspy.Evaluate(devset=devset, metric=known, num_threads=1, display_progress=False)
    assert evaluate(librarian).score == score


def test_known():
    assert known(dspy.Example(title="Emma"), dspy.Prediction(title="Emma"))


def test_in_a_block():
    lm = Refusing()
    with dspy.context(lm=lm):
        with pytest.raises(ConnectionError):
            Librarian(CATALOGUE)(wish="a novel")
    # The chat format first, then JSON.
    assert len(lm.prompts) == 2


def test_what_the_provider_is_sent():
    with mock.patch("litellm.completion", side_effect=ValueError("stop")) as completion:
        program = Librarian(CATALOGUE)
        with dspy.context(lm=dspy.LM("openai/none", api_key="none", cache=False)):
            with pytest.raises(dspy.LMError, match="stop"):
                program(wish="a novel")
    assert completion.call_args.kwargs["model"] == "openai/none"


def test_catalogue():
    assert Librarian(CATALOGUE).catalogue == CATALOGUE
