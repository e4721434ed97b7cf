import dspy

print(program(question="x").answer)
compiled = teleprompter.compile(program, trainset=trainset)
compiled.save("x.json")


def f(q):
    return lm(q)


predictor = make()
print(predictor(question="x"))
