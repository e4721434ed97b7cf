import dspy

devset = [dspy.Example(question="b"), dspy.Example(question="a")]
devset.sort(key=lambda example: example.question)
names = list(map(lambda example: example.question.upper(), devset))
counts = dspy.evaluate.answer_exact_match
default = lambda: {"lm": None}  # noqa: E731
