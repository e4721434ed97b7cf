"""Programs that run on upstream and on the generated package alike; `test_same_messages.py` compares the two.

Each tells the model's answers itself, and returns what a user sees. Answers that depend on the question are used where
items run at once.
"""

import json
from types import SimpleNamespace
from typing import Any, Literal

import pydantic

from tests.generated.sides import Side, fields


class Person(pydantic.BaseModel):
    """A nested type, for adapters that show a schema."""

    name: str
    age: int | None = pydantic.Field(default=None, description="in years")
    nicknames: list[str] = []


def native_call(name: str, arguments: dict[str, Any], call_id: str = "c0") -> SimpleNamespace:
    """A response message with one tool call."""
    function = SimpleNamespace(name=name, arguments=json.dumps(arguments))
    call = SimpleNamespace(id=call_id, type="function", function=function)
    call.model_dump = lambda **_: {  # type: ignore[attr-defined]
        "id": call_id,
        "type": "function",
        "function": {"name": name, "arguments": json.dumps(arguments)},
    }
    return SimpleNamespace(content=None, tool_calls=[call])


def typed(side: Side) -> Any:
    """A signature with every kind of field."""
    dspy = side.dspy

    class Extract(dspy.Signature):
        """Extract what the text says."""

        text: str = dspy.InputField(desc="a short text")
        limit: int = dspy.InputField(default=3)
        people: list[Person] = dspy.OutputField()
        mood: Literal["good", "bad"] = dspy.OutputField(desc="of the text")
        score: float = dspy.OutputField()

    return Extract


PEOPLE = [{"name": "Ada", "age": 36, "nicknames": ["A"]}, {"name": "Bob", "age": None, "nicknames": []}]
TYPED = {"people": json.dumps(PEOPLE), "mood": "good", "score": "0.5"}
TYPED_JSON = json.dumps({"people": PEOPLE, "mood": "good", "score": 0.5})


async def predict_with_demos(side: Side) -> Any:
    dspy = side.dspy
    predict = dspy.Predict("question, hint: str -> answer", temperature=0.3)
    predict.demos = [
        dspy.Example(question="1+1?", hint="add", answer="2"),
        {"question": "2+2?", "answer": "4"},
    ]
    lm = side.lm([fields(answer="Paris"), fields(answer="Rome"), fields(answer="none")])
    using = {"lm": lm}
    return [
        await side.call(predict, using=using, question="Capital of France?", hint="P"),
        await side.call(
            predict, using=using, question="Italy?", hint="R", config={"temperature": 0.9, "max_tokens": 5}
        ),
        await side.call(predict, using=using, question="no hint"),
        side.trace,
        predict.dump_state(),
        lm.history[0]["outputs"],
        len(predict.history),
    ]


async def predict_typed(side: Side) -> Any:
    predict = side.dspy.Predict(typed(side))
    predict.demos = [side.dspy.Example(text="T", people=PEOPLE, mood="bad", score=1.0)]
    return await side.call(predict, using={"lm": side.lm([fields(**TYPED)])}, text="Ada, 36, met Bob.")


async def history_and_images(side: Side) -> Any:
    dspy = side.dspy

    class Chat(dspy.Signature):
        history: dspy.History = dspy.InputField()
        picture: dspy.Image = dspy.InputField()
        question: str = dspy.InputField()
        answer: str = dspy.OutputField()

    history = dspy.History(messages=[{"question": "Who?", "answer": "Me"}, {"question": "When?", "answer": "Now"}])
    picture = dspy.Image(url="data:image/png;base64,iVBORw0KGgo=")
    lm = side.lm([fields(answer="There")])
    return await side.call(dspy.Predict(Chat), using={"lm": lm}, history=history, picture=picture, question="Where?")


async def several_completions(side: Side) -> Any:
    dspy = side.dspy
    thoughts = [fields(reasoning=f"thought {n}\nmore", answer=f"a{n}") for n in range(3)]
    lm = side.lm([thoughts, fields(rationale="all said", answer="a1")])
    several = await side.call(dspy.ChainOfThought("question -> answer", n=3), using={"lm": lm}, question="Q?")
    compare = dspy.MultiChainComparison("question -> answer")
    best = await side.call(compare, list(several.completions), using={"lm": lm}, question="Q?")
    return [several, [dict(each) for each in several.completions], best]


