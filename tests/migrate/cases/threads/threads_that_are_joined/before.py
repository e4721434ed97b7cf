import queue
import threading
import time

import dspy

qa = dspy.Predict("question -> answer")
lock = threading.Lock()


def work(question, results):
    results.append(qa(question=question).answer)


def pair(first, second):
    results = []
    one = threading.Thread(target=work, args=(first, results))
    two = threading.Thread(target=work, args=(second,), kwargs={"results": results}, daemon=True)
    one.start()
    two.start()
    print("started")
    one.join()
    two.join(timeout=3)
    return results


def listed(questions):
    results = []
    threads = [threading.Thread(target=work, args=(each, results)) for each in questions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def appended(questions):
    results = []
    threads = []
    for each in questions:
        thread = threading.Thread(target=work, args=(each, results))
        thread.start()
        threads.append(thread)
    [t.join() for t in threads]
    return results


def appended_at_once(questions):
    results, threads = [], []
    for each in questions:
        threads.append(threading.Thread(target=work, args=(each, results)))
    [t.start() for t in threads]
    for t in threads:
        t.join()
    return results


def nested(question):
    found = {}

    def run():
        found["answer"] = qa(question=question).answer

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found["answer"]


def started_only(question):
    threading.Thread(target=work, args=(question, [])).start()


def with_queue(questions):
    answers = queue.Queue()

    def run(question):
        answers.put(qa(question=question).answer)

    thread = threading.Thread(target=run, args=("x",))
    thread.start()
    first = answers.get()
    thread.join()
    return first


def locked(question):
    with lock:
        return qa(question=question)


def of_locked(question):
    thread = threading.Thread(target=locked, args=(question,))
    thread.start()
    thread.join()


def one_after_the_other(a, b):
    one = threading.Thread(target=work, args=(a, []))
    two = threading.Thread(target=work, args=(b, []))
    one.start()
    one.join()
    two.start()
    two.join()


if __name__ == "__main__":
    results = []
    thread = threading.Thread(target=work, args=("x", results))
    thread.start()
    thread.join()
    print(results)
