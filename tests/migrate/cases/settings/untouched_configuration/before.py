import os

import dspy


def configure(model: str = "openai/gpt-4o-mini") -> None:
    dspy.configure(lm=dspy.LM(model, api_key=os.environ["OPENAI_API_KEY"]), track_usage=True)
    dspy.configure_cache(enable_disk_cache=False)


def load(path: str) -> dspy.Module:
    program = dspy.ChainOfThought("question -> answer")
    program.load(path)
    return program


def examples(rows: list[dict]) -> list[dspy.Example]:
    return [dspy.Example(**row).with_inputs("question") for row in rows]


if __name__ == "__main__":
    configure()
    print(load("program.json"), len(examples([])))
