from .agents import Agent
from .metrics import polite

__all__ = ["Agent", "polite"]
