from concurrent.futures import ThreadPoolExecutor

import dspy

qa = dspy.Predict("question -> answer")


def ask(question):
    return qa(question=question).answer


def ask_all(questions):
    with ThreadPoolExecutor(max_workers=8) as pool:
        return list(pool.map(ask, questions))
