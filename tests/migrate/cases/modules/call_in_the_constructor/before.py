import dspy


class Primed(dspy.Module):
    def __init__(self, topic):
        super().__init__()
        self.facts = dspy.Predict("topic -> facts: list[str]")(topic=topic).facts
        self.answer = dspy.Predict("facts, question -> answer")

    def forward(self, question):
        return self.answer(facts=self.facts, question=question)
