import dspy


def compare(program, inner_settings, question):
    with dspy.context(**inner_settings):
        return program(question=question)
