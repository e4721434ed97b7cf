"""Programs that run code, on either side: see `tests.generated.sides`."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.generated.interpreters.sandboxes import stand_in
from tests.generated.sides import Side, fields

PROGRAMS: dict[str, Any] = {}


def _program(function: Any) -> Any:
    PROGRAMS[function.__name__] = function
    return function


def _factory(side: Side) -> Any:
    class Sandboxed(side.dspy.PythonInterpreter):
        execution_instructions = "A sandbox without walls."

        def __init__(self) -> None:
            super().__init__(deno_command=stand_in())

    return Sandboxed


def _step(code: str, **more: Any) -> str:
    return fields(reasoning="so", code=f"```python\n{code}\n```", **more)


def _search(side: Side) -> Any:
    """A tool in the canonical form of each side."""
    if not side.is_async:

        def search(query: str, limit: int = 1) -> list[str]:
            """Search the shelves."""
            return [f"found {query}"] * limit

        return search

    async def search(settings, query: str, limit: int = 1) -> list[str]:  # type: ignore[no-redef]
        """Search the shelves."""
        await asyncio.sleep(0)
        return [f"found {query}"] * limit

    return search


@_program
async def program_of_thought(side: Side) -> Any:
    """The first code does not parse, the second fails, the third gives the answer."""
    lm = side.lm(
        [
            fields(reasoning="a", generated_code="x = ="),
            fields(reasoning="b", generated_code="y = 1 / 0\ny"),
            fields(reasoning="c", generated_code="```python\nz = 6 * 7\nSUBMIT({'answer': z})\n```"),
            fields(reasoning="d", answer="42"),
        ]
    )
    program = side.dspy.ProgramOfThought("question -> answer", interpreter_factory=_factory(side))
    return await side.call(program, question="what is it?", using={"lm": lm})


@_program
async def program_of_thought_gives_up(side: Side) -> Any:
    """No code ever works."""
    lm = side.lm(lambda last, number: fields(reasoning="a", generated_code="nowhere"))
    program = side.dspy.ProgramOfThought("question -> answer", max_iters=2, interpreter_factory=_factory(side))
    try:
        return await side.call(program, question="what is it?", using={"lm": lm})
    except RuntimeError as error:
        return error


def factorial(n: int) -> int:
    """The factorial."""
    return 1 if n < 2 else n * factorial(n - 1)


@_program
async def code_act(side: Side) -> Any:
    """A tool whose source runs in the sandbox; one step fails, one finishes."""
    lm = side.lm(
        [
            fields(generated_code="```python\nfactorial('five')\n```", finished="False"),
            fields(generated_code="```python\nresult = factorial(5)\nprint(result)\n```", finished="True"),
            fields(reasoning="so", answer="120"),
        ]
    )
    program = side.dspy.CodeAct("n: int -> answer", tools=[factorial], interpreter_factory=_factory(side))
    return await side.call(program, n=5, using={"lm": lm})


@_program
async def code_act_with_the_interpreter_of_the_caller(side: Side) -> Any:
    """The caller's interpreter goes before the inputs, and stays open."""
    lm = side.lm([fields(generated_code="print(seen)", finished="True"), fields(reasoning="so", answer="yes")])
    interpreter = _factory(side)()
    program = side.dspy.CodeAct("question -> answer", tools=[factorial], interpreter_factory=_factory(side))
    settings = (side.dspy.Settings(),) if side.is_async else ()

    async def do(method: str, *args: Any) -> Any:
        value = getattr(interpreter, method)(*settings, *args)
        return await value if side.is_async else value

    await do("execute", "seen = 'before'")
    result = await side.call(program, interpreter, question="is it shared?", using={"lm": lm})
    after = await do("execute", "seen")
    await do("shutdown")
    return [result, after]


@_program
async def rlm(side: Side) -> Any:
    """Looks at its input, asks the model, calls a tool, submits something wrong and then the answer."""
    lm = side.lm(
        [
            _step("print(len(context), context[:5])"),
            _step("print(llm_query('what is in ' + context))"),
            "a shelf",
            _step("print(search(query='it', limit=2))\nprint(search('other'))"),
            _step("SUBMIT(count='many', items=[])"),
            _step("1 / 0"),
            _step("x = 3\nSUBMIT(count=x, items=['a', 'b'])"),
        ]
    )
    program = side.dspy.RLM(
        "context, question -> count: int, items: list[str]", tools=[_search(side)], interpreter_factory=_factory(side)
    )
    return await side.call(program, context="long ago", question="how many?", using={"lm": lm})


@_program
async def rlm_asks_in_batches(side: Side) -> Any:
    """One prompt of a batch after the other, for upstream's order to be known; one fails; then there are too many."""
    sub = side.lm(
        ["one", side.dspy.LMError("busy"), "three", "four"] if hasattr(side.dspy, "LMError") else [], name="sub"
    )
    lm = side.lm(
        [
            _step("print([llm_query_batched([each]) for each in ('a', 'b', 'c')], llm_query_batched([]))"),
            _step("llm_query_batched(['e', 'f'])"),
            _step("llm_query('')"),
            _step("SUBMIT(llm_query('d'))"),
        ]
    )
    program = side.dspy.RLM(
        "question -> answer", sub_lm=sub, max_llm_calls=4, interpreter_factory=_factory(side), max_iters=4
    )
    return await side.call(program, question="what?", using={"lm": lm})


@_program
async def rlm_falls_back(side: Side) -> Any:
    """It never submits: the answer is extracted from what it did."""
    lm = side.lm([_step("print('a')"), _step("no code at all"), fields(answer="b")])
    program = side.dspy.RLM("question -> answer", max_iters=2, interpreter_factory=_factory(side))
    try:
        return await side.call(program, question="what?", using={"lm": lm})
    except Exception as error:
        return error


@_program
async def flex_predicts(side: Side) -> Any:
    """Flex as it begins: one Predict behind the sandbox."""
    lm = side.lm([fields(answer="blue")])
    program = side.dspy.Flex("question -> answer", interpreter_factory=_factory(side))
    return await side.call(program, question="colour?", using={"lm": lm})


@_program
async def flex_with_code_of_its_own(side: Side) -> Any:
    """Code that calls a tool, two predictors and an RLM that is handed the tool."""
    lm = side.lm(
        [fields(query="sky"), _step("SUBMIT(search(query='deep')[0])"), fields(reasoning="because", answer="blue")]
    )
    program = side.dspy.Flex("question -> answer", tools=[_search(side)], interpreter_factory=_factory(side))
    program._bind_code(
        "import dspy\n"
        "class Program(dspy.Module):\n"
        "    def __init__(self):\n"
        "        self.ask = dspy.Predict('question -> query')\n"
        "        self.dig = dspy.RLM('query -> found', tools=[search])\n"
        "        self.answer = dspy.ChainOfThought('found: list[str], question -> answer')\n"
        "    def forward(self, question):\n"
        "        query = self.ask(question=question).query\n"
        "        found = search(query) + [self.dig(query=query).found]\n"
        "        return dspy.Prediction(answer=self.answer(found=found, question=question).answer)\n"
    )
    return await side.call(program, question="colour?", using={"lm": lm})


@_program
async def flex_lets_the_error_of_the_model_through(side: Side) -> Any:
    """What the model raised is raised again, not the sandbox's word of it."""
    lm = side.lm([side.dspy.LMError("busy")])
    program = side.dspy.Flex("question -> answer", interpreter_factory=_factory(side))
    try:
        return await side.call(program, question="colour?", using={"lm": lm})
    except Exception as error:
        return error
