"""What few programs touch, and upstream's own tests do not: base classes, old helpers, local ColBERT, Avatar."""

import json
import logging
import sys
from types import ModuleType, SimpleNamespace

import dspy
import numpy as np
import pytest
from dspy.core.types import AsyncLMStream
from dspy.dsp.colbertv2 import ColBERTv2RerankerLocal, ColBERTv2RetrieverLocal
from dspy.predict.avatar import Avatar
from dspy.predict.avatar import Tool as AvatarTool
from dspy.propose.propose_base import Proposer
from dspy.teleprompt.avatar_optimizer import AvatarOptimizer
from dspy.teleprompt.gepa.gepa_utils import PredictorFeedbackFn
from dspy.teleprompt.utils import (
    calculate_last_n_proposed_quality,
    eval_candidate_program_with_pruning,
    get_task_model_history_for_full_example,
)
from dspy.utils.callback import BaseCallback

from tests.contract.support import QA, ScriptedLM, answering, examples, input_of, knows
from tests.contract.test_interpreters import FAKE

TRAINSET = examples(q0="a0", q1="a1", q2="a2", q3="a3")
KNOWN = {f"q{n}": f"a{n}" for n in range(4)}


class TestBaseClasses:
    def test_an_adapter_that_parses_nothing(self):
        with pytest.raises(NotImplementedError):
            dspy.Adapter().parse(dspy.Signature("q -> a"), "text")

    def test_an_interpreter_that_says_what_the_protocol_says(self):
        class Nothing(dspy.CodeInterpreter):
            @property
            def tools(self):
                return {}

            def start(self):
                return super().start()

            def execute(self, code, variables=None):
                return super().execute(code, variables)

            def shutdown(self):
                return super().shutdown()

        interpreter = Nothing()
        assert isinstance(interpreter, dspy.CodeInterpreter)
        assert interpreter.start() is None
        assert interpreter.execute("1 + 1") is None
        assert interpreter.shutdown() is None

    def test_a_proposer_that_proposes_what_its_base_does(self):
        class Silent(Proposer):
            def propose_instructions_for_program(self):
                return super().propose_instructions_for_program()

        assert Silent().propose_instructions_for_program() is None
        assert Silent().propose_instruction_for_predictor() is None
        with pytest.raises(TypeError, match="abstract"):
            Proposer()

    def test_feedback_that_says_what_the_protocol_says(self):
        class Silent(PredictorFeedbackFn):
            def __call__(self, predictor_output, predictor_inputs, module_inputs, module_outputs, captured_trace):
                return super().__call__(
                    predictor_output, predictor_inputs, module_inputs, module_outputs, captured_trace
                )

        assert Silent()({}, {}, dspy.Example(), dspy.Prediction(), []) is None

    def test_handlers_of_the_interpreter_are_inherited(self, caplog):
        class Nothing(BaseCallback):
            pass

        def one() -> int:
            return 1

        logger = logging.getLogger("dspy")
        logger.propagate = True
        try:
            with dspy.PythonInterpreter(deno_command=FAKE, tools={"one": one}, callbacks=[Nothing()]) as interpreter:
                assert interpreter.execute("one() + 1") == 2
        finally:
            logger.propagate = False
        assert not [record for record in caplog.records if "callback" in record.message]


async def test_a_stream_of_typed_events():
    output = dspy.LMResponse.from_text("hello", model="m")

    async def events():
        for event in (SimpleNamespace(last=False), SimpleNamespace(last=True)):
            yield event

    stream = AsyncLMStream(
        request=dspy.LMRequest.from_call(model="m", items=("x",)),
        events=events(),
        finalize=lambda request, response: response.model_copy(update={"model": f"{request.model}!"}),
    )
    stream._builder = SimpleNamespace(apply=lambda event: output if event.last else None)
    with pytest.raises(RuntimeError, match="not completed"):
        stream.result()
    assert [event.last async for event in stream] == [False, True]
    assert (stream.result().model, stream.result().text) == ("m!", "hello")


