import dspy


async def compare(settings: dspy.Settings, program, inner_settings, question):
    with settings.context(**inner_settings) as inner_settings_2:
        return await program(inner_settings_2, question=question)
