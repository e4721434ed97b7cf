import dspy


class Client:
    """What the rest of the code talks to; nothing of it shows DSPy."""

    def __init__(self):
        self._predict = dspy.Predict("prompt -> text")

    def ask(self, prompt: str) -> str:
        return self._predict(prompt=prompt).text
