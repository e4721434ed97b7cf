# import dspy; dspy.Predict("a -> b")(a=1)
"""Shows how it is used::

    import dspy
    dspy.configure(lm=dspy.LM("openai/gpt-4o-mini"))
"""

TEMPLATE = """
import dspy
qa = dspy.Predict("question -> answer")
print(qa(question="?"))
"""
HELP = "call dspy.Evaluate(...)(program), then program.save(path)"


def write(path):
    with open(path, "w") as file:
        file.write(TEMPLATE)  # qa(question="?") stays