class TestOldHelpers:
    def evaluate(self, program, devset=None, **kwargs):
        return sum(program(question=one.question).answer == one.answer for one in devset) / len(devset)

    def test_the_quality_of_the_last_programs(self, tmp_path):
        path = str(tmp_path / "program.json")
        QA().save(path)
        logs = {
            1: {"full_eval": True, "score": 9.0, "program_path": path},
            2: {"full_eval": True, "score": 0.5, "program_path": path},
            3: {"full_eval": True, "score": 0.7, "program_path": path},
        }
        with dspy.context(lm=ScriptedLM(answering(answer=knows(q0="a0")))):
            quality = calculate_last_n_proposed_quality(QA(), logs, self.evaluate, TRAINSET, TRAINSET[:2], 2)
        assert quality == (0.7, 0.6, 0.5, 0.5)

    def test_the_quality_without_a_full_evaluation(self):
        with pytest.raises(NotImplementedError):
            calculate_last_n_proposed_quality(QA(), {1: {"full_eval": False}}, self.evaluate, [], [], 1)

    @pytest.mark.parametrize(("prunes", "score", "size"), [(False, 0.5, 4), (True, 1.0, 2)])
    def test_an_evaluation_in_batches_that_may_end_early(self, prunes, score, size):
        reported = []
        trial = SimpleNamespace(report=lambda value, step: reported.append((step, value)), should_prune=lambda: prunes)
        logs = {1: {}}
        with dspy.context(lm=ScriptedLM(answering(answer=knows(q0="a0", q1="a1")))):
            found = eval_candidate_program_with_pruning(trial, logs, TRAINSET, QA(), self.evaluate, 1, batch_size=2)
        assert found == (score, logs, size, prunes)
        assert reported == [(0, 1.0), (1, 0.5)][: size // 2]
        assert (logs[1]["pruned"], logs[1]["score"]) == (prunes, score)

    def test_the_history_of_one_example(self, capsys):
        lm = ScriptedLM(answering(answer="the answer"))
        with dspy.context(lm=lm):
            assert get_task_model_history_for_full_example(QA(), lm, TRAINSET, self.evaluate) is None
        assert capsys.readouterr().out.count("the answer") == 2


@pytest.fixture
def colbert(monkeypatch):
    """The distributions `colbert` and `torch`, as far as they are used."""

    class Run:
        def context(self, config):
            return self

        def __enter__(self):
            return self

        def __exit__(self, *exc):
            return None

    class Indexer:
        def __init__(self, checkpoint, config):
            self.config = config

        def index(self, name, collection, overwrite):
            self.config.indexed = (name, list(collection), overwrite)

    class Searcher:
        def __init__(self, index, collection):
            self.collection = collection

        def search(self, query, k, filter_fn=None):
            found = [n for n, text in enumerate(self.collection) if query in text]
            if filter_fn is not None:
                found = [n for n in found if n in filter_fn(found)]
            found = found[:k]
            return found, list(range(len(found))), [1.0 / (n + 1) for n in found]

    class Tensor(list):
        def to(self, device):
            return self

        def repeat_interleave(self, times, dim):
            return self

        def contiguous(self):
            return self

    class Score(float):
        def cpu(self):
            return self

        def detach(self):
            return self

        def numpy(self):
            return np.float64(self)

    class Tokenizer:
        def __init__(self, config, verbose=0):
            self.config = config

        def tensorize(self, texts):
            return texts, None

    class ColBERT:
        def __init__(self, checkpoint, config):
            self.checkpoint = checkpoint

        def query(self, ids, masks):
            return Tensor(ids)

        def doc(self, ids, masks, keep_dims):
            return ids, masks

        def score(self, query, docs, masks):
            return [Score(len(set(query[0].split()) & set(doc.split()))) for doc in docs]

    modules = {
        "colbert": {"Indexer": Indexer, "Searcher": Searcher},
        "colbert.infra": {"Run": Run, "RunConfig": SimpleNamespace},
        "colbert.modeling": {},
        "colbert.modeling.colbert": {"ColBERT": ColBERT},
        "colbert.modeling.tokenization": {},
        "colbert.modeling.tokenization.doc_tokenization": {"DocTokenizer": Tokenizer},
        "colbert.modeling.tokenization.query_tokenization": {"QueryTokenizer": Tokenizer},
        "torch": {
            "tensor": lambda values, dtype: Tensor(values),
            "int32": int,
            "cuda": SimpleNamespace(is_available=lambda: False),
        },
    }
    for name, members in modules.items():
        module = ModuleType(name)
        module.__dict__.update(members)
        monkeypatch.setitem(sys.modules, name, module)
    return SimpleNamespace(checkpoint="c", index_name="i", nranks=1, experiment="e")


class TestLocalColBERT:
    PASSAGES = ("red apples", "green pears", "red roses")

    def test_passages_are_indexed_and_found(self, colbert):
        retriever = ColBERTv2RetrieverLocal(list(self.PASSAGES), colbert)
        assert [(one.long_text, one.pid) for one in retriever("red", k=5)] == [("red apples", 0), ("red roses", 2)]
        assert colbert.indexed == ("i", list(self.PASSAGES), True)

    def test_only_some_passages(self, colbert):
        retriever = ColBERTv2RetrieverLocal(list(self.PASSAGES), colbert, load_only=True)
        assert [one["pid"] for one in retriever("red", filtered_pids=[2])] == [2]

    def test_passages_are_ranked(self, colbert):
        reranker = ColBERTv2RerankerLocal(colbert, checkpoint="small")
        assert reranker("red roses", list(self.PASSAGES)).tolist() == [1.0, 0.0, 2.0]
        assert (colbert.checkpoint, colbert.nway) == ("small", 3)

    def test_a_configuration_is_needed(self):
        with pytest.raises(AssertionError, match="colbert_config"):
            ColBERTv2RetrieverLocal(["x"])


class Lookup:
    """A tool in the manner of langchain."""

    def run(self, query):
        return f"found {query}"


@pytest.fixture
def typed_predictor(monkeypatch):
    """What Avatar asks for, and the release does not have any more."""
    monkeypatch.setattr(dspy, "TypedPredictor", dspy.Predict, raising=False)


class TestAvatar:
    def lm(self):
        def answer(text):
            return KNOWN[input_of(text)] if input_of(text) < "q2" else "wrong"

        find = json.dumps({"tool_name": "lookup", "tool_input_query": "it"})
        finish = json.dumps({"tool_name": "Finish", "tool_input_query": "done"})
        return ScriptedLM(
            answering(
                action_1=find, action_2=finish, answer=answer, feedback="look closer", new_instruction="Look closer."
            )
        )

    def avatar(self):
        tool = AvatarTool(tool=Lookup(), name="lookup", desc="Looks up.", input_type="text")
        return Avatar("question -> answer", tools=[tool])

    def test_tools_are_called_until_it_finishes(self, typed_predictor):
        with dspy.context(lm=self.lm()):
            result = self.avatar()(question="q1")
        assert result.answer == "a1"
        assert [(one.tool_name, one.tool_output) for one in result.actions] == [("lookup", "found it")]

    def test_its_instruction_is_improved(self, typed_predictor):
        student = self.avatar()
        lm = self.lm()
        student.set_lm(lm)

        def metric(example, prediction, trace=None):
            return int(example.answer == prediction.answer)

        with dspy.context(lm=lm, num_threads=1):
            program = AvatarOptimizer(metric=metric, max_iters=1).compile(student, trainset=TRAINSET)
        assert program.actor.signature.instructions == "Look closer."

    def test_an_optimizer_needs_good_and_bad_examples(self, typed_predictor):
        student = self.avatar()
        lm = self.lm()
        student.set_lm(lm)
        with dspy.context(lm=lm, num_threads=1):
            with pytest.raises(ValueError, match="No negative examples"):
                AvatarOptimizer(metric=lambda example, prediction, trace=None: 1).compile(
                    student, trainset=TRAINSET[:2]
                )
