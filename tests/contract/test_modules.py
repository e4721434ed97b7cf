"""Programs: calls, parts, copies, batches, language models of their own, and the modules that make several calls."""

import dspy
import pytest

from tests.contract.support import QA, ScriptedLM, examples, fields, input_of


class Twice(dspy.Module):
    """Asks two parts in a row."""

    def __init__(self):
        super().__init__()
        self.first = dspy.Predict("question -> hint")
        self.second = dspy.ChainOfThought("question, hint -> answer")
        self.parts = [dspy.Predict("a -> b")]
        self.named = {"x": dspy.Predict("c -> d")}

    def forward(self, question):
        hint = self.first(question=question).hint
        return self.second(question=question, hint=hint)


def answer_upper(text):
    return {"answer": input_of(text).upper()}


class TestPredict:
    def test_a_keyword_for_each_field(self):
        lm = ScriptedLM([{"c": "x"}])
        with dspy.context(lm=lm):
            assert dspy.Predict("a, b -> c")(a="1", b="2").c == "x"
        assert "[[ ## a ## ]]\n1\n\n[[ ## b ## ]]\n2" in lm.prompts[0]

    def test_positional_arguments_are_refused_with_the_names(self):
        with dspy.context(lm=ScriptedLM([])):
            with pytest.raises(ValueError, match="question"):
                dspy.Predict("question -> answer")("2+2")

    def test_without_a_model_it_says_what_to_do(self):
        with dspy.context(lm=None):
            with pytest.raises(ValueError, match=r"dspy\.configure"):
                dspy.Predict("question -> answer")(question="2+2")

    @pytest.mark.parametrize("lm", ["openai/gpt-4o", 3])
    def test_what_is_no_model_is_refused(self, lm):
        with dspy.context(lm=lm):
            with pytest.raises(ValueError, match=r"must be an? .*BaseLM"):
                dspy.Predict("question -> answer")(question="2+2")

    def test_configuration_of_the_part_and_of_the_call(self):
        lm = ScriptedLM([{"a": "x"}, {"a": "y"}], temperature=0.1)
        predict = dspy.Predict("q -> a", max_tokens=5)
        with dspy.context(lm=lm):
            predict(q="1")
            predict(q="2", config={"max_tokens": 9, "stop": ["."]})
        assert lm.parameters[0]["max_tokens"] == 5
        assert (lm.parameters[1]["max_tokens"], lm.parameters[1]["stop"]) == (9, ["."])

    def test_a_model_of_the_part_goes_before_that_of_the_settings(self):
        own, other, called = ScriptedLM([{"a": "own"}]), ScriptedLM([{"a": "other"}]), ScriptedLM([{"a": "called"}])
        predict = dspy.Predict("q -> a")
        predict.lm = own
        with dspy.context(lm=other):
            assert predict(q="1").a == "own"
            assert predict(q="1", lm=called).a == "called"
        assert other.requests == []

    def test_several_completions(self):
        lm = ScriptedLM([[{"a": "x"}, {"a": "y"}]])
        with dspy.context(lm=lm):
            result = dspy.Predict("q -> a", n=2)(q="1")
        assert result.completions.a == ["x", "y"]
        assert lm.parameters[0]["temperature"] == 0.7

    def test_a_signature_and_demos_for_one_call(self):
        lm = ScriptedLM([{"b": "x"}])
        with dspy.context(lm=lm):
            result = dspy.Predict("q -> a")(q="1", signature="q -> b", demos=[dspy.Example(q="0", b="z")])
        assert result.b == "x"
        assert len(lm.requests[0]) == 4

    def test_a_default_of_an_input_is_used(self):
        class Ask(dspy.Signature):
            q: str = dspy.InputField()
            tone: str = dspy.InputField(default="kind")
            a: str = dspy.OutputField()

        lm = ScriptedLM([{"a": "x"}])
        with dspy.context(lm=lm):
            dspy.Predict(Ask)(q="1")
        assert "[[ ## tone ## ]]\nkind" in lm.prompts[0]

    def test_predicted_outputs_go_to_the_model(self):
        lm = ScriptedLM([{"a": "x"}])
        with dspy.context(lm=lm):
            dspy.Predict("q -> a")(q="1", prediction={"type": "content", "content": "x"})
        assert lm.parameters[0]["prediction"] == {"type": "content", "content": "x"}
        assert "prediction" not in lm.prompts[0]

    def test_a_field_may_be_called_settings(self):
        lm = ScriptedLM([{"a": "x"}])
        with dspy.context(lm=lm):
            assert dspy.Predict("settings -> a")(settings="dark").a == "x"
        assert "[[ ## settings ## ]]\ndark" in lm.prompts[0]

    def test_reset_and_state(self):
        predict = dspy.Predict("q -> a")
        predict.demos = [dspy.Example(q="1", a="2")]
        state = predict.dump_state()
        assert state["demos"] == [{"q": "1", "a": "2"}]
        predict.reset()
        assert (predict.demos, predict.lm) == ([], None)
        predict.load_state(state)
        assert predict.demos[0]["a"] == "2"

    def test_the_trace_has_the_part_its_inputs_and_its_result(self):
        with dspy.context(lm=ScriptedLM([{"answer": "4"}]), trace=[]):
            program = QA()
            program(question="2+2")
            ((part, inputs, outputs),) = dspy.settings.trace
        assert part is program.ask
        assert (inputs, outputs.answer) == ({"question": "2+2"}, "4")

    def test_the_trace_keeps_the_last_ones(self):
        with dspy.context(lm=ScriptedLM([{"answer": str(n)} for n in range(4)]), trace=[], max_trace_size=2):
            program = QA()
            for n in range(4):
                program(question=str(n))
            assert [outputs.answer for _, _, outputs in dspy.settings.trace] == ["2", "3"]


