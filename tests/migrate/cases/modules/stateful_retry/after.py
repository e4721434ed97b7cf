import asyncio

import dspy


class Patient(dspy.Module):
    def __init__(self, program, attempts=3):
        super().__init__()
        self.program = program
        self.attempts = attempts

    async def forward(self, settings: dspy.Settings, /, **inputs):
        for attempt in range(self.attempts):
            try:
                return await self.program(settings, **inputs)
            except ValueError as error:
                if attempt + 1 == self.attempts:
                    raise
                print(f"again, after {error}")
                await asyncio.sleep(2**attempt)
