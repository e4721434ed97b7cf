import dspy


class Parrot(dspy.BaseLM):
    """Says what it is told."""

    def __init__(self, model="parrot", **kwargs):
        super().__init__(model=model, **kwargs)
        self.heard = []

    def forward(self, prompt=None, messages=None, **kwargs):
        text = prompt or messages[-1]["content"]
        self.heard.append(text)
        return self._wrap(text)

    def _wrap(self, text):
        return {"choices": [{"message": {"content": text}}], "usage": {}, "model": self.model}
