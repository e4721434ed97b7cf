"""Keeps what was called, in order."""

from dspy.utils.callback import BaseCallback


class Trace(BaseCallback):
    def __init__(self):
        self.lines = []
        self.names = {}

    def on_tool_start(self, call_id, instance, inputs):
        self.names[call_id] = instance.name
        self.lines.append(f"> {instance.name} {sorted(inputs['kwargs'].items())}")

    def on_tool_end(self, call_id, outputs, exception=None):
        result = outputs if exception is None else type(exception).__name__
        self.lines.append(f"< {self.names.pop(call_id)} {result}")

    def on_lm_end(self, call_id, outputs, exception=None):
        self.lines.append("lm")
