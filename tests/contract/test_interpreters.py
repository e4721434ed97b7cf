"""Code that models write, and what runs it: an interpreter of ours, and the sandbox with a process behind it."""

import sys
from pathlib import Path

import dspy
import pytest
from dspy.primitives import CodeExecutionError, CodeInterpreterError, FinalOutput

from tests.contract.support import ScriptedLM
from tests.support import sandbox

FAKE = [sys.executable, str(Path(sandbox.__file__))]
"""A process that speaks the interpreter's protocol, in the place of Deno, which downloads what it needs."""


class Scripted:
    """An interpreter that says what it is told, and keeps the code."""

    def __init__(self, *results):
        self.results = list(results)
        self.tools = {}
        self.codes = []
        self.variables = []
        self.running = True

    def start(self):
        pass

    def execute(self, code, variables=None):
        self.codes.append(code)
        self.variables.append(variables)
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    def shutdown(self):
        self.running = False


def code(text):
    return {"reasoning": "r", "generated_code": f"```python\n{text}\n```"}


class TestProgramOfThought:
    def test_code_is_run_and_read(self):
        interpreter = Scripted(FinalOutput({"answer": 4}))
        lm = ScriptedLM([code("SUBMIT({'answer': 2 + 2})"), {"reasoning": "r", "answer": "4"}])
        with dspy.context(lm=lm):
            program = dspy.ProgramOfThought("question -> answer", interpreter_factory=lambda: interpreter)
            assert program(question="2+2").answer == "4"
        assert interpreter.codes == ["SUBMIT({'answer': 2 + 2})"]
        assert not interpreter.running
        assert '{"answer": 4}' in lm.prompts[1]

    def test_an_error_is_told_and_the_code_written_again(self):
        interpreter = Scripted(CodeExecutionError("NameError: x"), FinalOutput(4))
        lm = ScriptedLM([code("x"), code("4"), {"reasoning": "r", "answer": "4"}])
        with dspy.context(lm=lm):
            program = dspy.ProgramOfThought("question -> answer", interpreter_factory=lambda: interpreter)
            assert program(question="2+2").answer == "4"
        assert "NameError: x" in lm.prompts[1]
        assert interpreter.codes == ["x", "4"]

    def test_too_many_errors_end_it(self):
        interpreter = Scripted(*[CodeExecutionError("no")] * 2)
        with dspy.context(lm=ScriptedLM([code("a"), code("b")])):
            program = dspy.ProgramOfThought("question -> answer", max_iters=2, interpreter_factory=lambda: interpreter)
            with pytest.raises(RuntimeError, match="Max hops reached"):
                program(question="2+2")
        assert not interpreter.running

    def test_an_interpreter_of_the_caller_stays_open(self):
        interpreter = Scripted(FinalOutput(4))
        with dspy.context(lm=ScriptedLM([code("4"), {"reasoning": "r", "answer": "4"}])):
            program = dspy.ProgramOfThought("question -> answer")
            assert program(interpreter, question="2+2").answer == "4"
        assert interpreter.running

    def test_a_broken_interpreter_is_no_error_of_the_code(self):
        interpreter = Scripted(CodeInterpreterError("process died"))
        with dspy.context(lm=ScriptedLM([code("a")])):
            program = dspy.ProgramOfThought("question -> answer", interpreter_factory=lambda: interpreter)
            with pytest.raises(CodeInterpreterError, match="process died"):
                program(question="2+2")


def double(n: int) -> int:
    """Twice as much."""
    return n * 2


class TestCodeAct:
    def test_tools_are_defined_and_code_is_run(self):
        interpreter = Scripted(None, "8\n")
        lm = ScriptedLM(
            [
                {"generated_code": "```python\nprint(double(4))\n```", "finished": "True"},
                {"reasoning": "r", "answer": "8"},
            ]
        )
        with dspy.context(lm=lm):
            act = dspy.CodeAct("question -> answer", tools=[double], interpreter_factory=lambda: interpreter)
            result = act(question="twice 4?")
        assert result.answer == "8"
        assert result.trajectory["code_output_0"] == '"8\\n"'
        assert interpreter.codes[0].startswith("def double(n: int) -> int:")
        assert interpreter.codes[1] == "print(double(4))"

    def test_errors_go_into_the_trajectory(self):
        interpreter = Scripted(None, CodeExecutionError("ZeroDivisionError"), "1")
        steps = [
            {"generated_code": "```python\n1/0\n```", "finished": "False"},
            {"generated_code": "```python\nprint(1)\n```", "finished": "True"},
        ]
        with dspy.context(lm=ScriptedLM([*steps, {"reasoning": "r", "answer": "1"}])):
            act = dspy.CodeAct("question -> answer", tools=[double], interpreter_factory=lambda: interpreter)
            result = act(question="?")
        assert "ZeroDivisionError" in result.trajectory["observation_0"]
        assert result.trajectory["code_output_1"] == '"1"'

    def test_only_functions_are_tools(self):
        class Callable:
            def __call__(self, x: int):
                return x

        with pytest.raises(ValueError, match="only accepts functions"):
            dspy.CodeAct("question -> answer", tools=[Callable()])


