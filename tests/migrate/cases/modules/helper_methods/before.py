import dspy


class Report(dspy.Module):
    def __init__(self):
        super().__init__()
        self.outline = dspy.Predict("topic -> headings: list[str]")
        self.write = dspy.Predict("topic, heading -> paragraph")

    def forward(self, topic: str) -> dspy.Prediction:
        headings = self._headings(topic)
        return dspy.Prediction(text="\n\n".join(self._paragraph(topic, each) for each in headings))

    def _headings(self, topic: str) -> list[str]:
        return self._tidy(self.outline(topic=topic).headings)

    def _paragraph(self, topic: str, heading: str) -> str:
        return f"{heading}\n{self.write(topic=topic, heading=heading).paragraph}"

    @staticmethod
    def _tidy(headings: list[str]) -> list[str]:
        return [each.strip().title() for each in headings if each.strip()]
