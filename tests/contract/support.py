"""What the tests of the contract share: language models that say what they are told, and programs to run on them."""

import re

import dspy
from dspy.dsp.utils.utils import dotdict


def fields(**values):
    """An answer as the chat adapter wants it."""
    parts = [f"[[ ## {name} ## ]]\n{value}" for name, value in values.items()]
    return "\n\n".join([*parts, "[[ ## completed ## ]]"])


class Script:
    """Answers in order, or a function of the last message's text. A copy of a model shares it with the original."""

    def __init__(self, answers):
        self.answers = answers
        self.requests = []

    def __deepcopy__(self, memo):
        return self

    def next(self, text):
        """What is said to the next request: a text, a dictionary of fields, a response message, or an exception."""
        if callable(self.answers):
            return self.answers(text)
        number = len(self.requests) - 1
        if number >= len(self.answers):
            raise AssertionError(f"request {number + 1}, and there are {len(self.answers)} answers: {text[-300:]}")
        return self.answers[number]


class ScriptedLM(dspy.BaseLM):
    """A language model that says what it is told and keeps what it was asked."""

    def __init__(self, answers, model="scripted", **kwargs):
        super().__init__(model, **kwargs)
        self.script = Script(answers)

    @property
    def requests(self):
        """The messages of each request, in order."""
        return [messages for messages, _ in self.script.requests]

    @property
    def parameters(self):
        """The parameters of each request, in order."""
        return [parameters for _, parameters in self.script.requests]

    @property
    def prompts(self):
        """The text of the last message of each request, in order."""
        return [text_of(messages[-1]) for messages in self.requests]

    def forward(self, prompt=None, messages=None, **kwargs):
        messages = messages or [{"role": "user", "content": prompt}]
        self.script.requests.append((messages, {**self.kwargs, **kwargs}))
        answer = self.script.next(text_of(messages[-1]))
        if isinstance(answer, Exception):
            raise answer
        choices = answer if isinstance(answer, list) else [answer]
        return dotdict(
            choices=[dotdict(message=_message(one), finish_reason="stop") for one in choices],
            usage=dotdict(prompt_tokens=3, completion_tokens=2, total_tokens=5),
            model=self.model,
        )


def text_of(message):
    """The text of a message, whatever its parts are."""
    content = message["content"]
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content or [])


def _message(answer):
    if isinstance(answer, dict) and "content" in answer:
        return dotdict({"tool_calls": None, **answer})
    text = fields(**answer) if isinstance(answer, dict) else answer
    return dotdict(content=text, tool_calls=None)


def lm_at(server, model="m", **kwargs):
    """A `dspy.LM` that goes through litellm to the model server; without cache and retries unless told."""
    defaults = {"api_base": server.url, "api_key": "key", "cache": False, "num_retries": 0}
    return dspy.LM(f"openai/{model}", **{**defaults, **kwargs})


def input_of(text, name="question"):
    """The value of an input field in a request of the chat adapter."""
    return text.rsplit(f"[[ ## {name} ## ]]\n", 1)[1].split("\n\n[[ ##")[0].split("\n\nRespond")[0].strip()


def exact(example, prediction, trace=None):
    """A metric: the answers are the same."""
    return example.answer == prediction.answer


class QA(dspy.Module):
    """The smallest program with a part."""

    def __init__(self, signature="question -> answer"):
        super().__init__()
        self.ask = dspy.Predict(signature)

    def forward(self, question):
        return self.ask(question=question)


def examples(**pairs):
    """Examples with a question and an answer each."""
    return [dspy.Example(question=q, answer=a).with_inputs("question") for q, a in pairs.items()]


def answering(**given):
    """Answers that fill the fields that are asked for: as told (a value, or a function of the text), else with text."""

    def answer(text):
        asked = re.findall(r"`\[\[ ## (\w+) ## \]\]`", text.rpartition("Respond with")[2])
        values = {}
        for name in asked:
            if name != "completed":
                value = given.get(name, f"some {name}")
                values[name] = value(text) if callable(value) else value
        return values or given.get("text", "some text")

    return answer


def knows(**answers):
    """The answer to a question, by what is known; 'wrong' to any other."""

    def answer(text):
        return answers.get(input_of(text), "wrong")

    return answer
