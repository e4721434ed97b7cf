import abc

import dspy


class Step(dspy.Module, abc.ABC):
    async def forward(self, settings: dspy.Settings, text):
        self.check(text)
        return self.finish(await self.run(settings, text))

    def check(self, text):
        if not text:
            raise ValueError("nothing to work on")

    @abc.abstractmethod
    async def run(self, settings: dspy.Settings, text):
        """Does the work."""

    def finish(self, result):
        return result


class Translate(Step):
    def __init__(self):
        super().__init__()
        self.translate = dspy.Predict("text -> translation")

    async def run(self, settings: dspy.Settings, text):
        return (await self.translate(settings, text=text)).translation


class Shout(Step):
    async def run(self, settings: dspy.Settings, text):
        return text.upper()


class Polite(Translate):
    async def run(self, settings: dspy.Settings, text):
        return await super().run(settings, f"please, {text}")
