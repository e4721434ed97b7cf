"""Optimizers: what each leaves in a program, what it asks for, and which candidates it prefers."""

import json
import threading

import dspy
import numpy as np
import pytest
from dspy.clients.provider import TrainingJob
from dspy.propose import GroundedProposer
from dspy.propose.dataset_summary_generator import create_dataset_summary
from dspy.teleprompt.grpo import GRPO
from dspy.teleprompt.signature_opt import SignatureOptimizer
from dspy.teleprompt.teleprompt import Teleprompter

from tests.contract.support import QA, ScriptedLM, answering, exact, examples, input_of, knows

TRAINSET = examples(q0="a0", q1="a1", q2="a2", q3="a3", q4="a4", q5="a5")
KNOWN = {f"q{n}": f"a{n}" for n in range(6)}
HALF = {f"q{n}": f"a{n}" for n in range(0, 6, 2)}


class Draft(dspy.Module):
    """Two parts."""

    def __init__(self):
        super().__init__()
        self.draft = dspy.Predict("question -> draft")
        self.answer = dspy.ChainOfThought("question, draft -> answer")

    def forward(self, question):
        return self.answer(question=question, draft=self.draft(question=question).draft)


def questions(part):
    return [demo["question"] for demo in part.demos]


def bootstrapped(part):
    return [demo["question"] for demo in part.demos if demo.get("augmented")]


def student(lm):
    program = QA()
    program.set_lm(lm)
    return program


class TestLabeledFewShot:
    def test_a_sample_of_the_examples(self):
        program = dspy.LabeledFewShot(k=2).compile(QA(), trainset=TRAINSET)
        assert len(program.ask.demos) == 2
        assert set(questions(program.ask)) < set(KNOWN)

    def test_the_first_ones(self):
        program = dspy.LabeledFewShot(k=3).compile(QA(), trainset=TRAINSET, sample=False)
        assert questions(program.ask) == ["q0", "q1", "q2"]

    def test_the_student_stays_as_it_is(self):
        original = QA()
        dspy.LabeledFewShot(k=3).compile(original, trainset=TRAINSET)
        assert original.ask.demos == []

    def test_without_examples_there_is_nothing_to_do(self):
        assert dspy.LabeledFewShot().compile(QA(), trainset=[]).ask.demos == []


