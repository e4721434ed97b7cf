"""What stands around programs: other event loops and threads, data, foreign retrievers, and Flex."""

import asyncio
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import dspy
import pytest
from dspy.datasets import DataLoader

from tests.contract.support import QA, ScriptedLM, answering, exact, examples
from tests.support import sandbox

FAKE = [sys.executable, str(Path(sandbox.__file__))]


class TestOtherLoops:
    async def test_a_program_is_awaited(self):
        with dspy.context(lm=dspy.utils.DummyLM([{"answer": "4"}])):
            assert (await dspy.Predict("question -> answer").acall(question="2+2")).answer == "4"

    async def test_a_program_in_a_thread(self):
        with dspy.context(lm=ScriptedLM([{"answer": "4"}])):
            assert (await dspy.asyncify(QA())(question="2+2")).answer == "4"

    async def test_several_programs_at_once(self):
        with dspy.context(lm=dspy.utils.DummyLM({"ones": {"answer": "1"}, "twos": {"answer": "2"}})):
            program = dspy.Predict("question -> answer")
            both = await asyncio.gather(program.acall(question="ones"), program.acall(question="twos"))
        assert [one.answer for one in both] == ["1", "2"]

    def test_an_asynchronous_program_from_plain_code(self):
        class Later(dspy.Module):
            def __init__(self):
                super().__init__()
                self.ask = dspy.Predict("question -> answer")

            async def aforward(self, question):
                return await self.ask.acall(question=question)

        with dspy.context(lm=dspy.utils.DummyLM([{"answer": "4"}])):
            assert asyncio.run(Later().acall(question="2+2")).answer == "4"

    async def test_parts_of_every_kind_are_awaited(self):
        def double(n: int) -> int:
            return n * 2

        with dspy.context(lm=dspy.utils.DummyLM([{"reasoning": "r", "answer": "a"}])):
            thought = await dspy.ChainOfThought("question -> answer").acall(question="?")
        assert thought.reasoning == "r"
        assert await dspy.Tool(double).acall(n=2) == 4
        assert (await dspy.Embedder(embed).acall(["abc"])).tolist() == [[3.0]]


def embed(texts):
    return [[float(len(text))] for text in texts]


class TestData:
    def test_examples_of_a_csv_file(self, tmp_path):
        (tmp_path / "data.csv").write_text("question,answer\nq1,a1\nq2,a2\n")
        data = DataLoader().from_csv(str(tmp_path / "data.csv"), input_keys=("question",))
        assert [(one.question, one.answer) for one in data] == [("q1", "a1"), ("q2", "a2")]
        assert dict(data[0].inputs()) == {"question": "q1"}

    def test_examples_of_a_json_file(self, tmp_path):
        (tmp_path / "data.json").write_text(json.dumps([{"question": "q1", "answer": "a1"}]))
        (one,) = DataLoader().from_json(str(tmp_path / "data.json"), fields=["question"], input_keys=("question",))
        assert one.toDict() == {"question": "q1"}

    def test_examples_of_a_table(self):
        import pandas

        frame = pandas.DataFrame({"question": ["q1"], "answer": ["a1"]})
        (one,) = DataLoader().from_pandas(frame, fields=["question", "answer"], input_keys=("question",))
        assert one.answer == "a1"

    def test_samples_and_splits(self):
        data = examples(a="1", b="2", c="3", d="4")
        loader = DataLoader()
        assert len(loader.sample(data, 2)) == 2
        split = loader.train_test_split(data, train_size=0.75, random_state=1)
        assert (len(split["train"]), len(split["test"])) == (3, 1)

    def test_examples_of_a_retriever(self):
        class Store:
            def get_objects(self, num_samples, fields):
                return [{"question": f"q{n}", "more": n} for n in range(num_samples)]

        with dspy.context(rm=Store()):
            data = DataLoader().from_rm(2, fields=["question"], input_keys=["question"])
        assert [one.toDict() for one in data] == [{"question": "q0"}, {"question": "q1"}]

    def test_a_retriever_without_objects(self):
        with dspy.context(rm=object()):
            with pytest.raises(ValueError, match="does not support `get_objects`"):
                DataLoader().from_rm(2, fields=["question"], input_keys=["question"])


class FakeCollection:
    """A collection of Weaviate's."""

    def __init__(self):
        self.asked = []
        self.query = self

    def hybrid(self, query, limit, **kwargs):
        self.asked.append((query, limit, kwargs))
        return SimpleNamespace(objects=[SimpleNamespace(properties={"content": f"{query} {n}"}) for n in range(limit)])

    def with_tenant(self, tenant):
        self.asked.append(tenant)
        return self

    def iterator(self):
        return iter([SimpleNamespace(properties={"content": str(n), "other": n}) for n in range(5)])


