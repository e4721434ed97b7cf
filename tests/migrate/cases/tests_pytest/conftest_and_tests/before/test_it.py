import dspy


def test_one(answering, ask):
    with dspy.context(lm=answering("a")):
        assert ask("?") == "a"


def test_history(answering):
    lm = answering("a", "b")
    with dspy.context(lm=lm):
        for _ in range(2):
            dspy.Predict("question -> answer")(question="?")
    assert len(lm.history) == 2
