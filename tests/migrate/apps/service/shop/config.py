"""What the service is configured with."""

import os
from dataclasses import dataclass

import dspy


@dataclass
class AppSettings:
    """Read from the environment."""

    api_base: str
    model: str = "openai/support"
    fallback: str = "openai/fallback"

    @classmethod
    def from_environment(cls):
        return cls(api_base=os.environ["MODEL_URL"])


def language_model(settings: AppSettings, name: str) -> dspy.LM:
    return dspy.LM(name, api_base=settings.api_base, api_key="none", cache=False, num_retries=0)


def start(settings: AppSettings) -> None:
    dspy.configure(lm=language_model(settings, settings.model), track_usage=True)