class TestBootstrapFewShot:
    def test_traces_of_right_answers_become_demos(self):
        optimizer = dspy.BootstrapFewShot(metric=exact, max_bootstrapped_demos=2, max_labeled_demos=0)
        with dspy.context(lm=ScriptedLM(answering(answer=knows(**HALF)))):
            program = optimizer.compile(Draft(), trainset=TRAINSET)
        assert bootstrapped(program.draft) == ["q0", "q2"]
        assert program.answer.predict.demos[0]["reasoning"] == "some reasoning"
        assert program.answer.predict.demos[0]["answer"] == "a0"

    def test_labeled_demos_fill_up(self):
        optimizer = dspy.BootstrapFewShot(metric=exact, max_bootstrapped_demos=1, max_labeled_demos=3)
        with dspy.context(lm=ScriptedLM(answering(answer=knows(**KNOWN)))):
            program = optimizer.compile(QA(), trainset=TRAINSET)
        assert bootstrapped(program.ask) == ["q0"]
        assert len(program.ask.demos) == 3

    def test_a_teacher_shows_how(self):
        teacher = ScriptedLM(answering(answer=knows(**KNOWN)))
        weak = ScriptedLM(answering(answer="wrong"))
        optimizer = dspy.BootstrapFewShot(
            metric=exact, teacher_settings={"lm": teacher}, max_bootstrapped_demos=2, max_labeled_demos=0
        )
        with dspy.context(lm=weak):
            program = optimizer.compile(QA(), trainset=TRAINSET)
        assert len(bootstrapped(program.ask)) == 2
        assert (len(teacher.requests), len(weak.requests)) == (2, 0)

    def test_a_program_as_the_teacher(self):
        teacher = student(ScriptedLM(answering(answer=knows(**KNOWN))))
        optimizer = dspy.BootstrapFewShot(metric=exact, max_bootstrapped_demos=1, max_labeled_demos=0)
        with dspy.context(lm=ScriptedLM([])):
            program = optimizer.compile(QA(), teacher=teacher, trainset=TRAINSET)
        assert bootstrapped(program.ask) == ["q0"]

    def test_a_threshold_for_the_metric(self):
        def part(example, prediction, trace=None):
            return 0.9 if example.question == "q1" else 0.2

        optimizer = dspy.BootstrapFewShot(metric=part, metric_threshold=0.5, max_labeled_demos=0)
        with dspy.context(lm=ScriptedLM(answering())):
            program = optimizer.compile(QA(), trainset=TRAINSET)
        assert bootstrapped(program.ask) == ["q1"]

    def test_the_metric_sees_the_trace(self):
        lengths = []

        def watch(example, prediction, trace=None):
            lengths.append(len(trace))
            return True

        with dspy.context(lm=ScriptedLM(answering())):
            dspy.BootstrapFewShot(metric=watch, max_bootstrapped_demos=1).compile(Draft(), trainset=TRAINSET)
        assert lengths == [2]

    def test_failures_are_counted(self):
        def fails(text):
            return dspy.LMServerError("down")

        optimizer = dspy.BootstrapFewShot(metric=exact, max_errors=2)
        with dspy.context(lm=ScriptedLM(fails)):
            with pytest.raises(dspy.LMServerError, match="down"):
                optimizer.compile(QA(), trainset=TRAINSET)

    def test_a_compiled_program_is_marked_and_asks_with_its_demos(self):
        lm = ScriptedLM(answering(answer=knows(**KNOWN)))
        with dspy.context(lm=lm):
            program = dspy.BootstrapFewShot(metric=exact, max_bootstrapped_demos=1, max_labeled_demos=0).compile(
                QA(), trainset=TRAINSET
            )
            program(question="q5")
        assert program._compiled
        assert [input_of(message["content"]) for message in lm.requests[-1] if message["role"] == "user"] == [
            "q0",
            "q5",
        ]


class TestRandomSearch:
    def test_the_best_candidate_is_kept(self):
        def answer(text):
            return KNOWN[input_of(text)] if text.count("ask") or demos_in(lm) >= 2 else "wrong"

        def demos_in(model):
            return len(model.requests[-1]) // 2 - 1

        lm = ScriptedLM(answering(answer=answer))
        optimizer = dspy.BootstrapFewShotWithRandomSearch(
            metric=exact, max_labeled_demos=3, num_candidate_programs=2, num_threads=1
        )
        with dspy.context(lm=lm):
            program = optimizer.compile(QA(), trainset=TRAINSET[:4], valset=TRAINSET[4:])
        assert len(program.ask.demos) >= 2
        scores = [candidate["score"] for candidate in program.candidate_programs]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] == 100.0
        assert len(scores) == 5

    def test_it_stops_at_a_score(self):
        optimizer = dspy.BootstrapRS(metric=exact, num_candidate_programs=4, num_threads=1, stop_at_score=50.0)
        with dspy.context(lm=ScriptedLM(answering(answer=knows(**KNOWN)))):
            program = optimizer.compile(QA(), trainset=TRAINSET)
        assert len(program.candidate_programs) == 1
        assert program.ask.demos == []


class TestOptuna:
    def test_demos_are_chosen_in_trials(self):
        optimizer = dspy.BootstrapFewShotWithOptuna(
            metric=exact, num_candidate_programs=3, max_labeled_demos=1, num_threads=1
        )
        with dspy.context(lm=ScriptedLM(answering(answer=knows(**KNOWN)))):
            program = optimizer.compile(QA(), max_demos=2, trainset=TRAINSET[:4], valset=TRAINSET[4:])
        assert program._compiled or program.ask.demos
        assert {demo["answer"] for demo in program.ask.demos} <= set(KNOWN.values())
        assert len(program.ask.demos) >= 1


