import dspy

PRICES = {"tea": 2.5, "cake": 4.0}


def price(item: str) -> float:
    """The price of an item in euros.

    Args:
        item: what to look up.
    """
    return PRICES[item]


async def explain(settings: dspy.Settings, item: str) -> str:
    """Says what an item is."""
    return (await dspy.Predict("item -> description")(settings, item=item)).description


shop = dspy.ReAct("order -> total: float", tools=[price, explain], max_iters=4)
