"""Answers one question."""

import dspy

dspy.configure(lm=dspy.LM("openai/gpt-4o-mini"))

qa = dspy.ChainOfThought("question -> answer")
prediction = qa(question="Why is the sky blue?")
print(prediction.answer)
