import dspy

look_up = dspy.Predict("source, query -> found")


def tools(names):
    made = []
    for name in names:
        made.append(dspy.Tool(lambda query, name=name: look_up(source=name, query=query).found, name=name))
        made.append(dspy.Tool(lambda text: text.upper(), name=f"shout_{name}"))
    return made
