import threading
from concurrent.futures import ThreadPoolExecutor, as_completed, wait

import dspy

qa = dspy.Predict("question -> answer")
lock = threading.Lock()


def ask(question):
    return qa(question=question).answer


def keyed(questions):
    answers = {}
    with ThreadPoolExecutor() as pool:
        # all of them
        futures = {pool.submit(qa, question=each): each for each in questions}
        for future in as_completed(futures):
            question = futures[future]
            try:
                answers[question] = future.result().answer
            except ValueError:
                answers[question] = None
    return answers


def keyed_later(questions):
    futures = {}
    with ThreadPoolExecutor(4) as pool:
        for number, each in enumerate(questions):
            futures[pool.submit(ask, each)] = number
        found = [(futures[f], f.result()) for f in as_completed(futures)]
    return sorted(found)


def valued(questions):
    with ThreadPoolExecutor(4) as pool:
        futures = {each: pool.submit(ask, each) for each in questions}
        return {each: future.result() for each, future in futures.items()}


def without_with(questions):
    pool = ThreadPoolExecutor(max_workers=3)
    futures = [pool.submit(ask, each) for each in questions]
    found = [future.result() for future in futures]
    pool.shutdown()
    return found


def dropped(questions, found):
    def note(question):
        found.append(ask(question))

    with ThreadPoolExecutor(max_workers=3) as pool:
        for each in questions:
            pool.submit(note, each)
    return found


def waited(questions):
    with ThreadPoolExecutor() as pool:
        futures = [pool.submit(ask, each) for each in questions]
        wait(futures)
    return [future.result() for future in futures]


def pair(first, second):
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(ask, first)
        two = pool.submit(ask, second)
        return one.result(), two.result()


def two_kinds(first, second):
    with ThreadPoolExecutor(2) as pool:
        futures = []
        futures.append(pool.submit(ask, first))
        futures.append(pool.submit(ask, second))
        for future in futures:
            print(future.result())


def with_timeout(questions):
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(ask, each) for each in questions]
        return [future.result(timeout=3) for future in futures]


def locked(question):
    with lock:
        return qa(question=question)


def of_locked(questions):
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(locked, questions))


class Service:
    def __init__(self):
        self.pool = ThreadPoolExecutor(2)

    def go(self, question):
        return self.pool.submit(ask, question).result()


if __name__ == "__main__":
    with ThreadPoolExecutor() as pool:
        futures = {pool.submit(ask, each): each for each in ["a", "b"]}
        for future in as_completed(futures):
            print(futures[future], future.result())
