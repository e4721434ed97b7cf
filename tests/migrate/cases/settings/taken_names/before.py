import dspy
from config import load, settings

qa = dspy.Predict("question -> answer")


def of_the_module(q):
    return qa(question=q, language=settings.LANGUAGE)


def of_the_function(q):
    settings = load()
    return qa(question=q, language=settings.language)


def of_a_closure(q):
    def inner(settings):
        return qa(question=q, language=settings.language)

    return inner(load())


def of_a_comprehension(q):
    return [qa(question=q, language=settings.x) for settings in load()]


class M(dspy.Module):
    def forward(self, settings, q):
        return qa(question=q, language=settings.language)


def behind_the_others(q, *, settings=None):
    return qa(question=q, language=settings)


async def by_annotation(s: dspy.Settings, q):
    return await qa(s, question=q)


def metric(settings, pred, trace=None):
    return qa(question=settings.x)


def ev(devset):
    return dspy.Evaluate(devset=devset, metric=metric)(qa)


def uses(q):
    with dspy.context(lm=None):
        behind_the_others(q, settings=load())
        return of_the_module(q), of_a_closure(q)


def the_library_s_own(q):
    settings = dspy.settings
    return qa(question=q), settings.lm


def imported_inside(q):
    from config import settings

    return qa(question=q, language=settings.LANGUAGE)


def untouched(settings):
    return settings.LANGUAGE, load()


class Asker:
    def __init__(self, settings):
        self.settings = settings

    def ask(self, q):
        rank = lambda settings: qa(question=settings)
        return rank(q)
