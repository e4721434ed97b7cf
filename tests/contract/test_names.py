"""The rest of what `import dspy` gives: typed messages, values for sandboxes, old fields, bridges for scripts."""

import dspy
import pytest
from dspy.primitives.sandbox_serializable import build_repl_variable

from tests.contract.support import ScriptedLM
from tests.contract.test_interpreters import Scripted, action


class Roles(dspy.BaseLM):
    """A typed model that says who spoke, and keeps the request."""

    forward_contract = "typed_lm"

    def forward(self, request):
        self.request = request
        return dspy.LMResponse.from_text(" ".join(message.role for message in request.messages), model=request.model)


class TestTypedMessages:
    def test_each_role(self):
        with dspy.context(experimental=True):
            response = Roles("m")(
                dspy.System("s"),
                dspy.Developer("d"),
                dspy.User("u"),
                dspy.Assistant("a"),
                dspy.ToolResult("t", call_id="c"),
            )
        assert response.text == "system developer user assistant tool"

    def test_parameters_become_the_configuration(self):
        lm = Roles("m", temperature=0.3)
        with dspy.context(experimental=True):
            lm(dspy.User("u"), max_tokens=7)
        assert isinstance(lm.request.config, dspy.LMConfig)
        assert (lm.request.config.temperature, lm.request.config.max_tokens) == (0.3, 7)

    def test_a_message_of_parts(self):
        message = dspy.User("one", "two")
        assert isinstance(message, dspy.LMMessage)
        assert [part.text for part in message.parts] == ["one", "two"]

    def test_the_result_of_a_tool_belongs_to_its_call(self):
        (part,) = dspy.ToolResult("sunny", call_id="c", name="weather").parts
        assert (part.call_id, part.name, part.content[0].text) == ("c", "weather", "sunny")

    def test_an_answer_in_a_program_is_kept_in_the_history(self):
        lm = Roles("m")
        with dspy.context(experimental=True):
            lm(dspy.User("u"))
        assert lm.history[0]["outputs"] == ["user"]

    def test_a_typed_model_that_answers_in_the_old_shape_is_refused(self):
        class Old(dspy.BaseLM):
            forward_contract = "typed_lm"

            def forward(self, request):
                return {"choices": []}

        with pytest.raises(TypeError):
            Old("m")("x")


class Table(dspy.SandboxSerializable):
    """Rows that the sandbox sees as a list."""

    def __init__(self, rows):
        self.rows = rows

    def sandbox_setup(self):
        return "import json"

    def to_sandbox(self):
        return ";".join(self.rows).encode()

    def sandbox_assignment(self, var_name, data_expr):
        return f"{var_name} = {data_expr}.split(';')"

    def rlm_preview(self, max_chars=500):
        return f"a table of {len(self.rows)} rows"


class TestSandboxValues:
    def test_a_value_is_set_up_before_the_code(self):
        interpreter = Scripted(None, dspy.primitives.FinalOutput({"answer": "2"}))
        lm = ScriptedLM([action("SUBMIT(str(len(table)))")])
        signature = dspy.Signature("table: Table -> answer", custom_types={"Table": Table})
        with dspy.context(lm=lm):
            result = dspy.RLM(signature, interpreter_factory=lambda: interpreter)(table=Table(["a", "b"]))
        assert result.answer == "2"
        assert interpreter.codes[0] == "import json\ntable = _raw_table.split(';')"
        assert interpreter.variables == [{"_raw_table": "a;b"}, {}]
        assert "a table of 2 rows" in lm.prompts[0]

    def test_what_the_model_is_told_of_a_value(self):
        variable = build_repl_variable(Table(["a"]), "table")
        assert (variable.name, "a table of 1 rows" in variable.preview) == ("table", True)


class TestBridges:
    def test_an_asynchronous_program_is_made_a_plain_one(self):
        class Later(dspy.Module):
            def __init__(self):
                super().__init__()
                self.ask = dspy.Predict("question -> answer")

            async def aforward(self, question):
                return await self.ask.acall(question=question)

        with dspy.context(lm=dspy.utils.DummyLM([{"answer": "4"}, {"answer": "5"}])):
            program = dspy.syncify(Later(), in_place=False)
            assert program(question="2+2").answer == "4"
            assert dspy.syncify(Later())(question="2+3").answer == "5"


class TestOldFields:
    def test_prefix_and_description_are_filled_in(self):
        field = dspy.OldOutputField()
        field.finalize("question", "Question")
        assert (field.prefix, field.desc) == ("Question:", "${question}")
        assert isinstance(field, dspy.OldField)

    def test_what_is_told_stays(self):
        field = dspy.OldInputField(prefix="Q:", desc="asked")
        field.finalize("question", "Question")
        assert (field.prefix, field.desc) == ("Q:", "asked")


class TestErrorsByName:
    @pytest.mark.parametrize(
        ("error", "base", "code"),
        [
            (dspy.LMNotConfiguredError("x"), dspy.LMConfigurationError, "not_configured"),
            (dspy.LMProviderError("x"), dspy.LMError, "provider"),
            (dspy.LMUnexpectedError("x"), dspy.LMError, "unexpected"),
            (dspy.LMAuthError("x"), dspy.LMProviderError, "auth"),
            (dspy.LMTransportError("x"), dspy.LMError, "transport"),
        ],
    )
    def test_each_has_a_code_and_a_base(self, error, base, code):
        assert isinstance(error, base)
        assert isinstance(error, dspy.DSPyError)
        assert error.code == code


def test_litellms_own_log_is_switched():
    import litellm

    dspy.enable_litellm_logging()
    assert litellm.suppress_debug_info is False
    dspy.disable_litellm_logging()
    assert litellm.suppress_debug_info is True


def test_parameters_of_a_program_by_name():
    class Two(dspy.Module):
        def __init__(self):
            super().__init__()
            self.a = dspy.Predict("x -> y")
            self.b = dspy.ChainOfThought("y -> z")

    program = Two()
    assert isinstance(program, dspy.BaseModule)
    assert [name for name, _ in program.named_parameters()] == ["a", "b.predict"]
    assert list(program.dump_state()) == ["a", "b.predict"]