class TestCOPRO:
    def test_the_instruction_with_the_best_score(self):
        lm = ScriptedLM(
            lambda text: (
                [
                    {"proposed_instruction": "the best way", "proposed_prefix_for_output_field": "Answer:"},
                ]
                if "proposed_instruction" in text
                else {"answer": KNOWN[input_of(text)] if "best way" in lm.requests[-1][0]["content"] else "wrong"}
            )
        )
        with dspy.context(lm=lm):
            program = dspy.COPRO(metric=exact, breadth=2, depth=1, track_stats=True).compile(
                QA(), trainset=TRAINSET[:3], eval_kwargs={"num_threads": 1}
            )
        assert program.ask.signature.instructions == "the best way"
        assert program.candidate_programs[0]["score"] == 100.0
        assert program.total_calls == 2

    def test_a_model_of_its_own_for_proposals(self):
        prompts = ScriptedLM(
            lambda text: [{"proposed_instruction": "say it", "proposed_prefix_for_output_field": "A:"}]
        )
        task = ScriptedLM(answering(answer="a0"))
        with dspy.context(lm=task):
            dspy.COPRO(prompt_model=prompts, metric=exact, breadth=2, depth=2).compile(
                QA(), trainset=TRAINSET[:1], eval_kwargs={"num_threads": 1}
            )
        assert len(prompts.requests) == 2
        assert "attempted_instructions" in prompts.prompts[1]

    def test_the_old_name_is_broken_in_this_release(self):
        with pytest.raises(TypeError, match="positional arguments"):
            SignatureOptimizer(metric=exact, breadth=2, depth=1)

    def test_a_breadth_of_one_is_refused(self):
        with pytest.raises(ValueError, match=r"[Bb]readth"):
            dspy.COPRO(metric=exact, breadth=1)


class TestMIPROv2:
    def optimizer(self, lm, **options):
        values = {
            "auto": None,
            "num_candidates": 2,
            "max_bootstrapped_demos": 1,
            "max_labeled_demos": 1,
            "num_threads": 1,
        }
        return dspy.MIPROv2(metric=exact, prompt_model=lm, task_model=lm, **{**values, **options})

    def test_a_proposed_instruction_that_helps_is_taken(self):
        def answer(text):
            return KNOWN[input_of(text)] if "proposal" in lm.requests[-1][0]["content"] else "wrong"

        lm = ScriptedLM(answering(answer=answer, proposed_instruction="a proposal", observations="COMPLETE"))
        with dspy.context(lm=lm):
            program = self.optimizer(lm, max_bootstrapped_demos=0, max_labeled_demos=0).compile(
                QA(), trainset=TRAINSET[:4], valset=TRAINSET[4:], num_trials=6, minibatch=False, seed=3
            )
        assert program.ask.signature.instructions == "a proposal"
        assert program.score == 100.0
        assert program.candidate_programs[0]["score"] == 100.0

    def test_minibatches_with_full_evaluations_between(self, tmp_path):
        lm = ScriptedLM(answering(answer=knows(**HALF), observations="COMPLETE"))
        with dspy.context(lm=lm):
            program = self.optimizer(lm, log_dir=str(tmp_path)).compile(
                Draft(),
                trainset=TRAINSET[:3],
                valset=TRAINSET[2:],
                num_trials=3,
                minibatch_size=2,
                minibatch_full_eval_steps=2,
            )
        assert program.score == 50.0
        assert program.mb_candidate_programs
        assert sorted(path.suffix for path in tmp_path.rglob("*.json"))
        assert {"draft", "answer.predict"} == {name for name, _ in program.named_predictors()}

    def test_several_instructions_wait_for_their_scores_in_minibatches(self):
        lm = ScriptedLM(answering(answer=knows(**HALF), observations="COMPLETE"))
        with dspy.context(lm=lm):
            program = self.optimizer(lm, auto="light", num_candidates=None).compile(
                QA(), trainset=TRAINSET[:3], valset=TRAINSET[3:], program_aware_proposer=False, view_data_batch_size=1
            )
        assert program.score == pytest.approx(33.33)

    @pytest.mark.parametrize(
        ("options", "message"),
        [({"auto": "huge"}, "auto"), ({"auto": "light", "num_candidates": 3}, "num_candidates")],
    )
    def test_wrong_options_are_refused(self, options, message):
        lm = ScriptedLM(answering())
        with dspy.context(lm=lm):
            with pytest.raises(ValueError, match=message):
                self.optimizer(lm, **options).compile(QA(), trainset=TRAINSET)


