from concurrent.futures import ThreadPoolExecutor, as_completed

import dspy

qa = dspy.Predict("question -> answer")


def ask_all(questions):
    answers = {}
    with ThreadPoolExecutor() as pool:
        futures = {pool.submit(qa, question=each): each for each in questions}
        for future in as_completed(futures):
            answers[futures[future]] = future.result().answer
    return answers
