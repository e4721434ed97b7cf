"""Language models over LiteLLM and a real socket: requests, answers, parameters, errors, retries, usage, history."""

import dspy
import pytest

from tests.contract.support import QA, ScriptedLM, fields, lm_at
from tests.support.model_server import (
    Answer,
    Call,
    bad_request,
    context_window,
    rate_limited,
    server_error,
    unauthorized,
    unknown_model,
)


class TestCalls:
    def test_a_prompt(self, server):
        server.script("four")
        assert lm_at(server)("2+2?") == ["four"]
        assert server.requests[0].messages == [{"role": "user", "content": "2+2?"}]

    def test_messages(self, server):
        server.script("four")
        messages = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "2+2?"}]
        assert lm_at(server)(messages=messages) == ["four"]
        assert server.requests[0].messages == messages

    def test_parameters_of_the_model_and_of_the_call(self, server):
        server.script("a", "b")
        lm = lm_at(server, temperature=0.3, max_tokens=5, stop=["."])
        lm("x")
        lm("y", max_tokens=9)
        first, second = (request.body for request in server.requests)
        assert (first["temperature"], first["max_tokens"], first["stop"]) == (0.3, 5, ["."])
        assert second["max_tokens"] == 9

    def test_several_choices(self, server):
        server.script(Answer(["a", "b"]))
        assert lm_at(server)("x", n=2) == ["a", "b"]
        assert server.requests[0].body["n"] == 2

    def test_the_key_and_headers_are_sent(self, server):
        server.script("a")
        lm_at(server, headers={"X-Team": "blue"})("x")
        headers = {name.lower(): value for name, value in server.requests[0].headers.items()}
        assert headers["authorization"] == "Bearer key"
        assert headers["x-team"] == "blue"
        assert headers["user-agent"].startswith("DSPy/")

    def test_text_completions(self, server):
        server.script("four")
        assert lm_at(server, model_type="text")("2+2?") == ["four"]
        assert server.requests[0].kind == "text"
        assert server.requests[0].body["prompt"] == "2+2?\n\nBEGIN RESPONSE:"

    def test_the_responses_api(self, server):
        server.script("four")
        answers = lm_at(server, model_type="responses")("2+2?")
        assert answers == [{"text": "four"}]
        assert server.requests[0].kind == "responses"

    def test_responses_with_a_developer_role(self, server):
        server.script("four")
        lm = lm_at(server, model_type="responses", use_developer_role=True)
        lm(messages=[{"role": "system", "content": "Be short."}, {"role": "user", "content": "2+2?"}])
        assert [message["role"] for message in server.requests[0].messages] == ["developer", "user"]

    def test_tool_calls_come_back_with_the_text(self, server):
        server.script(Answer("", calls=[Call("add", {"a": 1})]))
        (answer,) = lm_at(server)("x", tools=[{"type": "function", "function": {"name": "add", "parameters": {}}}])
        assert answer["tool_calls"][0]["function"]["name"] == "add"

    def test_reasoning_comes_back_with_the_text(self, server):
        server.script(Answer("four", reasoning="2 and 2"))
        (answer,) = lm_at(server)("x")
        assert answer == {"text": "four", "reasoning_content": "2 and 2"}

    def test_logprobs_come_back_with_the_text(self, server):
        logprobs = {"content": [{"token": "four", "logprob": -0.1, "bytes": None, "top_logprobs": []}]}
        server.script(Answer("four", logprobs=logprobs))
        (answer,) = lm_at(server)("x", logprobs=True)
        assert answer["text"] == "four"
        assert answer["logprobs"].content[0].token == "four"


