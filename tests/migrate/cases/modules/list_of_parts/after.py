import dspy


class Debate(dspy.Module):
    def __init__(self, rounds: int):
        super().__init__()
        self.speakers = [dspy.Predict("topic, said -> remark") for _ in range(rounds)]
        self.judge = {"fair": dspy.Predict("remarks -> verdict")}

    async def forward(self, settings: dspy.Settings, topic):
        said = []
        for number, speaker in enumerate(self.speakers):
            said.append(f"{number}: {(await speaker(settings, topic=topic, said=said)).remark}")
        return await self.judge["fair"](settings, remarks=said)