class TestProposals:
    def test_a_summary_of_the_data(self):
        lm = ScriptedLM(answering(observations="They are short.", summary="Short questions."))
        assert create_dataset_summary(trainset=TRAINSET, view_data_batch_size=3, prompt_model=lm) == "Short questions."
        assert len(lm.requests) == 3

    def test_nothing_more_to_observe(self):
        lm = ScriptedLM(answering(observations="COMPLETE", summary="Done."))
        many = [dspy.Example(question=f"q{n}", answer="a").with_inputs("question") for n in range(80)]
        assert create_dataset_summary(trainset=many, view_data_batch_size=4, prompt_model=lm) == "Done."
        assert len(lm.requests) < 15

    def test_instructions_for_each_part(self):
        lm = ScriptedLM(answering(proposed_instruction="do it", observations="o", summary="s"))
        with dspy.context(lm=lm):
            proposer = GroundedProposer(prompt_model=lm, program=Draft(), trainset=TRAINSET, num_demos_in_context=1)
            proposed = proposer.propose_instructions_for_program(
                trainset=TRAINSET, program=Draft(), demo_candidates=None, N=2, trial_logs={}
            )
        assert {number: len(texts) for number, texts in proposed.items()} == {0: 2, 1: 2}
        assert proposed[1][0] == "do it"


class TestSIMBA:
    def test_rules_or_demos_are_added(self):
        advice = json.dumps({"ask": "look twice"})

        def answer(text):
            return KNOWN[input_of(text)] if len(lm.requests) % 2 else "wrong"

        lm = ScriptedLM(answering(answer=answer, module_advice=advice))
        optimizer = dspy.SIMBA(metric=exact, bsize=3, num_candidates=3, max_steps=2, max_demos=2, num_threads=1)
        with dspy.context(lm=lm):
            program = optimizer.compile(QA(), trainset=TRAINSET, seed=1)
        changed = [
            candidate["program"]
            for candidate in program.candidate_programs
            if "look twice" in candidate["program"].ask.signature.instructions or candidate["program"].ask.demos
        ]
        assert changed
        assert len(program.trial_logs) == 2
        assert all(0.0 <= one["score"] <= 1.0 for one in program.candidate_programs)

    def test_too_few_examples_are_refused(self):
        with dspy.context(lm=ScriptedLM([])):
            with pytest.raises(AssertionError, match="Trainset too small"):
                dspy.SIMBA(metric=exact, bsize=32).compile(QA(), trainset=TRAINSET)


def with_feedback(example, prediction, trace=None, pred_name=None, pred_trace=None):
    score = float(example.answer == prediction.answer)
    return dspy.Prediction(score=score, feedback="right" if score else f"should be {example.answer}")


