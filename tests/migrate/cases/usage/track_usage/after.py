import dspy
from dspy.utils.usage_tracker import track_usage


async def spend(settings: dspy.Settings, /, program, **inputs):
    with track_usage(settings) as tracker:
        await program(tracker.settings, **inputs)
    return tracker.get_total_tokens()


async def tokens(settings: dspy.Settings, /, program, **inputs):
    with settings.context(track_usage=True) as inner_settings:
        return (await program(inner_settings, **inputs)).get_lm_usage()