class TestChainOfThought:
    def test_reasoning_comes_before_the_answer(self):
        lm = ScriptedLM([{"reasoning": "2 and 2", "answer": "4"}])
        with dspy.context(lm=lm):
            result = dspy.ChainOfThought("question -> answer")(question="2+2")
        assert (result.reasoning, result.answer) == ("2 and 2", "4")
        assert list(result.keys()) == ["reasoning", "answer"]

    def test_the_reasoning_field_may_be_described(self):
        lm = ScriptedLM([{"reasoning": "r", "answer": "4"}])
        field = dspy.OutputField(desc="in one line")
        with dspy.context(lm=lm):
            dspy.ChainOfThought("question -> answer", rationale_field=field)(question="2+2")
        assert "in one line" in lm.requests[0][0]["content"]


class TestPrograms:
    def test_parts_call_one_another_in_order(self):
        lm = ScriptedLM([{"hint": "h"}, {"reasoning": "r", "answer": "a"}])
        with dspy.context(lm=lm):
            assert Twice()(question="q").answer == "a"
        assert "[[ ## hint ## ]]\nh" in lm.prompts[1]

    def test_named_parts_wherever_they_are_kept(self):
        names = [name for name, _ in Twice().named_predictors()]
        assert names == ["first", "second.predict", "parts[0]", "named['x']"]
        assert len(Twice().predictors()) == 4

    def test_named_modules(self):
        assert {name for name, _ in Twice().named_sub_modules()} >= {"self", "self.second", "self.second.predict"}

    def test_a_model_for_all_parts(self):
        lm = ScriptedLM([{"hint": "h"}, {"reasoning": "r", "answer": "a"}])
        program = Twice()
        program.set_lm(lm)
        assert program.get_lm() is lm
        assert program(question="q").answer == "a"

    def test_different_models_have_no_one_answer(self):
        program = Twice()
        program.first.lm = ScriptedLM([])
        with pytest.raises(ValueError, match="Multiple LMs"):
            program.get_lm()

    def test_a_deep_copy_shares_no_demos(self):
        program = Twice()
        copy = program.deepcopy()
        copy.first.demos.append(dspy.Example(question="q"))
        assert program.first.demos == []
        assert [name for name, _ in copy.named_predictors()] == [name for name, _ in program.named_predictors()]

    def test_a_reset_copy_has_no_demos(self):
        program = QA()
        program.ask.demos = [dspy.Example(question="q", answer="a")]
        assert program.reset_copy().ask.demos == []
        assert len(program.ask.demos) == 1

    def test_parts_are_exchanged_by_a_function(self):
        program = QA()
        program.map_named_predictors(lambda part: dspy.Predict("question -> answer, sure: bool"))
        with dspy.context(lm=ScriptedLM([{"answer": "4", "sure": "True"}])):
            assert program(question="2+2").sure is True

    def test_a_module_may_return_what_it_likes(self):
        class Count(dspy.Module):
            def forward(self, words):
                return len(words)

        assert Count()(words=["a", "b"]) == 2

    def test_an_error_in_a_module_comes_out(self):
        class Broken(dspy.Module):
            def forward(self):
                raise KeyError("gone")

        with pytest.raises(KeyError, match="gone"):
            Broken()()

    def test_positional_arguments_of_a_module(self):
        class Add(dspy.Module):
            def forward(self, a, b, *rest, c=0):
                return a + b + sum(rest) + c

        assert Add()(1, 2, 3, c=4) == 10

    def test_a_module_that_is_a_loop(self):
        class Repeat(dspy.Module):
            def __init__(self):
                super().__init__()
                self.step = dspy.Predict("text -> text2, done: bool")

            def forward(self, text):
                while True:
                    step = self.step(text=text)
                    text = step.text2
                    if step.done:
                        return dspy.Prediction(text=text)

        lm = ScriptedLM([{"text2": "b", "done": "False"}, {"text2": "c", "done": "True"}])
        with dspy.context(lm=lm):
            assert Repeat()(text="a").text == "c"
        assert "[[ ## text ## ]]\nb" in lm.prompts[1]

    def test_calls_in_a_comprehension_keep_their_order(self):
        class Many(dspy.Module):
            def __init__(self):
                super().__init__()
                self.ask = dspy.Predict("question -> answer")

            def forward(self, questions):
                return {q: self.ask(question=q).answer for q in questions if q}

        with dspy.context(lm=ScriptedLM(answer_upper)):
            assert Many()(questions=["a", "", "b"]) == {"a": "A", "b": "B"}

    def test_a_child_class_calls_its_parent(self):
        class Louder(QA):
            def forward(self, question):
                return dspy.Prediction(answer=super().forward(question=question).answer + "!")

        with dspy.context(lm=ScriptedLM([{"answer": "4"}])):
            assert Louder()(question="2+2").answer == "4!"

    def test_history_of_the_program_and_of_its_parts(self):
        lm = ScriptedLM([{"answer": "4"}])
        program = QA()
        with dspy.context(lm=lm):
            program(question="2+2")
        assert len(program.history) == len(program.ask.history) == len(lm.history) == 1
        assert program.history[0]["outputs"] == [fields(answer="4")]


