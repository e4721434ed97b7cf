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


def compute(code):
    with dspy.PythonInterpreter() as interpreter:
        return interpreter.execute(code)


def twice(code):
    with Session(), dspy.PythonInterpreter(sync_files=False) as interpreter:
        interpreter.execute(code)
        return interpreter(code)


def only_made():
    with dspy.PythonInterpreter() as interpreter:
        return interpreter.tools
