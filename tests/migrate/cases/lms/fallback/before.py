import logging

import dspy

logger = logging.getLogger(__name__)


class Fallback(dspy.BaseLM):
    """Asks one model, and another where the first fails."""

    def __init__(self, first: dspy.LM, second: dspy.LM):
        super().__init__(model=first.model)
        self.first = first
        self.second = second

    def forward(self, prompt=None, messages=None, **kwargs):
        try:
            return self.first.forward(prompt=prompt, messages=messages, **kwargs)
        except Exception:
            logger.warning("%s failed", self.first.model)
            return self.second.forward(prompt=prompt, messages=messages, **kwargs)

    def __call__(self, prompt=None, messages=None, **kwargs):
        outputs = super().__call__(prompt=prompt, messages=messages, **kwargs)
        return [each.strip() if isinstance(each, str) else each for each in outputs]