def action(text):
    return {"reasoning": "think", "code": f"```python\n{text}\n```"}


class TestRLM:
    def test_the_answer_is_submitted(self):
        interpreter = Scripted("12 lines", FinalOutput({"answer": "done"}))
        lm = ScriptedLM([action("print(len(context))"), action("SUBMIT('done')")])
        with dspy.context(lm=lm):
            rlm = dspy.RLM("context, query -> answer", interpreter_factory=lambda: interpreter)
            result = rlm(context="a long text", query="what?")
        assert result.answer == "done"
        assert result.final_reasoning == "think"
        assert [entry["code"] for entry in result.trajectory] == ["print(len(context))", "SUBMIT('done')"]
        assert "12 lines" in lm.prompts[1]
        assert interpreter.variables[0] == {"context": "a long text", "query": "what?"}
        assert not interpreter.running

    def test_without_an_answer_it_is_extracted(self):
        interpreter = Scripted("seen")
        lm = ScriptedLM([action("look()"), {"answer": "from the traces"}])
        with dspy.context(lm=lm):
            rlm = dspy.RLM("query -> answer", max_iters=1, interpreter_factory=lambda: interpreter)
            result = rlm(query="what?")
        assert (result.answer, result.final_reasoning) == ("from the traces", "Extract forced final output")

    def test_a_wrong_type_is_told_and_asked_for_again(self):
        interpreter = Scripted(FinalOutput({"n": "many"}), FinalOutput({"n": 3}))
        lm = ScriptedLM([action("SUBMIT('many')"), action("SUBMIT(3)")])
        with dspy.context(lm=lm):
            result = dspy.RLM("query -> n: int", interpreter_factory=lambda: interpreter)(query="?")
        assert result.n == 3
        assert "[Type Error] n: expected int" in lm.prompts[1]

    def test_code_asks_a_smaller_model(self):
        small = ScriptedLM(lambda text: f"about {text}")

        class Asks(Scripted):
            def execute(self, code, variables=None):
                super().execute(code, variables)
                one = self.tools["llm_query"](prompt="one")
                several = self.tools["llm_query_batched"](prompts=["two", "three"])
                return FinalOutput({"answer": "; ".join([one, *several])})

        with dspy.context(lm=ScriptedLM([action("ask()")])):
            rlm = dspy.RLM("query -> answer", sub_lm=small, interpreter_factory=lambda: Asks(None))
            assert rlm(query="?").answer == "about one; about two; about three"

    def test_tools_of_the_user_are_handed_over(self):
        class Calls(Scripted):
            def execute(self, code, variables=None):
                return FinalOutput({"answer": str(self.tools["double"](n=21))})

        with dspy.context(lm=ScriptedLM([action("x")])):
            rlm = dspy.RLM("query -> answer", tools=[double], interpreter_factory=lambda: Calls())
            assert rlm(query="?").answer == "42"

    @pytest.mark.parametrize(
        ("inputs", "message"), [({}, "Missing required inputs"), ({"query": "x", "more": 1}, "Unexpected inputs")]
    )
    def test_inputs_are_checked(self, inputs, message):
        with pytest.raises(ValueError, match=message):
            dspy.RLM("query -> answer", interpreter_factory=lambda: Scripted())(**inputs)

    def test_names_that_the_sandbox_has_are_refused(self):
        with pytest.raises(ValueError, match="built-in"):
            dspy.RLM("query -> answer", tools=[dspy.Tool(double, name="llm_query")])


