import dspy

look_up = dspy.Predict("source, query -> found")


def tools(names):
    made = []
    for name in names:
        async def awaited(settings: dspy.Settings, query, name=name):
            return (await look_up(settings, source=name, query=query)).found

        made.append(dspy.Tool(awaited, name=name))
        made.append(dspy.Tool(lambda text: text.upper(), name=f"shout_{name}"))
    return made
