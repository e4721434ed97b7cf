import contextlib

import dspy


def quietly(program, lm, log, **inputs):
    with contextlib.redirect_stdout(log), dspy.context(lm=lm, trace=[]), contextlib.suppress(ValueError):
        return program(**inputs)
