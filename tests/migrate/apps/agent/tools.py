"""What the agent can do."""

import dspy

PRICES = {"tea": 2.5, "cake": 4.0}


def price(item: str) -> float:
    """The price of an item in euros.

    Args:
        item: what to look up.
    """
    return PRICES[item]


def describe(item: str) -> str:
    """Says what an item is like."""
    return dspy.Predict("item -> description")(item=item).description


class Basket:
    """Remembers what was bought."""

    def __init__(self):
        self.items: dict[str, int] = {}

    def add(self, item: str, count: int = 1) -> str:
        """Put something into the basket."""
        self.items[item] = self.items.get(item, 0) + count
        return f"{self.items[item]} x {item}"

    def total(self) -> float:
        """What the basket costs."""
        return sum(price(item) * count for item, count in self.items.items())
