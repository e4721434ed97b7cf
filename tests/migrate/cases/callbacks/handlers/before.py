import time

import dspy
from dspy.utils.callback import BaseCallback


class Timing(BaseCallback):
    def __init__(self):
        self.started = {}
        self.seconds = []

    def on_lm_start(self, call_id, instance, inputs):
        self.started[call_id] = time.monotonic()

    def on_lm_end(self, call_id, outputs, exception=None):
        self.seconds.append(time.monotonic() - self.started.pop(call_id))
        if exception is not None:
            print(f"failed: {exception}")


timing = Timing()
dspy.configure(callbacks=[timing])
