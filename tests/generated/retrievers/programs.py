"""Retrievers on either side: see `tests.generated.sides`."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np

from tests.generated.sides import Side

PROGRAMS: dict[str, Any] = {}
CORPUS = ["a cat sat", "dogs bark", "the cat and the dog", "rain falls", "a barking cat"]


def _program(function: Any) -> Any:
    PROGRAMS[function.__name__] = function
    return function


def letters(texts: list[str]) -> Any:
    """How often each letter is in a text."""
    return np.array([[text.count(chr(ord("a") + n)) for n in range(26)] for text in texts], dtype=np.float32)


@_program
async def embeddings(side: Side) -> Any:
    """The nearest passages."""
    found = side.dspy.Embeddings(corpus=CORPUS, embedder=letters, k=2)
    return [await side.call(found, query, using={}) for query in ("cat", "bark", "rain")]


@_program
async def embeddings_with_scores(side: Side) -> Any:
    """And how near they are."""
    found = side.dspy.retrievers.EmbeddingsWithScores(corpus=CORPUS, embedder=letters, k=3, normalize=False)
    return await side.call(found, "a cat", using={})


@_program
async def embeddings_saved_and_loaded(side: Side) -> Any:
    """What was saved before any call finds the same."""
    with tempfile.TemporaryDirectory() as folder:
        await side.call(side.dspy.Embeddings(corpus=CORPUS, embedder=letters, k=2).save, folder, using={})
        loaded = side.dspy.Embeddings.from_saved(folder, letters)
        return await side.call(loaded, "the dog", using={})


@_program
async def retrieve_with_a_function(side: Side) -> Any:
    """`dspy.Retrieve` asks the retriever of the settings."""

    def rm(query: str, k: int) -> Any:
        return [side.dspy.Prediction(long_text=f"{query} {number}") for number in range(k)]

    return await side.call(side.dspy.Retrieve(k=2), "what", using={"rm": rm})
