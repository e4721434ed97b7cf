import dspy

embedder = dspy.Embedder("openai/text-embedding-3-small", dimensions=256)


def index(corpus):
    return dspy.retrievers.Embeddings(embedder=embedder, corpus=corpus, k=3)


async def search(settings: dspy.Settings, corpus, query):
    return (await index(corpus)(settings, query)).passages


async def near(settings: dspy.Settings, a, b):
    first, second = await embedder(settings, [a, b])
    return float(first @ second)