class TestErrors:
    @pytest.mark.parametrize(
        ("failure", "kind", "status"),
        [
            (rate_limited(), dspy.LMRateLimitError, 429),
            (server_error(), dspy.LMServerError, 500),
            (unauthorized(), dspy.LMAuthError, 401),
            (bad_request(), dspy.LMInvalidRequestError, 400),
            (unknown_model(), dspy.LMUnsupportedModelError, 404),
            (context_window(), dspy.ContextWindowExceededError, 400),
        ],
        ids=["rate", "server", "auth", "request", "model", "window"],
    )
    def test_each_failure_has_its_class(self, server, failure, kind, status):
        server.on(failure)
        with pytest.raises(kind) as caught:
            lm_at(server)("x")
        assert caught.value.status == status
        assert caught.value.model == "m"
        assert isinstance(caught.value, dspy.LMError)

    @pytest.mark.parametrize(
        ("error", "retryable"),
        [
            (dspy.LMRateLimitError("x"), True),
            (dspy.LMServerError("x"), True),
            (dspy.LMTimeoutError("x"), True),
            (dspy.LMTransportError("x"), True),
            (dspy.LMAuthError("x"), False),
            (dspy.LMInvalidRequestError("x"), False),
            (dspy.LMBillingError("x"), False),
            (ValueError("x"), False),
        ],
    )
    def test_which_errors_are_worth_another_try(self, error, retryable):
        assert dspy.is_retryable_lm_error(error) is retryable

    def test_a_failure_is_tried_again(self, server):
        server.script(server_error(), rate_limited(), "four")
        assert lm_at(server, num_retries=3)("2+2?") == ["four"]
        assert len(server.requests) == 3

    def test_retries_come_to_an_end(self, server):
        server.on(server_error())
        with pytest.raises(dspy.LMServerError):
            lm_at(server, num_retries=1)("x")
        assert len(server.requests) == 3

    def test_without_retries_there_is_one_request(self, server):
        server.on(server_error())
        with pytest.raises(dspy.LMServerError):
            lm_at(server, num_retries=0)("x")
        assert len(server.requests) == 1

    def test_a_program_lets_the_error_out(self, server):
        server.on(rate_limited())
        with dspy.context(lm=lm_at(server)):
            with pytest.raises(dspy.LMRateLimitError):
                QA()(question="x")
        assert len(server.requests) == 1

    def test_a_prompt_that_is_too_long_is_not_asked_in_another_format(self, server):
        server.on(context_window())
        with dspy.context(lm=lm_at(server)):
            with pytest.raises(dspy.ContextWindowExceededError):
                QA()(question="x")
        assert len(server.requests) == 1

    @pytest.mark.parametrize("wrong", [{"temperature": 0.2}, {"max_tokens": 100}])
    def test_reasoning_models_have_rules_of_their_own(self, wrong):
        with pytest.raises(dspy.LMConfigurationError, match="reasoning models"):
            dspy.LM("openai/o3-mini", **wrong)

    def test_an_error_keeps_what_is_known(self):
        error = dspy.LMRateLimitError("slow down", model="m", provider="p", status=429, retry_after=2.5)
        assert str(error) == "[m] slow down"
        assert (error.code, error.provider, error.retry_after) == ("rate_limit", "p", 2.5)


class TestUsageAndHistory:
    def test_history_has_each_call(self, server):
        server.script("a", "b")
        lm = lm_at(server, temperature=0.5)
        lm("x")
        lm(messages=[{"role": "user", "content": "y"}])
        assert [entry["outputs"] for entry in lm.history] == [["a"], ["b"]]
        assert (lm.history[0]["prompt"], lm.history[0]["messages"]) == ("x", None)
        assert lm.history[1]["messages"] == [{"role": "user", "content": "y"}]
        assert lm.history[0]["usage"]["total_tokens"] == 18
        assert lm.history[0]["model"] == "openai/m"

    def test_secrets_are_not_in_the_history(self, server):
        server.script("a")
        lm = lm_at(server)
        lm("x")
        assert "api_key" not in lm.history[0]["kwargs"]

    def test_history_can_be_switched_off_and_is_bounded(self, server):
        server.on("a")
        lm = lm_at(server)
        with dspy.context(disable_history=True):
            lm("x")
        assert lm.history == []
        with dspy.context(max_history_size=2):
            for text in "abc":
                lm(text)
        assert [entry["prompt"] for entry in lm.history] == ["b", "c"]

    def test_inspect_history_prints_the_last_calls(self, server, capsys):
        server.script("first answer", "second answer")
        lm = lm_at(server)
        lm("one")
        lm("two")
        lm.inspect_history(n=1)
        printed = capsys.readouterr().out
        assert "second answer" in printed
        assert "first answer" not in printed

    def test_dspys_own_history_is_of_all_models(self, server, capsys):
        server.script("red", "blue")
        lm_at(server)("one")
        lm_at(server, model="other")("two")
        dspy.inspect_history(n=2)
        printed = capsys.readouterr().out
        assert "red" in printed
        assert "blue" in printed

    def test_inspect_history_into_a_file(self, server, tmp_path):
        server.script("green")
        lm = lm_at(server)
        lm("one")
        with (tmp_path / "log.txt").open("w") as file:
            lm.inspect_history(file=file)
        assert "green" in (tmp_path / "log.txt").read_text()

    def test_usage_of_a_program_by_model(self, server):
        server.on(fields(answer="4"))
        with dspy.context(lm=lm_at(server), track_usage=True):
            usage = QA()(question="x").get_lm_usage()
        assert usage["openai/m"]["prompt_tokens"] == 11
        assert usage["openai/m"]["total_tokens"] == 18

    def test_usage_adds_up_within_a_block(self, server):
        server.on("a")
        one, other = lm_at(server), lm_at(server, model="other")
        with dspy.context(lm=one), dspy.track_usage() as tracker:
            program = dspy.Predict("question -> answer")
            server.reset()
            server.on(fields(answer="4"))
            program(question="x")
            program(question="y", lm=other)
            program(question="z", lm=other)
        totals = tracker.get_total_tokens()
        assert totals["openai/m"]["total_tokens"] == 18
        assert totals["openai/other"]["total_tokens"] == 36

    def test_usage_of_nested_programs_is_the_sum(self):
        class Outer(dspy.Module):
            def __init__(self):
                super().__init__()
                self.inner = QA()

            def forward(self, question):
                self.inner(question=question)
                return self.inner(question=question)

        with dspy.context(lm=ScriptedLM([{"answer": "1"}, {"answer": "2"}]), track_usage=True):
            usage = Outer()(question="x").get_lm_usage()
        assert usage == {"scripted": {"prompt_tokens": 6, "completion_tokens": 4, "total_tokens": 10}}

    def test_without_tracking_there_is_no_usage(self):
        with dspy.context(lm=ScriptedLM([{"answer": "1"}])):
            assert QA()(question="x").get_lm_usage() is None


