import abc

import dspy


class Step(dspy.Module, abc.ABC):
    def forward(self, text):
        self.check(text)
        return self.finish(self.run(text))

    def check(self, text):
        if not text:
            raise ValueError("nothing to work on")

    @abc.abstractmethod
    def run(self, text):
        """Does the work."""

    def finish(self, result):
        return result


class Translate(Step):
    def __init__(self):
        super().__init__()
        self.translate = dspy.Predict("text -> translation")

    def run(self, text):
        return self.translate(text=text).translation


class Shout(Step):
    def run(self, text):
        return text.upper()


class Polite(Translate):
    def run(self, text):
        return super().run(f"please, {text}")