class TestGEPA:
    def compile(self, **options):
        def answer(text):
            return KNOWN[input_of(text)] if "improved" in task.requests[-1][0]["content"] else "wrong"

        task = ScriptedLM(answering(answer=answer))
        reflection = ScriptedLM(lambda text: "```\nimproved instruction\n```")
        optimizer = dspy.GEPA(
            metric=with_feedback, max_metric_calls=30, reflection_lm=reflection, num_threads=1, seed=1, **options
        )
        with dspy.context(lm=task):
            program = optimizer.compile(QA(), trainset=TRAINSET[:3], valset=TRAINSET[3:])
        return program, reflection

    def test_the_reflected_instruction_is_taken(self):
        program, reflection = self.compile()
        assert program.ask.signature.instructions == "improved instruction"
        assert "should be a" in reflection.prompts[0]

    def test_statistics(self):
        program, _ = self.compile(track_stats=True, track_best_outputs=True)
        results = program.detailed_results
        assert max(results.val_aggregate_scores) == 1.0
        assert results.best_idx == 1
        assert results.best_candidate.ask.signature.instructions == "improved instruction"
        assert results.to_dict()["total_metric_calls"] >= 9

    def test_a_proposer_of_ones_own(self):
        def propose(candidate, reflective_dataset, components_to_update):
            return {name: f"improved {len(reflective_dataset[name])}" for name in components_to_update}

        program, reflection = self.compile(instruction_proposer=propose)
        assert program.ask.signature.instructions == "improved 3"
        assert reflection.requests == []

    def test_a_metric_must_take_what_gepa_hands_it(self):
        with pytest.raises(TypeError):
            dspy.GEPA(metric=lambda example, prediction: 1.0, max_metric_calls=3, reflection_lm=ScriptedLM([]))

    def test_a_budget_is_needed(self):
        with pytest.raises(AssertionError, match="max_metric_calls"):
            dspy.GEPA(metric=with_feedback, reflection_lm=ScriptedLM([]))

    def test_a_proposer_that_looks_at_pictures(self):
        from dspy.teleprompt.gepa.instruction_proposal import MultiModalInstructionProposer

        def answer(text):
            return "right" if "improved" in task.requests[-1][0]["content"] else "wrong"

        task = ScriptedLM(answering(answer=answer))
        reflection = ScriptedLM(answering(improved_instruction="improved by pictures"))
        data = [
            dspy.Example(image=dspy.Image(f"https://example.com/{n}.png"), answer="right").with_inputs("image")
            for n in range(3)
        ]
        optimizer = dspy.GEPA(
            metric=with_feedback,
            max_metric_calls=20,
            reflection_lm=reflection,
            instruction_proposer=MultiModalInstructionProposer(),
            num_threads=1,
        )
        with dspy.context(lm=task):
            program = optimizer.compile(dspy.Predict("image: dspy.Image -> answer"), trainset=data)
        assert program.signature.instructions == "improved by pictures"

    def test_parts_are_evaluated_with_their_traces(self):
        from dspy.teleprompt.gepa.gepa_utils import DspyAdapter

        adapter = DspyAdapter(Draft(), with_feedback, {"draft": feedback_for_part, "answer.predict": feedback_for_part})
        with dspy.context(lm=ScriptedLM(answering(answer=knows(**HALF)))):
            candidate = {"draft": "Draft it.", "answer.predict": "Answer it."}
            batch = adapter.evaluate(TRAINSET[:2], candidate, capture_traces=True)
            dataset = adapter.make_reflective_dataset(candidate, batch, ["draft"])
            several = adapter.batch_evaluate([(candidate, TRAINSET[:1]), (candidate, TRAINSET[1:3])])
        assert batch.scores == [1.0, 0.0]
        assert [one["Feedback"] for one in dataset["draft"]] == ["part was fine", "part was bad"]
        assert [one.scores for one in several] == [[1.0], [0.0, 1.0]]


def feedback_for_part(predictor_output, predictor_inputs, module_inputs, module_outputs, captured_trace):
    good = module_outputs.answer == KNOWN[module_inputs["question"]]
    return dspy.Prediction(score=float(good), feedback="part was fine" if good else "part was bad")


