import concurrent.futures
from concurrent.futures import ThreadPoolExecutor, as_completed

import dspy

qa = dspy.Predict("question -> answer")


def ask(question, n=1):
    return qa(question=question).answer


def one(questions):
    with ThreadPoolExecutor() as pool:
        futures = [pool.submit(ask, q, n=2) for q in questions]
        out = []
        for future in as_completed(futures):
            out.append(future.result())
    return out


def two(questions):
    out = []
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        futures = []
        for q in questions:
            futures.append(pool.submit(ask, q))
        # wait for all
        for i, q in enumerate(questions):
            print(i, q)
        for f in futures:
            out.append(f.result())
        first = pool.submit(ask, "x").result()
    return out, first


def three(questions, others):
    with ThreadPoolExecutor(max_workers=2) as ex:
        for answer in ex.map(ask, questions, others):
            print(answer)
        both = dict(zip(questions, ex.map(ask, questions)))
    return both


def four(questions):
    with ThreadPoolExecutor(max_workers=2) as ex:
        futs = {ex.submit(ask, q): q for q in questions}
        for f in as_completed(futs):
            print(futs[f], f.result())


if __name__ == "__main__":
    with ThreadPoolExecutor(max_workers=2) as ex:
        print(list(ex.map(ask, ["a", "b"])))
