import asyncio

import dspy
import requests
from django.conf import settings
from sklearn.linear_model import LogisticRegression


class Plain:
    def forward(self, x):
        return x + 1

    def compile(self, text):
        return text.format(name="x")

    def batch(self, items):
        return [self.forward(each) for each in items]


def train(rows, labels):
    model = LogisticRegression()
    model.fit(rows, labels)
    return model.predict(rows), settings.DEBUG


def fetch(url):
    return requests.get(url, timeout=10).text


def call(program, text):
    return Plain().forward(1), Plain().batch([1, 2]), "{} {}".format(program, text)


def evaluate(score):
    return score > 0.5


signature = dspy.Signature("question -> answer")
assert evaluate(asyncio.run(asyncio.sleep(0, 0.7)))
