"""Programs, settings, indexes and cached answers that one package writes to a folder and the other one reads.

`python -m tests.generated.saved write|read|ask FOLDER [URL]` does so with the `dspy` that is first on the path,
upstream's. Reading prints, as JSON, the state of each program, what it asks a scripted model then, and what else was
found; asking prints what a server at the URL said, or what the cache in the folder had instead, and the cache's keys.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.generated.programs import PEOPLE, Calculator, Person, search, typed
from tests.generated.sides import Side, SyncSide, drive, fields, plain

ANSWERS = {"answer": "a", "reasoning": "r", "rationale": "r", "mood": "good", "score": "1.0", "people": "[]"}
FORMS = ("json", "pkl")
CORPUS = ["alpha", "beta", "gamma"]


def embed(texts: list[str]) -> list[list[float]]:
    """An embedding that needs no model."""
    return [[float(len(text)), float(text.count("a"))] for text in texts]


def programs(side: Side) -> dict[str, tuple[Any, dict[str, Any]]]:
    """Programs as a user leaves them before saving, each with the inputs of a call."""
    dspy = side.dspy
    predict = dspy.Predict("question -> answer", temperature=0.4)
    predict.demos = [dspy.Example(question="1+1?", answer="2", augmented=True), {"question": "2+2?", "answer": "4"}]
    predict.signature = predict.signature.with_instructions("Be brief.\nBe right. \u00e9\u4f60\U0001f600")
    structured = dspy.ChainOfThought(typed(side))
    structured.predict.demos = [
        dspy.Example(
            text="T", limit=2, reasoning="why", people=[Person(**each) for each in PEOPLE], mood="bad", score=1.5
        )
    ]
    own_model = dspy.Predict("question -> answer")
    own_model.set_lm(dspy.LM("openai/gpt-4o-mini", temperature=0.1, max_tokens=77, api_key="secret"))
    agent = dspy.ReAct("question -> answer", tools=[search, dspy.Tool(Calculator(), name="add")])
    agent.react.signature = agent.react.signature.with_instructions("Use a tool.")
    compare = dspy.MultiChainComparison("question -> answer", M=2)
    return {
        "predict": (predict, {"question": "?"}),
        "structured": (structured, {"text": "Ada and Bob"}),
        "own model": (own_model, {"question": "?"}),
        "agent": (agent, {"question": "?"}),
        "compare": (compare, {"completions": [dspy.Prediction(rationale=f"r{n}", answer="a") for n in range(2)]}),
    }


WHOLE = ("predict", "compare")
"""Those that are saved whole as well: a pickle names classes, and an agent's tools would be a thing of each package."""


async def write(side: Side, folder: Path) -> None:
    """Saves each program in each form, settings, and an index."""
    dspy = side.dspy
    for name, (program, _) in programs(side).items():
        for form in FORMS:
            program.save(folder / f"{name}.{form}")
        if name in WHOLE:
            program.save(folder / f"{name} whole", save_program=True)
    lm = dspy.LM("openai/gpt-4o-mini", temperature=0.2)
    values = {"lm": lm, "adapter": dspy.JSONAdapter(), "num_threads": 3, "mine": [1, {"x": None}]}
    if side.is_async:
        dspy.Settings(**values).save(str(folder / "settings.pkl"))
        index = dspy.Embeddings(corpus=CORPUS, embedder=dspy.Embedder(embed, caching=False), k=2)
        await index.save(dspy.Settings(), str(folder / "index"))
    else:
        with dspy.context(**values):
            dspy.settings.save(str(folder / "settings.pkl"))
        dspy.Embeddings(corpus=CORPUS, embedder=dspy.Embedder(embed, caching=False), k=2).save(str(folder / "index"))


