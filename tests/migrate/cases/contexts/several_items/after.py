import contextlib

import dspy


async def quietly(settings: dspy.Settings, /, program, lm, log, **inputs):
    with contextlib.redirect_stdout(log), settings.context(lm=lm, trace=[]) as inner_settings, contextlib.suppress(ValueError):
        return await program(inner_settings, **inputs)