async def majority(side: Side) -> Any:
    dspy = side.dspy
    lm = side.lm([[fields(answer=text) for text in ("yes", "no", "Yes.")]])
    several = await side.call(dspy.Predict("question -> answer", n=3), using={"lm": lm}, question="Q?")
    return dspy.majority(several)


async def json_structured(side: Side) -> Any:
    lm = side.lm([TYPED_JSON], structured=True)
    adapter = side.dspy.JSONAdapter()
    return await side.call(side.dspy.Predict(typed(side)), using={"lm": lm, "adapter": adapter}, text="Ada and Bob")


async def json_fallback_to_json_mode(side: Side) -> Any:
    lm = side.lm(["not json at all", TYPED_JSON], structured=True)
    adapter = side.dspy.JSONAdapter()
    return await side.call(side.dspy.Predict(typed(side)), using={"lm": lm, "adapter": adapter}, text="Ada and Bob")


async def json_open_mapping(side: Side) -> Any:
    lm = side.lm(['{"facts": {"a": 1}, "n": 2}'], structured=True)
    predict = side.dspy.Predict("text -> facts: dict[str, int], n: int")
    predict.demos = [side.dspy.Example(text="T", facts={"z": 0}, n=1)]
    return await side.call(predict, using={"lm": lm, "adapter": side.dspy.JSONAdapter()}, text="a is 1")


async def xml(side: Side) -> Any:
    lm = side.lm(["<answer>Paris</answer>\n<sure>True</sure>"])
    predict = side.dspy.Predict("question -> answer, sure: bool")
    predict.demos = [side.dspy.Example(question="Q", answer="A", sure=False)]
    return await side.call(predict, using={"lm": lm, "adapter": side.dspy.XMLAdapter()}, question="Capital?")


async def baml(side: Side) -> Any:
    from dspy.adapters.baml_adapter import BAMLAdapter

    lm = side.lm([TYPED_JSON], structured=True)
    return await side.call(
        side.dspy.Predict(typed(side)), using={"lm": lm, "adapter": BAMLAdapter()}, text="Ada and Bob"
    )


async def two_step(side: Side) -> Any:
    small = side.lm([fields(answer="Paris", sure="True")], name="small")
    big = side.lm(["It is Paris, I am sure."], name="big")
    adapter = side.dspy.TwoStepAdapter(small)
    predict = side.dspy.Predict("question -> answer, sure: bool")
    predict.demos = [side.dspy.Example(question="Q", answer="A", sure=False)]
    return await side.call(predict, using={"lm": big, "adapter": adapter}, question="Capital?")


async def chat_falls_back_to_json(side: Side) -> Any:
    lm = side.lm(["no fields here", '{"answer": "Paris"}'])
    return await side.call(side.dspy.Predict("question -> answer"), using={"lm": lm}, question="Capital?")


async def nothing_can_be_parsed(side: Side) -> Any:
    lm = side.lm(["no fields here", "nor here", "nor there"])
    try:
        return await side.call(side.dspy.Predict("question -> answer"), using={"lm": lm}, question="Capital?")
    except side.dspy.AdapterParseError as error:
        return error


async def model_errors(side: Side) -> Any:
    """Errors of the model are no reason to ask again."""
    dspy = side.dspy
    found: list[Any] = []
    for error in (
        dspy.ContextWindowExceededError(message="long"),
        dspy.LMRateLimitError("slow", model="m"),
        RuntimeError("odd"),
    ):
        lm = side.lm([error, fields(answer="second")])
        try:
            found.append(await side.call(dspy.Predict("question -> answer"), using={"lm": lm}, question="Q?"))
        except Exception as caught:
            found.append(caught)
    return found


def search(query: str, limit: int = 2) -> list[str]:
    """Find passages."""
    if query == "boom":
        raise ValueError("the index is broken")
    return [f"{query} {number}" for number in range(limit)]


class Calculator:
    """A tool that is an object."""

    def __call__(self, a: int, b: int) -> int:
        """Add two numbers."""
        return a + b


def step(thought: str, tool: str, **arguments: Any) -> str:
    """One turn of ReAct."""
    return fields(next_thought=thought, next_tool_name=tool, next_tool_args=json.dumps(arguments))


