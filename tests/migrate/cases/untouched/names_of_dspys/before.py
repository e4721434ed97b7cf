def score(metric, xs, tools):
    return metric(xs), tools["a"](1), [f(x) for f in tools for x in xs]


def retriever(q):
    return q


class A:
    def __init__(self, func, retriever):
        self.func = func
        self.retriever = retriever

    def go(self):
        return self.func(1), self.retriever(2)
def run(agent, tool, lm):
    return agent(1), tool(2), lm("x")


class A:
    def go(self):
        return self.program(1)
