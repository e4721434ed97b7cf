import dspy


class Report(dspy.Module):
    def __init__(self):
        super().__init__()
        self.outline = dspy.Predict("topic -> headings: list[str]")
        self.write = dspy.Predict("topic, heading -> paragraph")

    async def forward(self, settings: dspy.Settings, topic: str) -> dspy.Prediction:
        headings = await self._headings(settings, topic)
        return dspy.Prediction(text="\n\n".join([await self._paragraph(settings, topic, each) for each in headings]))

    async def _headings(self, settings: dspy.Settings, topic: str) -> list[str]:
        return self._tidy((await self.outline(settings, topic=topic)).headings)

    async def _paragraph(self, settings: dspy.Settings, topic: str, heading: str) -> str:
        return f"{heading}\n{(await self.write(settings, topic=topic, heading=heading)).paragraph}"

    @staticmethod
    def _tidy(headings: list[str]) -> list[str]:
        return [each.strip().title() for each in headings if each.strip()]
