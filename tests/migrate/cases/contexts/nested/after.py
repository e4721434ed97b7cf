import dspy

classify = dspy.Predict("text -> label")


async def label(settings: dspy.Settings, text, lm, adapter):
    with settings.context(lm=lm) as inner_settings:
        first = await classify(inner_settings, text=text)
        with inner_settings.context(adapter=adapter) as inner_settings_2:
            second = await classify(inner_settings_2, text=text)
        third = await classify(inner_settings, text=text)
    return first, second, third, await classify(settings, text=text)
