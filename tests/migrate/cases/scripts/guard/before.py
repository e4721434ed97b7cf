import sys

import dspy


def answer(question):
    return dspy.Predict("question -> answer")(question=question).answer


if __name__ == "__main__":
    dspy.configure(lm=dspy.LM("openai/gpt-4o-mini"))
    for question in sys.argv[1:]:
        print(answer(question))