class TestInferRules:
    def test_rules_are_appended_to_the_instructions(self):
        lm = ScriptedLM(answering(answer=knows(**KNOWN), natural_language_rules="Always look."))
        optimizer = dspy.InferRules(
            metric=exact, num_candidates=1, num_rules=2, num_threads=1, max_bootstrapped_demos=1, max_labeled_demos=1
        )
        with dspy.context(lm=lm):
            program = optimizer.compile(QA(), trainset=TRAINSET)
        assert program.ask.signature.instructions.endswith("Always look.")


class TestKNNFewShot:
    def test_the_nearest_examples_are_the_demos_of_each_call(self):
        def embed(texts):
            return np.array([[float(text[-1]), 1.0] for text in texts], dtype=np.float32)

        lm = ScriptedLM(answering(answer=knows(**KNOWN)))
        optimizer = dspy.KNNFewShot(
            k=2,
            trainset=TRAINSET,
            vectorizer=dspy.Embedder(embed, caching=False),
            metric=exact,
            max_bootstrapped_demos=1,
            max_labeled_demos=2,
        )
        with dspy.context(lm=lm):
            program = optimizer.compile(QA())
            assert program(question="q5").answer == "a5"
        assert "a5" in lm.requests[-1][2]["content"] or "a4" in lm.requests[-1][2]["content"]


class TestEnsemble:
    def test_answers_are_reduced(self):
        programs = [student(ScriptedLM([{"answer": said}])) for said in ("x", "y", "y")]
        ensemble = dspy.Ensemble(reduce_fn=dspy.majority).compile(programs)
        assert ensemble(question="?").answer == "y"

    def test_without_reducing_all_answers_come(self):
        programs = [student(ScriptedLM([{"answer": said}])) for said in "abc"]
        answers = dspy.Ensemble(size=2).compile(programs)(question="?")
        assert len(answers) == 2
        assert {one.answer for one in answers} < {"a", "b", "c"}

    def test_a_function_of_ones_own_reduces(self):
        def longest(answers):
            return max(answers, key=lambda one: len(one.answer))

        programs = [student(ScriptedLM([{"answer": said}])) for said in ("a", "aaa", "aa")]
        assert dspy.Ensemble(reduce_fn=longest).compile(programs)(question="?").answer == "aaa"


class Trained(ScriptedLM):
    """A model that can be trained; it keeps what it was trained with."""

    def __init__(self, answers, model="small", trained=None, **kwargs):
        super().__init__(answers, model=model, **kwargs)
        self.trained = [] if trained is None else trained

    def finetune(self, train_data, train_data_format, train_kwargs=None):
        self.trained.append((train_data, train_kwargs))
        result = Trained(self.script.answers, model=f"{self.model}-tuned", trained=self.trained)
        thread = threading.Thread(target=lambda: job.set_result(result))
        job = TrainingJob(thread=thread, model=self.model)
        thread.start()
        return job

    def launch(self, launch_kwargs=None):
        self.trained.append("launch")

    def kill(self, launch_kwargs=None):
        self.trained.append("kill")


