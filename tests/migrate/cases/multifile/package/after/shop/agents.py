import dspy

from .base import Base
from .tools import find


class Agent(Base):
    def __init__(self):
        super().__init__()
        self.react = dspy.ReAct("request -> reply", tools=[find])

    async def run(self, settings: dspy.Settings, request):
        return (await self.react(settings, request=request)).reply