async def read(side: Side, folder: Path) -> dict[str, Any]:
    """Loads all of that, and shows what was found."""
    found: dict[str, Any] = {}
    for name, (_, inputs) in programs(side).items():
        for form in FORMS:
            program = _fresh(side, name)
            program.load(folder / f"{name}.{form}", allow_pickle=form == "pkl")
            found[f"{name} {form}"] = await _seen(side, program, inputs)
        if name in WHOLE:
            found[f"{name} whole"] = await _seen(
                side, side.dspy.load(folder / f"{name} whole", allow_pickle=True), inputs
            )
    found["settings"] = _settings(side, folder)
    index = side.dspy.Embeddings.from_saved(str(folder / "index"), side.dspy.Embedder(embed, caching=False))
    found["index"] = plain((await side.call(index, "alpha", using={})).passages)
    return found


def _settings(side: Side, folder: Path) -> dict[str, Any]:
    values = side.dspy.load_settings(str(folder / "settings.pkl"), allow_pickle=True)
    lm = values["lm"]
    assert type(lm) is side.dspy.LM and type(values["adapter"]) is side.dspy.JSONAdapter
    return {"names": sorted(values), "lm": lm.dump_state(), "threads": values["num_threads"], "mine": values["mine"]}


def _fresh(side: Side, name: str) -> Any:
    """A program of the same form that knows nothing yet."""
    program = programs(side)[name][0]
    for predictor in program.predictors():
        predictor.demos = []
        predictor.lm = None
        predictor.signature = predictor.signature.with_instructions("Nothing of this is left.")
    return program


async def _seen(side: Side, program: Any, inputs: dict[str, Any]) -> Any:
    state = json.loads(json.dumps(program.dump_state()))
    for predictor in program.predictors():
        predictor.lm = None
    seen = len(side.log)
    step = fields(next_thought="t", next_tool_name="finish", next_tool_args="{}")
    lm = side.lm(lambda last, _: step if "next_tool_name" in last else fields(**ANSWERS))
    result = await side.call(program, using={"lm": lm}, **inputs)
    return {"state": state, "result": plain(result), "asked": side.log[seen:]}


async def ask(side: Side, folder: Path, url: str) -> dict[str, Any]:
    """Asks a server what programs, models and an embedder ask, with the cache in a folder."""
    dspy, said = side.dspy, []
    before = dspy.cache
    dspy.configure_cache(disk_cache_dir=str(folder))
    there = {"api_base": url, "api_key": "key"}
    try:
        for kind in ("chat", "text", "responses"):
            lm = dspy.LM("openai/m", model_type=kind, temperature=0.5, max_tokens=90, **there)
            predict = dspy.Predict("question -> answer")
            for more in ({}, {"config": {"n": 2}}, {"config": {"rollout_id": 7, "temperature": 1.0}}):
                if kind == "chat" or "n" not in more.get("config", {}):
                    said.append(await side.call(predict, using={"lm": lm}, question="Who \u00e9?", **more))
        chat = dspy.LM("openai/gpt-4o-mini", **there)
        adapter = dspy.JSONAdapter()
        said.append(await side.call(dspy.Predict(typed(side)), using={"lm": chat, "adapter": adapter}, text="Ada"))
        said.append(await side.call(chat, "plain", using={}, stop=["x"]))
        said.append(
            await side.call(chat, messages=[{"role": "user", "content": [{"type": "text", "text": "t"}]}], using={})
        )
        embedder = dspy.Embedder("openai/e", batch_size=2, **there)
        said.append((await side.call(embedder, ["a", "b", "c"], using={})).tolist())
        keys = sorted(dspy.cache.disk_cache)
    finally:
        dspy.cache = before
    return {"said": plain(said), "keys": keys}


def main() -> None:
    """Does what the command line says, with the package that is first on the path."""
    import dspy

    what, folder, *rest = sys.argv[1:]
    out, sys.stdout = sys.stdout, sys.stderr
    done = drive({"write": write, "read": read, "ask": ask}[what](SyncSide(dspy), Path(folder), *rest))
    json.dump({"version": dspy.__version__, "found": done}, out)


if __name__ == "__main__":
    main()
