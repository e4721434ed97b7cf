import threading

import dspy

qa = dspy.Predict("question -> answer")
results = []


async def work(settings: dspy.Settings, question):
    results.append((await qa(settings, question=question)).answer)


def run(questions):
    threads = [threading.Thread(target=work, args=(each,)) for each in questions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
