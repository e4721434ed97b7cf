import dspy


class Notes(dspy.Retrieve):
    def __init__(self, notes, k=2):
        super().__init__(k=k)
        self.notes = notes

    def forward(self, query, k=None):
        words = set(query.lower().split())
        ranked = sorted(self.notes, key=lambda note: -len(words & set(note.lower().split())))
        return dspy.Prediction(passages=ranked[: k or self.k])


class RAG(dspy.Module):
    def __init__(self, notes):
        super().__init__()
        self.retrieve = Notes(notes)
        self.answer = dspy.ChainOfThought("context, question -> answer")

    def forward(self, question):
        context = self.retrieve(question).passages
        return self.answer(context=context, question=question)