class TestCopiesAndState:
    def test_a_copy_changes_parameters_and_has_no_history(self, server):
        server.script("a")
        lm = lm_at(server, temperature=0.1)
        lm("x")
        copy = lm.copy(temperature=0.9, rollout_id=3)
        assert (copy.kwargs["temperature"], copy.kwargs["rollout_id"]) == (0.9, 3)
        assert lm.kwargs["temperature"] == 0.1
        assert copy.history == []

    def test_state_has_no_key(self):
        state = dspy.LM("openai/m", api_key="secret", temperature=0.4, max_tokens=7).dump_state()
        assert (state["model"], state["temperature"], state["max_tokens"]) == ("openai/m", 0.4, 7)
        assert "secret" not in str(state)

    def test_a_model_is_loaded_from_its_state(self):
        lm = dspy.LM("openai/m", temperature=0.4, model_type="text", num_retries=7)
        loaded = dspy.BaseLM.load_state(lm.dump_state())
        assert isinstance(loaded, dspy.LM)
        assert (loaded.model, loaded.model_type, loaded.num_retries) == ("openai/m", "text", 7)
        assert loaded.kwargs["temperature"] == 0.4

    @pytest.mark.parametrize(
        ("model", "name"), [("openai/gpt-4o-mini", "OpenAIProvider"), ("nosuch/model", "Provider")]
    )
    def test_the_provider_is_known_by_the_model(self, model, name):
        assert type(dspy.LM(model).provider).__name__ == name


