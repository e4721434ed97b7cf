"""Notes, found by their embeddings."""

import dspy


class Index(dspy.Retrieve):
    """The nearest notes. The first search embeds them all."""

    def __init__(self, notes, embedder, k=2):
        super().__init__(k=k)
        self.search = dspy.retrievers.Embeddings(corpus=notes, embedder=embedder, k=k)
        self.searched = 0

    def forward(self, query, k=None):
        self.searched += 1
        found = self.search(query)
        return dspy.Prediction(passages=found.passages[: k or self.k])
