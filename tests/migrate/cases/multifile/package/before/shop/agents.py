import dspy

from .base import Base
from .tools import find


class Agent(Base):
    def __init__(self):
        super().__init__()
        self.react = dspy.ReAct("request -> reply", tools=[find])

    def run(self, request):
        return self.react(request=request).reply