class TestOnesOwnModel:
    def test_answers_in_openais_shape(self):
        lm = ScriptedLM(["x"])
        assert lm("hello") == ["x"]
        assert lm.history[0]["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}

    def test_more_than_one_positional_argument_is_refused(self):
        with pytest.raises(TypeError, match="at most one"):
            ScriptedLM(["x"])("a", "b")

    def test_without_a_forward_of_its_own(self):
        with pytest.raises(NotImplementedError):
            dspy.BaseLM("m")("x")

    def test_a_typed_model(self):
        class Echo(dspy.BaseLM):
            forward_contract = "typed_lm"

            def forward(self, request):
                return dspy.LMResponse.from_text(request.messages[-1].text.upper(), model=request.model)

        assert Echo("echo")("hi") == ["HI"]
        with dspy.context(experimental=True):
            response = Echo("echo")(dspy.System("Be loud."), dspy.User("hi there"))
        assert isinstance(response, dspy.LMResponse)
        assert response.text == "HI THERE"

    def test_a_typed_request_gives_a_typed_response(self):
        request = dspy.LMRequest.from_call(model="m", items=("2+2?",))
        response = ScriptedLM(["four"])(request)
        assert response.text == "four"
        assert response.usage.total_tokens == 5

    def test_a_typed_model_in_a_program(self):
        class Four(dspy.BaseLM):
            forward_contract = "typed_lm"

            def forward(self, request):
                return dspy.LMResponse.from_text(fields(answer="4"), model=request.model)

        with dspy.context(lm=Four("four")):
            assert QA()(question="2+2").answer == "4"

    def test_earlier_turns_are_messages(self):
        class Roles(dspy.BaseLM):
            forward_contract = "typed_lm"

            def forward(self, request):
                return dspy.LMResponse.from_text(" ".join(m.role for m in request.messages), model=request.model)

        with dspy.context(experimental=True):
            lm = Roles("m")
            first = lm(dspy.User("a"))
            second = lm(dspy.User("a"), first, dspy.User("b"))
        assert (first.text, second.text) == ("user", "user assistant user")


class TestDummies:
    def test_answers_in_order(self):
        lm = dspy.utils.DummyLM([{"answer": "a"}, {"answer": "b"}])
        with dspy.context(lm=lm):
            assert [QA()(question="x").answer for _ in range(3)] == ["a", "b", "No more responses"]

    def test_answers_by_what_is_asked(self):
        lm = dspy.utils.DummyLM({"sky": {"answer": "blue"}, "grass": {"answer": "green"}})
        with dspy.context(lm=lm):
            assert QA()(question="the grass?").answer == "green"
            assert QA()(question="the sky?").answer == "blue"

    def test_answers_of_the_demos(self):
        lm = dspy.utils.DummyLM([], follow_examples=True)
        program = QA()
        program.ask.demos = [dspy.Example(question="q", answer="from the demo")]
        with dspy.context(lm=lm):
            assert program(question="q").answer == "from the demo"

    def test_a_conversation_is_read_back(self):
        lm = dspy.utils.DummyLM([{"answer": "a"}])
        with dspy.context(lm=lm):
            QA()(question="x")
        messages, outputs = lm.get_convo(0)
        assert messages[-1]["role"] == "user"
        assert "a" in outputs[0]

    def test_an_adapter_of_its_own(self):
        lm = dspy.utils.DummyLM([{"answer": "a"}], adapter=dspy.JSONAdapter())
        with dspy.context(lm=lm, adapter=dspy.JSONAdapter()):
            assert QA()(question="x").answer == "a"


class TestFineTuning:
    def test_a_provider_that_cannot_is_refused(self):
        with pytest.raises(dspy.LMUnsupportedFeatureError, match="fine-tuning"):
            dspy.LM("nosuch/model").finetune([], None)

    def test_reinforcement_that_a_provider_cannot_is_refused(self):
        with pytest.raises(dspy.LMUnsupportedFeatureError, match="reinforcement"):
            dspy.LM("nosuch/model").reinforce({})

    def test_a_job_gives_a_model(self):
        class Trains(dspy.Provider):
            def __init__(self):
                super().__init__()
                self.finetunable = True

            @staticmethod
            def finetune(job, model, train_data, train_data_format, train_kwargs=None):
                return f"{model}-{len(train_data)}-{train_kwargs['epochs']}"

        lm = dspy.LM("nosuch/model", provider=Trains())
        job = lm.finetune([{"messages": []}] * 3, "chat", {"epochs": 2})
        tuned = job.result()
        assert tuned.model == "nosuch/model-3-2"
        assert job.done()

    def test_a_job_that_fails_has_the_error_as_its_result(self):
        class Fails(dspy.Provider):
            def __init__(self):
                super().__init__()
                self.finetunable = True

            @staticmethod
            def finetune(job, model, train_data, train_data_format, train_kwargs=None):
                raise RuntimeError("no graphics card")

        result = dspy.LM("nosuch/model", provider=Fails()).finetune([], "chat").result()
        assert isinstance(result, RuntimeError)
        assert str(result) == "no graphics card"

    def test_launch_and_kill_ask_the_provider(self):
        calls = []

        class Launches(dspy.Provider):
            @staticmethod
            def launch(lm, launch_kwargs=None):
                calls.append(("launch", lm.model, launch_kwargs))

            @staticmethod
            def kill(lm, launch_kwargs=None):
                calls.append(("kill", lm.model, launch_kwargs))

        lm = dspy.LM("nosuch/model", provider=Launches())
        lm.launch({"gpus": 1})
        lm.kill()
        assert calls == [("launch", "nosuch/model", {"gpus": 1}), ("kill", "nosuch/model", None)]