async def react(side: Side) -> Any:
    dspy = side.dspy
    agent = dspy.ReAct("question -> answer: int", tools=[search, dspy.Tool(Calculator(), name="add")])
    answers = [
        step("look", "search", query="cats"),
        step("look again", "search", query="boom"),
        step("wrong argument", "search", qeury="dogs"),
        step("add", "add", a="1", b=2),
        step("add", "add", a=1, b=2),
        step("done", "finish"),
        fields(reasoning="counted", answer="3"),
    ]
    return [await side.call(agent, using={"lm": side.lm(answers)}, question="How many?"), agent.dump_state()]


async def react_with_a_short_window(side: Side) -> Any:
    dspy = side.dspy
    too_long = dspy.ContextWindowExceededError(message="too long")
    answers = [
        step("one", "search", query="a"),
        step("two", "search", query="b"),
        too_long,
        step("three", "finish"),
        too_long,
        fields(reasoning="r", answer="short"),
    ]
    agent = dspy.ReAct("question -> answer", tools=[search], max_iters=5)
    return await side.call(agent, using={"lm": side.lm(answers)}, question="Q?")


async def react_v2_native(side: Side) -> Any:
    from dspy.predict.react_v2 import ReActV2

    answers = [
        native_call("search", {"query": "cats"}, "c1"),
        native_call("search", {"query": "boom"}, "c2"),
        native_call("submit", {"answer": "2"}, "c3"),
    ]
    lm = side.lm(answers, native_tools=True)
    adapter = side.dspy.ChatAdapter(use_native_function_calling=True)
    agent = ReActV2("question -> answer", tools=[search])
    return await side.call(agent, using={"lm": lm, "adapter": adapter}, question="How many?")


async def react_v2_in_text(side: Side) -> Any:
    from dspy.predict.react_v2 import ReActV2

    def turn(name: str, **arguments: Any) -> str:
        calls = {"tool_calls": [{"name": name, "args": arguments}]}
        return fields(next_thought="hm", tool_calls=json.dumps(calls))

    lm = side.lm([turn("search", query="cats"), turn("nothing"), turn("submit", answer="7")])
    agent = ReActV2("question -> answer: int", tools=[search], max_iters=2)
    return await side.call(agent, using={"lm": lm}, question="How many?")


def shorter_is_better(arguments: dict[str, Any], prediction: Any) -> float:
    return 1.0 / len(prediction.answer)


async def best_of_n(side: Side) -> Any:
    dspy = side.dspy
    down = dspy.LMServerError("down")
    lm = side.lm([fields(answer="long one"), down, down, fields(answer="s"), fields(answer="never")])
    best = dspy.BestOfN(dspy.Predict("question -> answer"), N=4, reward_fn=shorter_is_better, threshold=1.0)
    return [await side.call(best, using={"lm": lm}, question="Q?"), side.trace]


async def refine(side: Side) -> Any:
    dspy = side.dspy

    class Program(side.Module):
        def __init__(self):
            super().__init__()
            self.first = dspy.Predict("question -> draft")
            self.second = dspy.ChainOfThought("draft -> answer")

        async def body(self, ask, question):
            draft = await ask(self.first, question=question)
            return await ask(self.second, draft=draft.draft)

    answers = [
        fields(draft="d1"),
        fields(reasoning="r", answer="much too long"),
        fields(discussion="bad", advice=json.dumps({"first": "N/A", "second.predict": "be short"})),
        fields(draft="d2"),
        fields(reasoning="r", answer="a"),
    ]
    program = dspy.Refine(Program(), N=3, reward_fn=shorter_is_better, threshold=1.0)
    return [await side.call(program, using={"lm": side.lm(answers)}, question="Q?"), side.trace]


def about_the_question(**answers: str):
    """Answers by a word in the last message, for items that run at once."""

    def answer(last: str, _: int) -> Any:
        found = next((text for word, text in answers.items() if word in last), None)
        return ConnectionError("no such word") if found is None else found

    return answer


def devset(side: Side) -> list[Any]:
    pairs = [("one", "1"), ("two", "2"), ("three", "3"), ("four", "4")]
    return [side.dspy.Example(question=question, answer=answer).with_inputs("question") for question, answer in pairs]


