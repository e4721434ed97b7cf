import dspy


class Debate(dspy.Module):
    def __init__(self, rounds: int):
        super().__init__()
        self.speakers = [dspy.Predict("topic, said -> remark") for _ in range(rounds)]
        self.judge = {"fair": dspy.Predict("remarks -> verdict")}

    def forward(self, topic):
        said = []
        for number, speaker in enumerate(self.speakers):
            said.append(f"{number}: {speaker(topic=topic, said=said).remark}")
        return self.judge["fair"](remarks=said)
