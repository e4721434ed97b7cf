import json

import dspy
from dspy.adapters import ChatAdapter


class Terse(ChatAdapter):
    async def format(self, settings: dspy.Settings, signature, demos, inputs):
        messages = await super().format(settings, signature, demos, inputs)
        messages[0]["content"] += "\nBe brief."
        return messages

    async def parse(self, settings: dspy.Settings, signature, completion):
        try:
            return json.loads(completion)
        except ValueError:
            return await super().parse(settings, signature, completion)

    def user_message_output_requirements(self, signature):
        return "Answer in few words."


async def preview(settings: dspy.Settings, signature, inputs):
    return (await Terse().format(settings, signature, [], inputs))[-1]["content"]


dspy.configure(adapter=Terse())
