import argparse
import json
import sys

import dspy


def parse_args(argv=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("question")
    parser.add_argument("--model", default="openai/gpt-4o-mini")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    dspy.configure(lm=dspy.LM(args.model))
    prediction = dspy.Predict("question -> answer")(question=args.question)
    json.dump(prediction.toDict(), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
