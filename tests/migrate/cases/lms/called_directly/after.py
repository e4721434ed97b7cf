import dspy

lm = dspy.LM("openai/gpt-4o-mini", temperature=0)


async def complete(settings: dspy.Settings, prompt: str) -> str:
    """The model's first answer."""
    return (await lm(settings, prompt))[0]


async def complete_all(settings: dspy.Settings, prompts: list[str]) -> list[str]:
    return [await complete(settings, each) for each in prompts]


async def talk(settings: dspy.Settings, history: list[dict], line: str) -> str:
    history.append({"role": "user", "content": line})
    answer, *_ = await lm(settings, messages=history)
    history.append({"role": "assistant", "content": answer})
    return answer
