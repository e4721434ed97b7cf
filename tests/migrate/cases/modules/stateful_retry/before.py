import time

import dspy


class Patient(dspy.Module):
    def __init__(self, program, attempts=3):
        super().__init__()
        self.program = program
        self.attempts = attempts

    def forward(self, **inputs):
        for attempt in range(self.attempts):
            try:
                return self.program(**inputs)
            except ValueError as error:
                if attempt + 1 == self.attempts:
                    raise
                print(f"again, after {error}")
                time.sleep(2**attempt)