class TestFineTuning:
    def test_right_answers_are_the_training_data(self):
        small = Trained(answering(answer="wrong"))
        teacher = student(ScriptedLM(answering(answer=knows(**HALF))))
        optimizer = dspy.BootstrapFinetune(metric=exact, num_threads=1, train_kwargs={"epochs": 2})
        program = optimizer.compile(student(small), trainset=TRAINSET, teacher=teacher)
        ((data, kwargs),) = [entry for entry in small.trained if isinstance(entry, tuple)]
        assert small.trained[0] == "kill"
        assert kwargs == {"epochs": 2}
        assert sorted(input_of(one["messages"][1]["content"]) for one in data) == ["q0", "q2", "q4"]
        assert {one["messages"][-1]["role"] for one in data} == {"assistant"}
        assert program.ask.lm.model == "small-tuned"

    def test_prompts_and_weights_in_turn(self):
        small = Trained(answering(answer=knows(**HALF)))
        optimizer = dspy.BetterTogether(
            metric=exact,
            p=dspy.BootstrapFewShotWithRandomSearch(
                metric=exact, max_bootstrapped_demos=1, max_labeled_demos=1, num_candidate_programs=1, num_threads=1
            ),
            w=dspy.BootstrapFinetune(metric=exact, num_threads=1),
        )
        with dspy.context(lm=small):
            program = optimizer.compile(
                student(small), trainset=TRAINSET[:4], valset=TRAINSET[4:], strategy="p -> w", num_threads=1, seed=1
            )
        assert [one["score"] for one in program.candidate_programs] == [50.0, 50.0, 50.0]
        assert {one["strategy"] for one in program.candidate_programs} == {"", "p", "p -> w"}
        assert any(isinstance(entry, tuple) for entry in small.trained)

    @pytest.mark.parametrize("strategy", ["x", "p -> x"])
    def test_an_unknown_step_is_refused(self, strategy):
        optimizer = dspy.BetterTogether(metric=exact)
        with pytest.raises(ValueError):
            optimizer.compile(student(Trained(answering())), trainset=TRAINSET, strategy=strategy)

    def test_reinforcement(self):
        batches = []

        class Job:
            def __init__(self):
                self.steps = 0

            def get_status(self):
                return {"pending_batch_ids": [self.steps]}

            def step(self, train_data, train_data_format):
                self.steps += 1
                batches.append(train_data)

            def terminate(self):
                batches.append("end")

        class Reinforced(Trained):
            def reinforce(self, train_kwargs):
                return Job()

        small = Reinforced(answering(answer=knows(**HALF)))
        optimizer = GRPO(
            metric=exact,
            num_train_steps=2,
            num_dspy_examples_per_grpo_step=2,
            num_rollouts_per_grpo_step=2,
            seed=1,
            num_steps_for_val=1,
            use_train_as_val=False,
            report_train_scores=False,
            exclude_demos=True,
            num_threads=1,
        )
        with dspy.context(adapter=dspy.ChatAdapter()):
            program = optimizer.compile(student(small), trainset=TRAINSET[:4], valset=TRAINSET[4:])
        assert batches[-1] == "end"
        assert len(batches) == 3
        assert {one["reward"] for group in batches[0] for one in rollouts(group)} <= {0.0, 1.0}
        assert program._compiled

    def test_traces_of_a_program(self):
        with dspy.context(lm=ScriptedLM(answering(answer=knows(**HALF)))):
            data = dspy.bootstrap_trace_data(Draft(), TRAINSET[:3], metric=exact, num_threads=1)
        assert [one["score"] for one in data] == [True, False, True]
        assert [len(one["trace"]) for one in data] == [2, 2, 2]
        assert data[1]["prediction"].answer == "wrong"


def rollouts(group):
    return group["group"] if isinstance(group, dict) else group


class TestOnesOwn:
    def test_an_optimizer_of_ones_own(self):
        class FirstOnly(Teleprompter):
            def compile(self, student, *, trainset, **kwargs):
                program = student.reset_copy()
                for part in program.predictors():
                    part.demos = trainset[:1]
                return program

        assert questions(FirstOnly().compile(QA(), trainset=TRAINSET).ask) == ["q0"]

    def test_the_base_class_compiles_nothing(self):
        with pytest.raises(NotImplementedError):
            Teleprompter().compile(QA(), trainset=TRAINSET)

    def test_parameters_of_an_optimizer(self):
        assert dspy.LabeledFewShot(k=5).get_params() == {"k": 5}

    def test_avatars_are_broken_in_this_release(self):
        from dspy.predict.avatar import Avatar

        with pytest.raises(AttributeError, match="TypedPredictor"):
            Avatar("question -> answer", tools=[])
