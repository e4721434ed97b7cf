def forward(self, question):
    return self.predict(question=question)


class Module:
    def __call__(self, *args):
        return self.forward(*args)


with open("x") as settings:
    metric = lambda example, prediction: example == prediction  # noqa: E731
