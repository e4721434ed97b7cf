from contextlib import contextmanager

import dspy


@contextmanager
def primed(program, question):
    """A program that has seen a question."""
    program(question=question)
    try:
        yield program
    finally:
        program.reset()


def use(program):
    with primed(program, "first?") as ready:
        return ready(question="second?")
