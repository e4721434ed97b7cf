def first_word(example, prediction, trace=None):
    return example.answer.split()[0] == prediction.answer.split()[0]


def normalized(text):
    return text.lower().strip()
