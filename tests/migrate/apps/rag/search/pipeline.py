"""Answers from passages, checked by a second model."""

import dspy


class RAG(dspy.Module):
    def __init__(self, index, checker, hops=2):
        super().__init__()
        self.index = index
        self.checker = checker
        self.hops = hops
        self.ask = dspy.Predict("question, context -> query")
        self.answer = dspy.ChainOfThought("context, question -> answer")
        self.check = dspy.Predict("context, answer -> supported: bool")

    def forward(self, question):
        context = self.gather(question)
        prediction = self.answer(context=context, question=question)
        with dspy.context(lm=self.checker):
            prediction.supported = self.is_supported(context, prediction.answer)
        prediction.context = context
        return prediction

    def gather(self, question):
        context = []
        for _ in range(self.hops):
            query = self.ask(question=question, context=context).query
            context += [each for each in self.passages(query) if each not in context]
        return context

    def passages(self, query):
        yield from self.index(query).passages

    def is_supported(self, context, answer):
        return all(self.check(context=[each], answer=answer).supported for each in context[:1])
