import json

import dspy
from dspy.adapters import ChatAdapter


class Terse(ChatAdapter):
    def format(self, signature, demos, inputs):
        messages = super().format(signature, demos, inputs)
        messages[0]["content"] += "\nBe brief."
        return messages

    def parse(self, signature, completion):
        try:
            return json.loads(completion)
        except ValueError:
            return super().parse(signature, completion)

    def user_message_output_requirements(self, signature):
        return "Answer in few words."


def preview(signature, inputs):
    return Terse().format(signature, [], inputs)[-1]["content"]


dspy.configure(adapter=Terse())
