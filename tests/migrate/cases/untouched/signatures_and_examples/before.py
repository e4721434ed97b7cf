"""Data, and what it looks like: nothing here waits for a model."""

from typing import Literal

import dspy

class Ticket(dspy.Signature):
    '''Sort a ticket.'''
    text : str = dspy.InputField()
    kind: Literal["bug",'question'] = dspy.OutputField( desc = "what it is" )


def load(rows):
    return [ dspy.Example( **row ).with_inputs("text") for row in rows ]   # all of them


def split(examples, share = 0.8):
    cut = int(len(examples)*share)
    return examples[:cut],examples[cut:]


def show(prediction: dspy.Prediction):
    return f"{prediction.kind}: {prediction.get('text')}" if 'kind' in prediction else str(prediction)
