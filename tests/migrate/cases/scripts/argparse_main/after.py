import argparse
import asyncio
import json
import sys

import dspy


def parse_args(argv=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("question")
    parser.add_argument("--model", default="openai/gpt-4o-mini")
    return parser.parse_args(argv)


async def main(argv=None):
    args = parse_args(argv)
    dspy.configure(lm=dspy.LM(args.model))
    prediction = await dspy.Predict("question -> answer")(dspy.settings, question=args.question)
    json.dump(prediction.toDict(), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
