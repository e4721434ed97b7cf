"""Makes one of everything public while a hook of the interpreter listens, and prints what each constructor reached for.

In a process of its own, since such a hook cannot be taken away again. Everything is made once before: what Python reads
to import a module or to show its source, it reads once.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import sys
from collections.abc import Callable
from typing import Any

import dspy

Make = Callable[[], Any]
LISTENED = ("open", "socket.", "subprocess.", "os.", "_thread.", "sqlite3.", "shutil.", "tempfile.")


def metric(example: Any, prediction: Any, trace: Any = None) -> float:
    return 1.0


def feedback(gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None) -> float:
    return 1.0


def look(query: str) -> str:
    """Looks."""
    return query


def embed(texts: list[str]) -> list[list[float]]:
    return [[1.0]] * len(texts)


class Program(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.predict = dspy.Predict("question -> answer")

    async def forward(self, settings: dspy.Settings, question: str) -> Any:
        return await self.predict(settings, question=question)


def makers() -> dict[str, Make]:
    """A constructor of each public class that does something, by the name of its class."""
    examples = [dspy.Example(question="q", answer="a").with_inputs("question")] * 3
    qa, lm = "question -> answer", dspy.LM("openai/m")
    found: dict[str, Make] = {
        "BestOfN": lambda: dspy.BestOfN(Program(), N=2, reward_fn=metric, threshold=1.0),
        "Refine": lambda: dspy.Refine(Program(), N=2, reward_fn=metric, threshold=1.0),
        "Parallel": dspy.Parallel,
        "Module": dspy.Module,
        "KNN": lambda: dspy.KNN(2, examples, vectorizer=dspy.Embedder(embed)),
        "KNNFewShot": lambda: dspy.KNNFewShot(2, examples, vectorizer=dspy.Embedder(embed)),
        "Embedder": lambda: dspy.Embedder("openai/e"),
        "LM": lambda: dspy.LM("openai/gpt-4o-mini"),
        "BaseLM": lambda: dspy.BaseLM("m"),
        "TwoStepAdapter": lambda: dspy.TwoStepAdapter(lm),
        "Evaluate": lambda: dspy.Evaluate(devset=examples, metric=metric),
        "PythonInterpreter": dspy.PythonInterpreter,
        "ColBERTv2": lambda: dspy.ColBERTv2("http://127.0.0.1:9"),
        "Retrieve": dspy.Retrieve,
        "Tool": lambda: dspy.Tool(look),
        "Settings": lambda: dspy.Settings(lm=lm),
        "Image": lambda: dspy.Image("http://127.0.0.1:9/image.png", download=True),
        "Prediction": lambda: dspy.Prediction(a=1),
        "Example": lambda: dspy.Example(a=1),
        "SemanticF1": dspy.evaluate.SemanticF1,
        "CompleteAndGrounded": dspy.evaluate.CompleteAndGrounded,
        "Ensemble": dspy.Ensemble,
        "LabeledFewShot": dspy.LabeledFewShot,
        "GEPA": lambda: dspy.GEPA(metric=feedback, auto="light", reflection_lm=lm),
        "MIPROv2": lambda: dspy.MIPROv2(metric=metric),
    }
    for name in ("Embeddings", "EmbeddingsWithScores"):
        found[name] = lambda name=name: getattr(dspy, name)(corpus=["a", "b"], embedder=dspy.Embedder(embed))
    for name in ("Predict", "ChainOfThought", "ProgramOfThought", "MultiChainComparison", "Flex"):
        found[name] = lambda name=name: getattr(dspy, name)(qa)
    for name in ("ReAct", "ReActV2", "RLM", "CodeAct"):
        found[name] = lambda name=name: getattr(dspy, name)(qa, tools=[look])
    for name in ("Adapter", "ChatAdapter", "JSONAdapter", "XMLAdapter"):
        found[name] = getattr(dspy, name)
    for name in ("BootstrapFewShot", "BootstrapFewShotWithRandomSearch", "BootstrapFewShotWithOptuna", "BootstrapRS",
                 "BootstrapFinetune", "BetterTogether", "COPRO", "SIMBA", "InferRules", "AvatarOptimizer"):  # fmt: skip
        found[name] = lambda name=name: getattr(dspy, name)(metric=metric)
    return found


def missing() -> list[str]:
    """Public classes with calls to wait for that are not made here."""

    def waits(cls: type[Any]) -> bool:
        return any(inspect.iscoroutinefunction(inspect.unwrap(each)) for _, each in inspect.getmembers(cls, callable))

    classes = {name: each for name, each in vars(dspy).items() if inspect.isclass(each) and not name.startswith("_")}
    # A protocol has no constructor; models and fields of pydantic take what they are given.
    return sorted(
        name
        for name, cls in classes.items()
        if waits(cls) and name not in makers() and not getattr(cls, "_is_protocol", False)
    )


def main() -> None:
    """Prints what was reached for by name, what is not tried, and whether the hook hears at all."""
    listening, heard = False, []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if listening and event.startswith(LISTENED):
            heard.append(f"{event} {arguments}"[:200])

    found: dict[str, list[str]] = {}
    left_out = missing()
    # This release has lost what its Avatar is made of.
    vars(dspy).setdefault("TypedPredictor", dspy.Predict)
    with contextlib.redirect_stdout(sys.stderr):
        for make in makers().values():
            make()
        sys.addaudithook(hook)
        for name, make in {**makers(), "a file": lambda: open(__file__).close()}.items():  # noqa: PTH123
            heard.clear()
            listening = True
            make()
            listening = False
            found[name] = list(heard)
    print(json.dumps({"heard": found, "missing": left_out}))


if __name__ == "__main__":
    main()
