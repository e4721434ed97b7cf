import dspy
from config import load, settings

qa = dspy.Predict("question -> answer")


async def of_the_module(dspy_settings: dspy.Settings, q):
    return await qa(dspy_settings, question=q, language=settings.LANGUAGE)


async def of_the_function(dspy_settings: dspy.Settings, q):
    settings = load()
    return await qa(dspy_settings, question=q, language=settings.language)


async def of_a_closure(dspy_settings: dspy.Settings, q):
    async def inner(dspy_settings: dspy.Settings, settings):
        return await qa(dspy_settings, question=q, language=settings.language)

    return await inner(dspy_settings, load())


async def of_a_comprehension(dspy_settings: dspy.Settings, q):
    return [await qa(dspy_settings, question=q, language=settings.x) for settings in load()]


class M(dspy.Module):
    async def forward(self, dspy_settings: dspy.Settings, settings, q):
        return await qa(dspy_settings, question=q, language=settings.language)


async def behind_the_others(dspy_settings: dspy.Settings, q, *, settings=None):
    return await qa(dspy_settings, question=q, language=settings)


async def by_annotation(s: dspy.Settings, q):
    return await qa(s, question=q)


async def metric(dspy_settings: dspy.Settings, settings, pred, trace=None):
    return await qa(dspy_settings, question=settings.x)


async def ev(settings: dspy.Settings, devset):
    return await dspy.Evaluate(devset=devset, metric=metric)(settings, qa)


async def uses(settings: dspy.Settings, q):
    with settings.context(lm=None) as inner_settings:
        await behind_the_others(inner_settings, q, settings=load())
        return await of_the_module(inner_settings, q), await of_a_closure(inner_settings, q)


async def the_library_s_own(q):
    settings = dspy.settings
    return await qa(settings, question=q), settings.lm


async def imported_inside(dspy_settings: dspy.Settings, q):
    from config import settings

    return await qa(dspy_settings, question=q, language=settings.LANGUAGE)


def untouched(settings):
    return settings.LANGUAGE, load()


class Asker:
    def __init__(self, settings):
        self.settings = settings

    async def ask(self, dspy_settings: dspy.Settings, q):
        async def rank(dspy_settings: dspy.Settings, settings):
            return await qa(dspy_settings, question=settings)

        return await rank(dspy_settings, q)