class TestSandbox:
    def test_code_keeps_its_variables(self):
        with dspy.PythonInterpreter(deno_command=FAKE) as interpreter:
            interpreter.execute("x = 20")
            assert interpreter.execute("x + 1") == 21
            assert interpreter.execute("print('hi')") == "hi\n"

    def test_variables_are_injected(self):
        with dspy.PythonInterpreter(deno_command=FAKE) as interpreter:
            assert interpreter.execute("a + len(b)", variables={"a": 1, "b": ["x", "y"]}) == 3

    def test_calling_it_is_executing(self):
        interpreter = dspy.PythonInterpreter(deno_command=FAKE)
        assert interpreter("1 + 1") == 2
        interpreter.shutdown()

    def test_starting_twice_is_no_harm(self):
        interpreter = dspy.PythonInterpreter(deno_command=FAKE)
        interpreter.start()
        interpreter.start()
        assert interpreter.execute("'up'") == "up"
        interpreter.shutdown()
        interpreter.shutdown()

    def test_an_error_of_the_code(self):
        with dspy.PythonInterpreter(deno_command=FAKE) as interpreter:
            with pytest.raises(CodeExecutionError, match="ValueError"):
                interpreter.execute("raise ValueError('bad')")
            assert interpreter.execute("1") == 1

    def test_what_is_no_python(self):
        with dspy.PythonInterpreter(deno_command=FAKE) as interpreter:
            with pytest.raises(SyntaxError):
                interpreter.execute("1 +")

    def test_submit_gives_the_final_output(self):
        fields = [{"name": "answer"}, {"name": "n"}]
        with dspy.PythonInterpreter(deno_command=FAKE, output_fields=fields) as interpreter:
            result = interpreter.execute("SUBMIT('a', n=2)")
        assert result == FinalOutput({"answer": "a", "n": 2})

    def test_code_calls_tools_of_the_host(self):
        def add(a: int, b: int = 1) -> int:
            return a + b

        with dspy.PythonInterpreter(deno_command=FAKE, tools={"add": add}) as interpreter:
            assert interpreter.execute("add(2)") == 3
            assert interpreter.execute("add(2, b=5)") == 7

    def test_a_tool_that_fails_is_an_error_in_the_code(self):
        def fails():
            raise LookupError("nothing there")

        with dspy.PythonInterpreter(deno_command=FAKE, tools={"fails": fails}) as interpreter:
            with pytest.raises(CodeExecutionError, match="nothing there"):
                interpreter.execute("fails()")

    def test_files_are_mounted_and_written_back(self, tmp_path):
        path = tmp_path / "data.txt"
        path.write_text("old")
        with dspy.PythonInterpreter(deno_command=FAKE, enable_write_paths=[str(path)]) as interpreter:
            assert interpreter.execute("FILES['data.txt' if 'data.txt' in FILES else list(FILES)[0]].decode()") == "old"
            interpreter.execute("FILES[list(FILES)[0]] = b'new'")
        assert path.read_text() == "new"

    def test_a_large_variable_goes_another_way(self):
        text = "x" * (101 * 1024 * 1024)
        with dspy.PythonInterpreter(deno_command=FAKE) as interpreter:
            assert interpreter.execute("len(big)", variables={"big": text}) == len(text)

    def test_a_command_that_is_not_there(self):
        interpreter = dspy.PythonInterpreter(deno_command=["/nosuch/deno"])
        with pytest.raises(CodeInterpreterError):
            interpreter.execute("1")

    def test_a_process_that_dies(self):
        interpreter = dspy.PythonInterpreter(deno_command=FAKE)
        interpreter.start()
        with pytest.raises(CodeInterpreterError):
            interpreter.execute("import os; os._exit(3)")

    def test_a_program_of_thought_in_the_sandbox(self):
        lm = ScriptedLM([code("SUBMIT({'answer': 6 * 7})"), {"reasoning": "r", "answer": "42"}])
        with dspy.context(lm=lm):
            program = dspy.ProgramOfThought(
                "question -> answer", interpreter_factory=lambda: dspy.PythonInterpreter(deno_command=FAKE)
            )
            assert program(question="6*7").answer == "42"
        assert '{"output": {"answer": 42}}' in lm.prompts[1]

    def test_an_rlm_in_the_sandbox_asks_back(self):
        lm = ScriptedLM([action("SUBMIT(llm_query('what is ' + query))")])
        with dspy.context(lm=lm):
            rlm = dspy.RLM(
                "query -> answer",
                sub_lm=ScriptedLM(lambda text: text.upper()),
                interpreter_factory=lambda: dspy.PythonInterpreter(deno_command=FAKE),
            )
            assert rlm(query="tea").answer == "WHAT IS TEA"
