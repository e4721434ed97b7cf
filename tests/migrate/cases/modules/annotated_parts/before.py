from dataclasses import dataclass, field
from typing import Callable, Optional

import dspy


@dataclass
class Pipeline:
    first: dspy.Module
    then: Optional[dspy.Module] = None
    tidy: Callable[[str], str] = str.strip
    log: list = field(default_factory=list)

    def run(self, text: str) -> str:
        result = self.first(text=text)
        if self.then is not None:
            result = self.then(text=result.text)
        self.log.append(result)
        return self.tidy(result.text)


def both(one: "dspy.Predict", other: dspy.Predict | None, steps: list[dspy.Module], text: str):
    outputs = [one(text=text)]
    if other:
        outputs.append(other(text=text))
    return outputs + [step(text=text) for step in steps]
