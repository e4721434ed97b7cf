"""Evaluating programs: scores, results, failures, tables, files, metrics with and without a model."""

import csv
import json

import dspy
import pytest
from dspy.evaluate import EM, CompleteAndGrounded, SemanticF1, answer_exact_match, answer_passage_match, normalize_text

from tests.contract.support import QA, ScriptedLM, exact, examples, input_of


def same(text):
    """The answer is the question."""
    return {"answer": input_of(text)}


DEVSET = examples(a="a", b="b", c="x", d="d")


class TestEvaluate:
    def test_the_score_is_a_percentage(self):
        with dspy.context(lm=ScriptedLM(same)):
            result = dspy.Evaluate(devset=DEVSET, metric=exact, num_threads=2)(QA())
        assert result.score == 75.0
        assert [(e.question, p.answer, s) for e, p, s in result.results] == [
            ("a", "a", True),
            ("b", "b", True),
            ("c", "c", False),
            ("d", "d", True),
        ]

    @pytest.mark.parametrize("threads", [1, 3])
    def test_results_keep_the_order(self, threads):
        devset = examples(**{f"q{n}": f"q{n}" for n in range(9)})
        with dspy.context(lm=ScriptedLM(same)):
            result = dspy.Evaluate(devset=devset, metric=exact, num_threads=threads)(QA())
        assert [p.answer for _, p, _ in result.results] == [f"q{n}" for n in range(9)]

    def test_metric_devset_and_threads_of_the_call_go_first(self):
        evaluate = dspy.Evaluate(devset=DEVSET, metric=exact)
        with dspy.context(lm=ScriptedLM(same)):
            result = evaluate(QA(), metric=lambda e, p: 0.5, devset=DEVSET[:2], num_threads=1)
        assert (result.score, len(result.results)) == (50.0, 2)

    def test_a_failure_has_a_score_of_its_own(self):
        def some(text):
            return ValueError("no") if input_of(text) == "b" else same(text)

        with dspy.context(lm=ScriptedLM(some)):
            result = dspy.Evaluate(devset=DEVSET, metric=exact, num_threads=1, failure_score=-1.0, max_errors=9)(QA())
        assert result.score == 25.0
        assert result.results[1][2] == -1.0
        assert result.results[1][1].toDict() == {}

    def test_a_metric_that_fails_counts_as_a_failure(self):
        def picky(example, prediction, trace=None):
            if example.question == "a":
                raise RuntimeError("cannot tell")
            return 1.0

        with dspy.context(lm=ScriptedLM(same)):
            result = dspy.Evaluate(devset=DEVSET, metric=picky, num_threads=1)(QA())
        assert result.score == 75.0

    def test_too_many_failures_end_it(self):
        with dspy.context(lm=ScriptedLM(lambda text: ValueError("no"))):
            with pytest.raises(Exception, match="Execution cancelled"):
                dspy.Evaluate(devset=DEVSET, metric=exact, num_threads=1, max_errors=2)(QA())

    def test_a_metric_that_asks_a_model(self):
        judge = dspy.Predict("question, answer -> good: bool")

        def judged(example, prediction, trace=None):
            return judge(question=example.question, answer=prediction.answer, lm=critic).good

        critic = ScriptedLM(lambda text: {"good": "True" if input_of(text, "answer") in "ab" else "False"})
        with dspy.context(lm=ScriptedLM(same)):
            assert dspy.Evaluate(devset=DEVSET, metric=judged, num_threads=2)(QA()).score == 50.0

    def test_a_metric_that_is_an_object(self):
        class Length:
            def __call__(self, example, prediction, trace=None):
                return len(prediction.answer) / 2

        with dspy.context(lm=ScriptedLM(same)):
            assert dspy.Evaluate(devset=DEVSET, metric=Length(), num_threads=1)(QA()).score == 50.0

    def test_a_metric_that_gives_a_prediction_with_a_score(self):
        def scored(example, prediction, trace=None):
            return dspy.Prediction(score=0.5, feedback="so so")

        with dspy.context(lm=ScriptedLM(same)):
            result = dspy.Evaluate(devset=DEVSET, metric=scored, num_threads=1)(QA())
        assert result.score == 50.0
        assert result.results[0][2].feedback == "so so"

    def test_results_as_csv(self, tmp_path):
        path = tmp_path / "results.csv"
        with dspy.context(lm=ScriptedLM(same)):
            dspy.Evaluate(devset=DEVSET, metric=exact, num_threads=1, save_as_csv=str(path))(QA())
        rows = list(csv.DictReader(path.open()))
        assert rows[2] == {"question": "c", "example_answer": "x", "pred_answer": "c", "exact": "False"}
        assert len(rows) == 4

    def test_results_as_json(self, tmp_path):
        path = tmp_path / "results.json"
        with dspy.context(lm=ScriptedLM(same)):
            dspy.Evaluate(devset=DEVSET[:1], metric=exact, num_threads=1)(QA(), save_as_json=str(path))
        assert json.loads(path.read_text()) == [
            {"question": "a", "example_answer": "a", "pred_answer": "a", "exact": True}
        ]

    def test_the_table_is_shown(self, capsys):
        with dspy.context(lm=ScriptedLM(same)):
            dspy.Evaluate(devset=DEVSET, metric=exact, num_threads=1, display_table=True)(QA())
        assert "pred_answer" in capsys.readouterr().out

    def test_the_result_prints_short(self):
        with dspy.context(lm=ScriptedLM(same)):
            result = dspy.Evaluate(devset=DEVSET, metric=exact, num_threads=1)(QA())
        assert repr(result) == "EvaluationResult(score=75.0, results=<list of 4 results>)"

    def test_an_old_argument_is_refused(self):
        with pytest.raises(ValueError, match="no longer supported"):
            dspy.Evaluate(devset=DEVSET, metric=exact, return_outputs=True)

    def test_a_plain_function_as_the_program(self):
        def program(question):
            return dspy.Prediction(answer=question)

        assert dspy.Evaluate(devset=DEVSET, metric=exact, num_threads=1)(program).score == 75.0