class TestBatch:
    def test_results_come_in_the_order_of_the_examples(self):
        data = examples(**{chr(97 + n): "" for n in range(12)})
        with dspy.context(lm=ScriptedLM(answer_upper)):
            results = QA().batch(data, num_threads=4, disable_progress_bar=True)
        assert [one.answer for one in results] == [chr(65 + n) for n in range(12)]

    def test_failed_examples_are_told(self):
        def some(text):
            return ValueError("no") if input_of(text) == "b" else answer_upper(text)

        data = examples(a="", b="", c="")
        with dspy.context(lm=ScriptedLM(some)):
            results, failed, errors = QA().batch(
                data, num_threads=2, return_failed_examples=True, max_errors=5, disable_progress_bar=True
            )
        assert [one.answer for one in results if one is not None] == ["A", "C"]
        assert [one["question"] for one in failed] == ["b"]
        assert [str(error) for error in errors] == ["no"]

    def test_too_many_errors_end_it(self):
        data = examples(**{str(n): "" for n in range(6)})
        with dspy.context(lm=ScriptedLM(lambda text: ValueError("no"))):
            with pytest.raises(Exception, match="Execution cancelled"):
                QA().batch(data, num_threads=2, max_errors=2, disable_progress_bar=True)


class TestParallel:
    def test_different_programs_at_once(self):
        shout, plain = QA(), QA("question -> answer")
        pairs = [(shout, dspy.Example(question="a").with_inputs("question")), (plain, {"question": "b"})]
        with dspy.context(lm=ScriptedLM(answer_upper)):
            results = dspy.Parallel(num_threads=2, disable_progress_bar=True)(pairs)
        assert [one.answer for one in results] == ["A", "B"]

    def test_arguments_as_a_tuple_and_a_list(self):
        class Add(dspy.Module):
            def forward(self, a, b):
                return a + b

        class Join(dspy.Module):
            def forward(self, items):
                return "".join(items)

        parallel = dspy.Parallel(num_threads=2, disable_progress_bar=True)
        assert parallel([(Add(), (1, 2)), (Join(), ("xy",))]) == [3, "xy"]

    def test_failures_are_handed_back_when_asked_for(self):
        def some(text):
            return ValueError("bad") if input_of(text) == "x" else answer_upper(text)

        pairs = [(QA(), {"question": name}) for name in "ax"]
        with dspy.context(lm=ScriptedLM(some)):
            results, failed, errors = dspy.Parallel(
                num_threads=2, max_errors=3, return_failed_examples=True, disable_progress_bar=True
            )(pairs)
        assert results[0].answer == "A"
        assert len(failed) == len(errors) == 1

    def test_each_call_keeps_the_settings_of_the_caller(self):
        class WhichModel(dspy.Module):
            def forward(self):
                return dspy.settings.lm.model

        with dspy.context(lm=ScriptedLM([], model="mine")):
            results = dspy.Parallel(num_threads=3, disable_progress_bar=True)([(WhichModel(), {}) for _ in range(3)])
        assert results == ["mine"] * 3


