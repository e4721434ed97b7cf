import dspy


class Client:
    """What the rest of the code talks to; nothing of it shows DSPy."""

    def __init__(self):
        self._predict = dspy.Predict("prompt -> text")

    async def ask(self, settings: dspy.Settings, prompt: str) -> str:
        return (await self._predict(settings, prompt=prompt)).text