async def evaluate(side: Side) -> Any:
    dspy = side.dspy
    lm = side.lm(about_the_question(one=fields(answer="1"), two=fields(answer="3"), three=fields(answer="Three, or 3")))
    metric = dspy.evaluate.answer_exact_match
    results = []
    for threads in (1, 4):
        run = dspy.Evaluate(devset=devset(side), metric=metric, num_threads=threads, max_errors=3, failure_score=0.25)
        result = await side.call(run, dspy.Predict("question -> answer"), using={"lm": lm})
        results.append([result.score, result.results])
    side.log.sort(key=json.dumps)
    return results


async def semantic_f1(side: Side) -> Any:
    dspy = side.dspy
    example = dspy.Example(question="Q", response="long answer")
    prediction = dspy.Prediction(response="an answer", context="ctx")
    scores = {"recall": "0.5", "precision": "1.0"}
    ideas = {"ground_truth_key_ideas": "a", "system_response_key_ideas": "b", "discussion": "c"}
    lm = side.lm(
        [
            fields(reasoning="r", **scores),
            fields(reasoning="r", **ideas, **scores),
            fields(reasoning="r", **ideas, completeness="0.8"),
            fields(reasoning="r", system_response_claims="b", discussion="c", groundedness="0.2"),
        ]
    )
    using = {"lm": lm}
    return [
        await side.call(dspy.evaluate.SemanticF1(), example, prediction, using=using),
        await side.call(dspy.evaluate.SemanticF1(decompositional=True), example, prediction, [], using=using),
        await side.call(dspy.evaluate.CompleteAndGrounded(), example, prediction, using=using),
    ]


def right_answer(example: Any, prediction: Any, trace: Any = None) -> bool:
    return example.answer == prediction.answer


async def bootstrap(side: Side) -> Any:
    dspy = side.dspy

    class Program(side.Module):
        def __init__(self):
            super().__init__()
            self.draft = dspy.Predict("question -> draft")
            self.answer = dspy.ChainOfThought("question, draft -> answer")

        async def body(self, ask, question):
            draft = await ask(self.draft, question=question)
            return await ask(self.answer, question=question, draft=draft.draft)

    def answers(last: str, number: int) -> Any:
        if "four" in last and number < 9:
            return dspy.LMServerError("the model is down")
        words = {"one": "1", "two": "wrong", "three": "3", "four": "4"}
        value = next(text for word, text in words.items() if f"question ## ]]\n{word}" in last)
        return fields(draft="d") if "reasoning" not in last else fields(reasoning="because", answer=value)

    optimizer = dspy.BootstrapFewShot(
        metric=right_answer, max_bootstrapped_demos=3, max_labeled_demos=3, max_rounds=2, max_errors=5
    )
    compiled = await side.call(optimizer.compile, Program(), using={"lm": side.lm(answers)}, trainset=devset(side))
    return [compiled.dump_state(), side.trace]


async def bootstrap_with_a_teacher(side: Side) -> Any:
    dspy = side.dspy
    student_lm = side.lm(about_the_question(one=fields(answer="1")), name="student")
    teacher_lm = side.lm(lambda last, _: fields(answer="3" if "three" in last.split("]]")[-3] else "1"), name="teacher")
    optimizer = dspy.BootstrapFewShot(
        metric=lambda example, prediction, trace=None: float(example.answer == prediction.answer),
        metric_threshold=0.5,
        teacher_settings={"lm": teacher_lm},
        max_labeled_demos=1,
    )
    student = dspy.Predict("question -> answer")
    teacher = dspy.Predict("question -> answer")
    compiled = await side.call(
        optimizer.compile, student, using={"lm": student_lm}, teacher=teacher, trainset=devset(side)
    )
    return [compiled.dump_state(), await side.call(compiled, using={"lm": student_lm}, question="one")]


async def labeled_few_shot(side: Side) -> Any:
    dspy = side.dspy
    optimizer = dspy.LabeledFewShot(k=2)
    # `compile` is the protocol of all optimizers, so it is a coroutine and takes settings here too.
    compiled = await side.call(optimizer.compile, dspy.Predict("question -> answer"), using={}, trainset=devset(side))
    lm = side.lm([fields(answer="5")])
    return [await side.call(compiled, using={"lm": lm}, question="five"), compiled.dump_state()]


