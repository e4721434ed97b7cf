"""An agent that shops."""

import os
import sys

import dspy
from tools import Basket, describe, price
from tracing import Trace


class Shopper(dspy.Module):
    def __init__(self, basket: Basket):
        super().__init__()
        self.basket = basket
        notes = dspy.Tool(lambda text: f"noted: {text}", name="note", desc="Write something down.")
        self.agent = dspy.ReAct("order -> confirmation", tools=[price, describe, basket.add, notes], max_iters=5)

    def forward(self, order: str):
        result = self.agent(order=order)
        return dspy.Prediction(confirmation=result.confirmation, total=self.basket.total(), steps=result.trajectory)


def build() -> Shopper:
    return Shopper(Basket())


if __name__ == "__main__":
    trace = Trace()
    lm = dspy.LM("openai/agent", api_base=os.environ["MODEL_URL"], api_key="none", cache=False, num_retries=0)
    dspy.configure(lm=lm, callbacks=[trace])
    order = " ".join(sys.argv[1:])
    result = build()(order=order)
    print(result.confirmation, result.total)
    for name, value in result.steps.items():
        if name.startswith("observation"):
            print(name, value if "Error" not in str(value) else "an error")
    print("\n".join(trace.lines))
    print(len(lm.history), "calls")
