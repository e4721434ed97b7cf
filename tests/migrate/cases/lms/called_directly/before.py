import dspy

lm = dspy.LM("openai/gpt-4o-mini", temperature=0)


def complete(prompt: str) -> str:
    """The model's first answer."""
    return lm(prompt)[0]


def complete_all(prompts: list[str]) -> list[str]:
    return [complete(each) for each in prompts]


def talk(history: list[dict], line: str) -> str:
    history.append({"role": "user", "content": line})
    answer, *_ = lm(messages=history)
    history.append({"role": "assistant", "content": answer})
    return answer
