import dspy


class Notes(dspy.Retrieve):
    def __init__(self, notes, k=2):
        super().__init__(k=k)
        self.notes = notes

    async def forward(self, settings: dspy.Settings, query, k=None):
        words = set(query.lower().split())
        ranked = sorted(self.notes, key=lambda note: -len(words & set(note.lower().split())))
        return dspy.Prediction(passages=ranked[: k or self.k])


class RAG(dspy.Module):
    def __init__(self, notes):
        super().__init__()
        self.retrieve = Notes(notes)
        self.answer = dspy.ChainOfThought("context, question -> answer")

    async def forward(self, settings: dspy.Settings, question):
        context = (await self.retrieve(settings, question)).passages
        return await self.answer(settings, context=context, question=question)
