import logging

import dspy

logger = logging.getLogger(__name__)


class Fallback(dspy.BaseLM):
    """Asks one model, and another where the first fails."""

    def __init__(self, first: dspy.LM, second: dspy.LM):
        super().__init__(model=first.model)
        self.first = first
        self.second = second

    async def forward(self, settings: dspy.Settings, /, prompt=None, messages=None, **kwargs):
        try:
            return await self.first.forward(settings, prompt=prompt, messages=messages, **kwargs)
        except Exception:
            logger.warning("%s failed", self.first.model)
            return await self.second.forward(settings, prompt=prompt, messages=messages, **kwargs)

    async def __call__(self, settings: dspy.Settings, /, prompt=None, messages=None, **kwargs):
        outputs = await super().__call__(settings, prompt=prompt, messages=messages, **kwargs)
        return [each.strip() if isinstance(each, str) else each for each in outputs]
