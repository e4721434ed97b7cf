import dspy

qa = dspy.Predict("question -> answer")


def parallel(questions):
    run = dspy.Parallel(num_threads=4, disable_progress_bar=True)
    return run([(qa, {"question": each}) for each in questions])


def batch(examples):
    results, failed, errors = qa.batch(examples, num_threads=4, return_failed_examples=True)
    return results, len(failed), errors
