import dspy

qa = dspy.Predict("question -> answer")


async def parallel(settings: dspy.Settings, questions):
    run = dspy.Parallel(num_threads=4, disable_progress_bar=True)
    return await run(settings, [(qa, {"question": each}) for each in questions])


async def batch(settings: dspy.Settings, examples):
    results, failed, errors = await qa.batch(settings, examples, num_threads=4, return_failed_examples=True)
    return results, len(failed), errors