class TestForeignRetrievers:
    def weaviate(self, **kwargs):
        from dspy.retrievers.weaviate_rm import WeaviateRM

        collection = FakeCollection()
        client = SimpleNamespace(collections={"Sky": collection})
        return collection, WeaviateRM("Sky", weaviate_client=client, **kwargs)

    def test_weaviate(self):
        collection, rm = self.weaviate(k=2)
        assert [one.long_text for one in rm.forward("blue")] == ["blue 0", "blue 1"]
        assert collection.asked == [("blue", 2, {})]

    def test_weaviate_for_a_tenant(self):
        collection, rm = self.weaviate(tenant_id="t")
        assert [one.long_text for one in rm.forward(["a", "", "b"], k=1)] == ["a 0", "b 0"]
        assert collection.asked == ["t", ("a", 1, {}), "t", ("b", 1, {})]

    def test_objects_of_weaviate(self):
        _, rm = self.weaviate()
        assert rm.get_objects(num_samples=2, fields=["content"]) == [{"content": "0"}, {"content": "1"}]

    def test_databricks(self, monkeypatch):
        import requests

        # Without the distribution the module cannot be imported at all; without its SDK it asks over HTTP.
        package = ModuleType("databricks")
        package.__path__ = []
        monkeypatch.setitem(sys.modules, "databricks", package)
        from dspy.retrievers import databricks_rm

        asked = []

        def post(url, json=None, headers=None, **kwargs):
            asked.append((url, json["query_text"], json["num_results"]))
            rows = [["1", "first text", 0.5], ["2", "second text", 0.9]]
            columns = [{"name": "id"}, {"name": "text"}, {"name": "score"}]
            body = {"manifest": {"columns": columns}, "result": {"data_array": rows}}
            return SimpleNamespace(json=lambda: body, raise_for_status=lambda: None, status_code=200)

        monkeypatch.setattr(requests, "post", post)
        rm = databricks_rm.DatabricksRM("index", databricks_endpoint="http://databricks", databricks_token="t", k=1)
        found = rm.forward("sky")
        assert found.docs == ["second text"]
        assert found.doc_ids == ["2"]
        assert asked[0][1:] == ("sky", 1)


class Doubler(dspy.Signature):
    """Return double the input value."""

    value: int = dspy.InputField()
    result: int = dspy.OutputField()


class TestFlex:
    def flex(self, **kwargs):
        return dspy.Flex(Doubler, interpreter_factory=lambda: dspy.PythonInterpreter(deno_command=FAKE), **kwargs)

    def test_the_first_code_asks_a_model(self):
        with dspy.context(lm=ScriptedLM([{"result": "4"}])):
            assert self.flex()(value=2).result == 4

    def test_code_of_ones_own(self):
        source = (
            "class DoublerModule(dspy.Module):\n"
            "    def __init__(self):\n"
            "        super().__init__()\n"
            "        self.ask = dspy.Predict('value: int -> result: int')\n"
            "    def forward(self, value):\n"
            "        said = self.ask(value=value).result\n"
            "        return dspy.Prediction(result=int(said) + 1)\n"
        )
        flex = self.flex()
        flex.load_state({"module_src": source, "lm": None})
        with dspy.context(lm=ScriptedLM([{"result": "4"}])):
            assert flex(value=2).result == 5
        assert flex.dump_state()["module_src"] == source

    def test_positional_inputs_are_refused(self):
        with pytest.raises(TypeError, match="keyword inputs only"):
            self.flex()(2)

    def test_a_model_of_its_own(self):
        flex = self.flex()
        flex.set_lm(ScriptedLM([{"result": "8"}]))
        with dspy.context(lm=None):
            assert flex(value=4).result == 8

    def test_an_instance_is_no_factory(self):
        with pytest.raises(TypeError):
            dspy.Flex(Doubler, interpreter_factory=dspy.PythonInterpreter(deno_command=FAKE))

    def test_gepa_writes_its_code(self):
        better = (
            "class DoublerModule(dspy.Module):\n"
            "    def forward(self, value):\n"
            "        return dspy.Prediction(result=2 * int(value))\n"
        )

        def metric(example, prediction, trace=None, pred_name=None, pred_trace=None):
            return dspy.Prediction(score=float(example.result == prediction.result), feedback="compute it")

        def reflect(text):
            return answering(module_src=better, new_code=better, code=better)(text)

        data = [dspy.Example(value=n, result=2 * n).with_inputs("value") for n in (1, 2, 3)]
        optimizer = dspy.GEPA(
            metric=metric, max_metric_calls=20, reflection_lm=ScriptedLM(reflect), num_threads=1, use_merge=False
        )
        with dspy.context(lm=ScriptedLM(answering(result="0"))):
            program = optimizer.compile(self.flex(), trainset=data)
            assert program(value=21).result in (0, 42)


def test_an_evaluation_within_a_loop_of_programs():
    scores = []
    for said in ("x", "y"):
        with dspy.context(lm=ScriptedLM(answering(answer=said))):
            scores.append(dspy.Evaluate(devset=examples(q="y"), metric=exact, num_threads=1)(QA()).score)
    assert scores == [0.0, 100.0]
