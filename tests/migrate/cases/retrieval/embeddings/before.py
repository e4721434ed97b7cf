import dspy

embedder = dspy.Embedder("openai/text-embedding-3-small", dimensions=256)


def index(corpus):
    return dspy.retrievers.Embeddings(embedder=embedder, corpus=corpus, k=3)


def search(corpus, query):
    return index(corpus)(query).passages


def near(a, b):
    first, second = embedder([a, b])
    return float(first @ second)
