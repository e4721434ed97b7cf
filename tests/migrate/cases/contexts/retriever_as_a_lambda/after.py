from types import SimpleNamespace

import dspy

retrieve = dspy.Retrieve(k=3)


class FakeLM:
    async def __call__(self, settings: dspy.Settings, /, prompt=None, messages=None, **kwargs):
        return ["yes"]


async def passages(settings: dspy.Settings, question):
    with settings.context(rm=lambda query, k: [SimpleNamespace(long_text=query)] * k) as inner_settings:
        return (await retrieve(inner_settings, question)).passages


async def passages_of_a_model(settings: dspy.Settings, question, lm):
    with settings.context(rm=lambda query, k: lm(query)[:k], lm=FakeLM()) as inner_settings:
        return (await retrieve(inner_settings, question)).passages


dspy.configure(rm=lambda query, k: [SimpleNamespace(long_text=query)] * k)
