import dspy

program = dspy.Predict("question -> answer")

with dspy.context(lm=dspy.LM("openai/gpt-4o")):
    print(program(question="now?").answer)
print(dspy.settings.lm)
