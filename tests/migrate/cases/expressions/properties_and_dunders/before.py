import dspy


class Document:
    def __init__(self, text):
        self.text = text
        self._summarize = dspy.Predict("text -> summary")

    @property
    def summary(self):
        return self._summarize(text=self.text).summary

    def __len__(self):
        return len(self.text)

    def __str__(self):
        return self._summarize(text=self.text).summary

    def __call__(self):
        return self._summarize(text=self.text)
