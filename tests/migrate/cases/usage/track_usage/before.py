import dspy
from dspy.utils.usage_tracker import track_usage


def spend(program, **inputs):
    with track_usage() as tracker:
        program(**inputs)
    return tracker.get_total_tokens()


def tokens(program, **inputs):
    with dspy.context(track_usage=True):
        return program(**inputs).get_lm_usage()
