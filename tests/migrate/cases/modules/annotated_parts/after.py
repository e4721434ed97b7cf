from dataclasses import dataclass, field
from typing import Callable, Optional

import dspy


@dataclass
class Pipeline:
    first: dspy.Module
    then: Optional[dspy.Module] = None
    tidy: Callable[[str], str] = str.strip
    log: list = field(default_factory=list)

    async def run(self, settings: dspy.Settings, text: str) -> str:
        result = await self.first(settings, text=text)
        if self.then is not None:
            result = await self.then(settings, text=result.text)
        self.log.append(result)
        return self.tidy(result.text)


async def both(settings: dspy.Settings, one: "dspy.Predict", other: dspy.Predict | None, steps: list[dspy.Module], text: str):
    outputs = [await one(settings, text=text)]
    if other:
        outputs.append(await other(settings, text=text))
    return outputs + [await step(settings, text=text) for step in steps]