class TestSeveralCalls:
    def test_best_of_n_keeps_the_best(self):
        def reward(args, prediction):
            return len(prediction.answer) / 10

        lm = ScriptedLM([{"answer": "a"}, {"answer": "aaa"}, {"answer": "aa"}])
        with dspy.context(lm=lm):
            best = dspy.BestOfN(QA(), N=3, reward_fn=reward, threshold=1.0)(question="q")
        assert best.answer == "aaa"
        assert [parameters["rollout_id"] for parameters in lm.parameters] == [0, 1, 2]
        assert {parameters["temperature"] for parameters in lm.parameters} == {1.0}

    def test_best_of_n_stops_at_the_threshold(self):
        lm = ScriptedLM([{"answer": "no"}, {"answer": "yes"}])
        with dspy.context(lm=lm):
            best = dspy.BestOfN(QA(), N=5, reward_fn=lambda args, p: float(p.answer == "yes"), threshold=1.0)
            assert best(question="q").answer == "yes"
        assert len(lm.requests) == 2

    def test_best_of_n_lets_failures_pass(self):
        lm = ScriptedLM([ValueError("once"), ValueError("twice"), {"answer": "yes"}])
        with dspy.context(lm=lm):
            best = dspy.BestOfN(QA(), N=2, reward_fn=lambda args, p: 1.0, threshold=1.0)
            assert best(question="q").answer == "yes"

    def test_best_of_n_raises_after_too_many_failures(self):
        with dspy.context(lm=ScriptedLM([ValueError("always")] * 4)):
            best = dspy.BestOfN(QA(), N=3, reward_fn=lambda args, p: 1.0, threshold=1.0, fail_count=1)
            with pytest.raises(ValueError, match="always"):
                best(question="q")

    def test_refine_hands_on_advice(self):
        def reward(args, prediction):
            return 1.0 if prediction.answer == "Brussels" else 0.0

        lm = ScriptedLM(
            [
                {"answer": "Belgium"},
                {"discussion": "wrong kind", "advice": '{"ask": "Name a city."}'},
                {"answer": "Brussels"},
            ]
        )
        with dspy.context(lm=lm):
            refined = dspy.Refine(QA(), N=3, reward_fn=reward, threshold=1.0)(question="capital?")
        assert refined.answer == "Brussels"
        assert "Name a city." in lm.prompts[2]
        assert '"program_outputs"' not in lm.prompts[2]
        assert "[[ ## reward_value ## ]]\n0.0" in lm.prompts[1]

    def test_refine_returns_the_best_when_nothing_is_good_enough(self):
        answers = [{"answer": "aa"}, {"discussion": "d", "advice": '{"ask": "x"}'}, {"answer": "a"}]
        with dspy.context(lm=ScriptedLM(answers)):
            refined = dspy.Refine(QA(), N=2, reward_fn=lambda args, p: len(p.answer) / 10, threshold=1.0)
            assert refined(question="q").answer == "aa"

    def test_chains_are_compared(self):
        lm = ScriptedLM([{"rationale": "both say four", "answer": "4"}])
        chains = [dspy.Prediction(rationale="I add", answer="4"), dspy.Prediction(reasoning="I guess", answer="5")]
        with dspy.context(lm=lm):
            result = dspy.MultiChainComparison("question -> answer", M=2)(chains, question="2+2")
        assert (result.rationale, result.answer) == ("both say four", "4")
        assert "«I'm trying to I add I'm not sure but my prediction is 4»" in lm.prompts[0]

    def test_a_wrong_number_of_chains_is_refused(self):
        with dspy.context(lm=ScriptedLM([])):
            with pytest.raises(AssertionError, match="number of attempts"):
                dspy.MultiChainComparison("question -> answer", M=3)([dspy.Prediction(rationale="r", answer="4")])