async def parallel_and_batch(side: Side) -> Any:
    dspy = side.dspy
    predict = dspy.Predict("question -> answer")
    lm = side.lm(about_the_question(one=fields(answer="1"), two=fields(answer="2"), three=fields(answer="3")))
    pairs = [(predict, {"question": "one"}), (predict, devset(side)[1])]
    parallel = dspy.Parallel(num_threads=2, disable_progress_bar=True)
    both = await side.call(parallel, pairs, using={"lm": lm})
    batch = await side.call(
        predict.batch, devset(side), using={"lm": lm}, num_threads=2, max_errors=3,
        return_failed_examples=True, disable_progress_bar=True,
    )  # fmt: skip
    side.log.sort(key=json.dumps)
    return [both, list(batch)]


async def a_field_called_settings(side: Side) -> Any:
    lm = side.lm([fields(answer="a")])
    return await side.call(
        side.dspy.Predict("settings, question -> answer"), using={"lm": lm}, settings="dark", question="Q"
    )


async def typed_requests(side: Side) -> Any:
    dspy = side.dspy
    lm = side.lm(["hello", "there", ["a", "b"]])
    using = {"lm": lm, "experimental": True}
    request = dspy.LMRequest.from_call(model="main", items=(dspy.System("Be brief."), dspy.User("Hi")), temperature=0.2)
    first = await side.call(lm, request, using={"lm": lm})
    second = await side.call(lm, dspy.User("Hi"), first, dspy.User("And?"), using=using)
    third = await side.call(lm, "plain", using={"lm": lm}, n=2)
    return [first.text, second.text, third, len(lm.history)]


async def tools_in_a_signature(side: Side) -> Any:
    dspy = side.dspy

    class Pick(dspy.Signature):
        """Pick a tool."""

        question: str = dspy.InputField()
        tools: list[dspy.Tool] = dspy.InputField()
        calls: dspy.ToolCalls = dspy.OutputField()

    tools = [dspy.Tool(search), dspy.Tool(Calculator(), name="add", desc="adds", arg_desc={"a": "first"})]
    chat = side.lm([fields(calls='{"tool_calls": [{"name": "add", "args": {"a": 1, "b": 2}}]}')])
    native = side.lm([native_call("search", {"query": "x"})], native_tools=True)
    found = []
    for lm, adapter in ((chat, dspy.ChatAdapter()), (native, dspy.JSONAdapter())):
        found.append(
            await side.call(dspy.Predict(Pick), using={"lm": lm, "adapter": adapter}, question="Q?", tools=tools)
        )
    return [found, [tool.format_as_litellm_function_call() for tool in tools], [str(tool) for tool in tools]]


async def reasoning_and_code(side: Side) -> Any:
    dspy = side.dspy

    class Write(dspy.Signature):
        task: str = dspy.InputField()
        thinking: dspy.Reasoning = dspy.OutputField()
        code: dspy.Code = dspy.OutputField()

    lm = side.lm([fields(thinking="easy", code="```python\nprint(1)\n```")])
    found = await side.call(dspy.Predict(Write), using={"lm": lm}, task="print 1")
    return [str(found.thinking), found.code.code]


async def saved_programs(side: Side) -> Any:
    """What `save` writes as JSON is upstream's format."""
    dspy = side.dspy

    class Program(side.Module):
        def __init__(self):
            super().__init__()
            self.parts = [dspy.Predict("a -> b"), dspy.ChainOfThought(typed(side))]
            self.agent = dspy.ReAct("question -> answer", tools=[search])

        async def body(self, ask, **inputs): ...

    program = Program()
    program.parts[0].demos = [dspy.Example(a="1", b="2")]
    program.set_lm(dspy.LM("openai/gpt-4o-mini", temperature=0.1, api_key="secret"))
    return [program.dump_state(), [name for name, _ in program.named_predictors()], repr(program)]


PROGRAMS = {
    program.__name__: program
    for program in (
        predict_with_demos,
        predict_typed,
        history_and_images,
        several_completions,
        majority,
        json_structured,
        json_fallback_to_json_mode,
        json_open_mapping,
        xml,
        baml,
        two_step,
        chat_falls_back_to_json,
        nothing_can_be_parsed,
        model_errors,
        react,
        react_with_a_short_window,
        react_v2_native,
        react_v2_in_text,
        best_of_n,
        refine,
        evaluate,
        semantic_f1,
        bootstrap,
        bootstrap_with_a_teacher,
        labeled_few_shot,
        parallel_and_batch,
        a_field_called_settings,
        typed_requests,
        tools_in_a_signature,
        reasoning_and_code,
        saved_programs,
    )
}