class TestMetrics:
    @pytest.mark.parametrize(
        ("text", "normal"),
        [("The  Eiffel Tower!", "eiffel tower"), ("a an the", ""), ("U.S.A.", "usa"), ("Two  \tSpaces", "two spaces")],
    )
    def test_texts_are_normalized(self, text, normal):
        assert normalize_text(text) == normal

    @pytest.mark.parametrize(
        ("prediction", "answers", "match"),
        [("the Paris.", ["Paris"], True), ("Rome", ["Paris", "rome"], True), ("x", ["y"], False)],
    )
    def test_exact_match_of_texts(self, prediction, answers, match):
        assert EM(prediction, answers) is match

    @pytest.mark.parametrize(
        ("answer", "predicted", "frac", "match"),
        [
            ("Paris", "paris", 1.0, True),
            (["Paris", "Lutetia"], "Lutetia", 1.0, True),
            ("Paris France", "Paris", 0.5, True),
            ("Paris", "Rome", 1.0, False),
        ],
    )
    def test_answers_match(self, answer, predicted, frac, match):
        example, prediction = dspy.Example(answer=answer), dspy.Prediction(answer=predicted)
        assert answer_exact_match(example, prediction, frac=frac) is match

    @pytest.mark.parametrize(("passages", "match"), [(["Paris is nice"], True), (["Rome"], False)])
    def test_an_answer_in_a_passage(self, passages, match):
        assert answer_passage_match(dspy.Example(answer="Paris"), dspy.Prediction(context=passages)) is match

    @pytest.mark.parametrize("decompositional", [False, True])
    def test_semantic_f1(self, decompositional):
        said = {"reasoning": "r", "recall": "0.5", "precision": "1.0"}
        if decompositional:
            said |= {"ground_truth_key_ideas": "a", "system_response_key_ideas": "b", "discussion": "c"}
        metric = SemanticF1(decompositional=decompositional)
        with dspy.context(lm=ScriptedLM([said])):
            score = metric(dspy.Example(question="q", response="truth"), dspy.Prediction(response="said"))
        assert score.score == pytest.approx(2 / 3)

    def test_semantic_f1_for_optimizers_is_a_yes_or_no(self):
        said = {"reasoning": "r", "recall": "0.5", "precision": "1.0"}
        with dspy.context(lm=ScriptedLM([said])):
            result = SemanticF1(threshold=0.6)(
                dspy.Example(question="q", response="truth"), dspy.Prediction(response="said"), trace=[]
            )
        assert result.score is True

    def test_complete_and_grounded(self):
        complete = {
            "reasoning": "r",
            "ground_truth_key_ideas": "a",
            "system_response_key_ideas": "b",
            "discussion": "c",
            "completeness": "1.0",
        }
        grounded = {"reasoning": "r", "system_response_claims": "a", "discussion": "c", "groundedness": "0.5"}
        lm = ScriptedLM([complete, grounded])
        with dspy.context(lm=lm):
            result = CompleteAndGrounded()(
                dspy.Example(question="q", response="truth"), dspy.Prediction(response="said", context=["passage"])
            )
        assert result.score == pytest.approx(2 / 3)
        assert "passage" in lm.prompts[1]

    def test_a_program_as_the_metric_of_an_evaluation(self):
        def said(text):
            if "[[ ## ground_truth ## ]]" in text:
                return {"reasoning": "r", "recall": "1.0", "precision": "1.0"}
            return {"response": "x"}

        devset = [dspy.Example(question="q", response="x").with_inputs("question")]
        with dspy.context(lm=ScriptedLM(said)):
            score = dspy.Evaluate(devset=devset, metric=SemanticF1(), num_threads=1)(
                dspy.Predict("question -> response")
            ).score
        assert score == 100.0
