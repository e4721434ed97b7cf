"""What asks the model."""

from typing import Literal

import dspy


class Triage(dspy.Signature):
    """Decide who answers a customer's message."""

    message: str = dspy.InputField()
    desk: Literal["orders", "billing", "other"] = dspy.OutputField()


class Support(dspy.Module):
    """Answers a message with the desk it belongs to."""

    def __init__(self, desks: dict[str, str]):
        super().__init__()
        self.triage = dspy.Predict(Triage)
        self.reply = dspy.ChainOfThought("message, guideline -> reply")
        self.desks = desks

    def forward(self, message: str) -> dspy.Prediction:
        desk = self.triage(message=message).desk
        reply = self.reply(message=message, guideline=self.guideline(desk)).reply
        return dspy.Prediction(desk=desk, reply=self.signed(reply))

    def guideline(self, desk: str) -> str:
        return self.desks.get(desk, "Be kind.")

    @staticmethod
    def signed(reply: str) -> str:
        return f"{reply} -- your shop"


def summarize(messages: list[str]) -> list[str]:
    """A line for each message."""
    shorten = dspy.Predict("message -> line")
    return [shorten(message=each).line for each in messages]
