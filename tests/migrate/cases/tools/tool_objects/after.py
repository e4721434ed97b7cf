import dspy


def search(query: str, limit: int = 3) -> list[str]:
    return [f"{query} {number}" for number in range(limit)]


class Desk:
    def __init__(self, names):
        self.names = names

    def lookup(self, name: str) -> bool:
        """Whether somebody works here."""
        return name in self.names

    def tools(self):
        return [dspy.Tool(self.lookup, name="works_here"), dspy.Tool(search)]


async def try_out(settings: dspy.Settings, name):
    first, second = Desk({"ada"}).tools()
    return await first(settings, name=name), await second(settings, query=name)


agent = dspy.ReAct("question -> answer", tools=Desk({"ada"}).tools())
