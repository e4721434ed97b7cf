"""Answers the questions on its command line: `python main.py QUESTION...`."""

import argparse
import os

import dspy
from search import RAG, Index

NOTES = ["Tea comes from China.", "Coffee comes from Ethiopia.", "Cocoa comes from Mexico.", "Rain comes from clouds."]


def model(name):
    return dspy.LM(f"openai/{name}", api_base=os.environ["MODEL_URL"], api_key="none", cache=False, num_retries=0)


def parse(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("questions", nargs="+")
    parser.add_argument("--hops", type=int, default=2)
    return parser.parse_args(argv)


def main(argv=None):
    options = parse(argv)
    dspy.configure(lm=model("writer"))
    url = os.environ["MODEL_URL"]
    embedder = dspy.Embedder("openai/embedding", api_base=url, api_key="none", caching=False)
    index = Index(NOTES, embedder)
    program = RAG(index, model("checker"), hops=options.hops)
    for question in options.questions:
        prediction = program(question=question)
        print(question, prediction.answer, f"(supported: {prediction.supported})", len(prediction.context))
    examples = [dspy.Example(question=each).with_inputs("question") for each in options.questions]
    results = program.batch(examples, num_threads=2, disable_progress_bar=True)
    print([each.answer for each in results], index.searched)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
