import dspy


class Session:
    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        return None


async def compute(settings: dspy.Settings, code):
    async with dspy.PythonInterpreter() as interpreter:
        return await interpreter.execute(settings, code)


async def twice(settings: dspy.Settings, code):
    with Session():
        async with dspy.PythonInterpreter(sync_files=False) as interpreter:
            await interpreter.execute(settings, code)
            return await interpreter(settings, code)


def only_made():
    with dspy.PythonInterpreter() as interpreter:
        return interpreter.tools
