"""Section 2 of the contract: settings as an object, and as the first argument."""

import asyncio
import copy
import inspect
import pickle
import subprocess
import sys
import threading

import cloudpickle
import dspy
import pytest

from tests.generated.support import fields, scripted


@pytest.fixture
def process_default():
    """Lets a test configure the process's own settings, and puts them back."""
    before = dict(dspy.settings.copy())
    yield dspy.settings
    for name in [name for name in dspy.settings.copy() if name not in before]:
        del dspy.settings._values[name]
    dspy.configure(**before)


class TestObject:
    """`dspy.Settings` by itself."""

    @pytest.mark.api("2.10")
    def test_it_starts_from_the_built_in_defaults(self, process_default):
        dspy.configure(num_threads=3, lm="process", made_up=1)
        settings = dspy.Settings()
        assert (settings.lm, settings.adapter, settings.rm) == (None, None, None)
        assert (settings.num_threads, settings.max_errors, settings.async_max_workers) == (8, 10, 8)
        assert (settings.trace, settings.callbacks, settings.stream_listeners) == ([], [], [])
        assert (settings.max_history_size, settings.max_trace_size) == (10000, 10000)
        assert not settings.track_usage and not settings.disable_history and settings.warn_on_type_mismatch
        assert "made_up" not in settings

    def test_lists_are_its_own(self):
        one, two = dspy.Settings(), dspy.Settings()
        one.trace.append(1)
        one.callbacks.append(2)
        assert two.trace == [] and two.callbacks == [] and dspy.settings.callbacks == []

    @pytest.mark.api("2.11")
    def test_unknown_names_are_allowed(self):
        settings = dspy.Settings(experimental=True, mine=3)
        assert settings.experimental and settings["mine"] == 3

    @pytest.mark.api("2.12")
    def test_reading(self):
        settings = dspy.Settings(lm="x")
        assert settings.lm == settings["lm"] == settings.get("lm") == "x"
        assert settings.get("nothing") is None and settings.get("nothing", 5) == 5
        assert "lm" in settings and "nothing" not in settings
        with pytest.raises(AttributeError, match="'Settings' object has no attribute 'nothing'"):
            settings.nothing  # noqa: B018
        with pytest.raises(AttributeError):
            settings["nothing"]
        assert not hasattr(settings, "nothing")

    @pytest.mark.api("2.13")
    def test_writing(self):
        settings = dspy.Settings()
        settings.lm, settings["rm"] = "a", "b"
        settings.configure(adapter="c", other="d")
        assert (settings.lm, settings.rm, settings.adapter, settings.other) == ("a", "b", "c", "d")
        assert dspy.settings.lm is None and "other" not in dspy.settings

    @pytest.mark.api("2.13")
    def test_copy_is_a_dictionary_of_its_own(self):
        settings = dspy.Settings(lm="a")
        values = settings.copy()
        assert values["lm"] == values.lm == "a"
        values["lm"] = "b"
        assert settings.lm == "a" and settings.config["lm"] == "a"

    @pytest.mark.api("2.9")
    def test_all_its_homes(self):
        import dspy.dsp.utils
        from dspy.dsp.utils.settings import Settings, settings

        assert dspy.Settings is dspy.dsp.utils.Settings is Settings
        assert dspy.settings is dspy.dsp.utils.settings is settings
        assert isinstance(dspy.settings, dspy.Settings)

    @pytest.mark.api("2.13")
    def test_save_and_load_are_of_that_object(self, tmp_path):
        path = str(tmp_path / "settings.pkl")
        dspy.Settings(num_threads=5, mine=[1], rm="no").save(path, exclude_keys=["rm"])
        assert dspy.settings.num_threads == 8
        with pytest.raises(ValueError, match="allow_pickle"):
            dspy.Settings.load(path)
        values = dspy.Settings.load(path, allow_pickle=True)
        assert (values["num_threads"], values["mine"], "rm" in values) == (5, [1], False)
        assert dspy.Settings(**values).num_threads == 5

    def test_what_cannot_be_saved(self, tmp_path):
        with pytest.raises(RuntimeError, match="Saving failed"):
            dspy.Settings(lock=threading.Lock()).save(str(tmp_path / "x.pkl"))

    def test_copies_and_pickles(self):
        lm = dspy.LM("openai/m")
        settings = dspy.Settings(lm=lm, num_threads=2)
        for other in (copy.copy(settings), copy.deepcopy(settings), pickle.loads(cloudpickle.dumps(settings))):
            assert isinstance(other, dspy.Settings) and other is not settings
            assert other.num_threads == 2 and other.lm.model == "openai/m"
            other.configure(num_threads=3)
            assert settings.num_threads == 2

    def test_repr_shows_the_values(self):
        assert "'num_threads': 4" in repr(dspy.Settings(num_threads=4))


class TestContext:
    """Children."""

    @pytest.mark.api("2.14", "2.15")
    def test_a_child_is_a_snapshot_with_overrides(self):
        parent = dspy.Settings(lm="a", num_threads=4)
        with parent.context(lm="b", extra=1) as child:
            assert (child.lm, child.num_threads, child.extra) == ("b", 4, 1)
            assert isinstance(child, dspy.Settings)
            assert parent.lm == "a" and "extra" not in parent
            parent.configure(num_threads=5)
            assert child.num_threads == 4
            child.configure(num_threads=6)
        assert parent.num_threads == 5
        assert child.num_threads == 6, "the name outlives its block, as any name bound by `with`"

    @pytest.mark.api("2.15")
    def test_values_are_shared_by_reference(self):
        parent = dspy.Settings(trace=[])
        with parent.context() as child, child.context(trace=[]) as fresh:
            child.trace.append(1)
            fresh.trace.append(2)
        assert parent.trace == [1] and fresh.trace == [2]

    def test_children_of_children(self):
        with dspy.Settings(a=1).context(b=2) as one, one.context(c=3, a=4) as two:
            assert (two.a, two.b, two.c, one.a) == (4, 2, 3, 1)

    def test_an_error_leaves_the_block_as_ever(self):
        with pytest.raises(ZeroDivisionError), dspy.Settings().context(lm="x"):
            1 / 0  # noqa: B018


class TestProcessDefault:
    """`dspy.settings`, `dspy.configure` and `dspy.context`."""

    @pytest.mark.api("2.16")
    def test_configure_changes_the_default_object(self, process_default):
        dspy.configure(lm="mine", num_threads=3)
        assert dspy.settings.lm == "mine" and dspy.settings.num_threads == 3

    @pytest.mark.api("2.16")
    def test_context_makes_a_child_of_it(self, process_default):
        dspy.configure(num_threads=3)
        with dspy.context(lm="other") as child:
            assert (child.lm, child.num_threads) == ("other", 3)
            assert dspy.settings.lm is None

    @pytest.mark.api("2.17")
    def test_any_thread_may_configure(self, process_default):
        errors = []

        def configure(number):
            try:
                dspy.configure(**{f"from_thread_{number}": number})
                with dspy.context(lm=number) as child:
                    assert child.lm == number
            except BaseException as error:
                errors.append(error)

        dspy.configure(num_threads=2)
        threads = [threading.Thread(target=configure, args=(number,)) for number in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert [dspy.settings[f"from_thread_{number}"] for number in range(5)] == list(range(5))

    @pytest.mark.api("2.17")
    async def test_any_task_may_configure(self, process_default):
        async def configure(number):
            dspy.configure(num_threads=number)
            await asyncio.sleep(0)
            return dspy.settings.num_threads

        assert await asyncio.gather(*(configure(number) for number in (2, 3, 4))) == [4, 4, 4]

    async def test_it_can_be_passed(self, process_default):
        _, lm = scripted(fields(answer="yes"))
        dspy.configure(lm=lm)
        assert (await dspy.Predict("question -> answer")(dspy.settings, question="?")).answer == "yes"

    @pytest.mark.api("2.3")
    async def test_it_is_not_fallen_back_to(self, process_default):
        side, lm = scripted(fields(answer="no"))
        dspy.configure(lm=lm, adapter=dspy.JSONAdapter(), trace=[])
        predict = dspy.Predict("question -> answer")
        with pytest.raises(TypeError, match="settings"):
            await predict(question="?")
        with pytest.raises(ValueError, match="No LM is loaded"):
            await predict(dspy.Settings(), question="?")
        assert side.log == [] and dspy.settings.trace == []

    @pytest.mark.api("2.3", "2.18")
    async def test_a_block_of_context_does_not_reach_inside(self, process_default):
        side, lm = scripted(fields(answer="no"))
        with dspy.context(lm=lm), pytest.raises(ValueError, match="No LM is loaded"):
            await dspy.Predict("question -> answer")(dspy.Settings(), question="?")
        assert side.log == []


async def test_the_watch_over_the_default_sees_each_way_of_reading(request: pytest.FixtureRequest):
    request.getfixturevalue("nobody_reads_the_process_settings")
    ways = [
        lambda: dspy.settings.lm,
        lambda: dspy.settings["lm"],
        lambda: dspy.settings.get("lm"),
        lambda: "lm" in dspy.settings,
        dspy.settings.copy,
        dspy.context,
    ]
    for way in ways:
        with pytest.raises(AssertionError, match="the process's own settings were asked"):
            way()
    assert len(dspy.settings._values.touched) >= len(ways)
    dspy.settings._values.touched.clear()
    await dspy.Predict("question -> answer")(dspy.Settings(lm=scripted(fields(answer="a"))[1]), question="?")


def calls(settings):
    """Every kind of call that needs settings, as a function of positional arguments, with the name it must say."""
    predict = dspy.Predict("question -> answer")
    example = dspy.Example(question="?", answer="!").with_inputs("question")
    _, lm = scripted(*[fields(answer="!", reasoning="r", rationale="r")] * 5)
    tool = dspy.Tool(lambda x: x, name="identity", args={"x": {"type": "string"}}, arg_types={"x": str})
    completions = [{"reasoning": "r", "answer": "a"}] * 3
    signature = predict.signature
    return {
        "Predict": lambda *a, **k: predict(*a, question="?", **k),
        "Predict.acall": lambda *a, **k: predict.acall(*a, question="?", **k),
        "ChainOfThought": lambda *a, **k: dspy.ChainOfThought("question -> answer")(*a, question="?", **k),
        "MultiChainComparison": lambda *a, **k: dspy.MultiChainComparison("question -> answer")(
            *a, completions=completions, **k
        ),
        "BestOfN": lambda *a, **k: dspy.BestOfN(predict, 1, lambda args, pred: 1.0, 1.0)(*a, question="?", **k),
        "Parallel": lambda *a, **k: dspy.Parallel(disable_progress_bar=True)(
            *a, exec_pairs=[(predict, {"question": "?"})], **k
        ),
        "batch": lambda *a, **k: predict.batch(*a, examples=[example], disable_progress_bar=True, **k),
        "ReAct": lambda *a, **k: dspy.ReAct("question -> answer", tools=[])(*a, question="?", max_iters=0, **k),
        "Tool": lambda *a, **k: tool(*a, x="1", **k),
        "Tool.acall": lambda *a, **k: tool.acall(*a, x="1", **k),
        "LM": lambda *a, **k: lm(*a, prompt="hi", **k),
        "LM.acall": lambda *a, **k: lm.acall(*a, prompt="hi", **k),
        "ChatAdapter": lambda *a, **k: dspy.ChatAdapter()(
            *a, lm=lm, lm_kwargs={}, signature=signature, demos=[], inputs={"question": "?"}, **k
        ),
        "format": lambda *a, **k: dspy.ChatAdapter().format(
            *a, signature=signature, demos=[], inputs={"question": "?"}, **k
        ),
        "parse": lambda *a, **k: dspy.ChatAdapter().parse(*a, signature=signature, completion=fields(answer="!"), **k),
        "Embedder": lambda *a, **k: dspy.Embedder(lambda texts: [[1.0]] * len(texts), caching=False)(
            *a, inputs=["x"], **k
        ),
        "Evaluate": lambda *a, **k: dspy.Evaluate(devset=[example], metric=lambda e, p, t=None: 1)(
            *a, program=predict, **k
        ),
        "compile": lambda *a, **k: dspy.BootstrapFewShot(metric=lambda e, p, t=None: 1).compile(
            *a, student=dspy.Predict("question -> answer"), trainset=[example], **k
        ),
        "SemanticF1": lambda *a, **k: CONSTANT_F1(lm)(
            *a, example=dspy.Example(question="?", response="r"), pred=dspy.Prediction(response="r"), **k
        ),
    }


class CONSTANT_F1:  # noqa: N801
    """SemanticF1 over a model that says one and one."""

    def __init__(self, lm):
        self.metric = dspy.evaluate.SemanticF1()
        self.metric.module.set_lm(scripted(*[fields(reasoning="r", recall="1", precision="1")] * 3)[1])

    def __call__(self, *args, **kwargs):
        return self.metric(*args, **kwargs)


NAMES = list(calls(None))


def settings_for_all():
    return dspy.Settings(lm=scripted(*[fields(answer="!", reasoning="r", rationale="r")] * 9)[1])


@pytest.mark.parametrize("name", NAMES)
class TestArgument:
    """The argument itself, for every kind of call."""

    @pytest.mark.api("2.4")
    async def test_by_position(self, name: str):
        await calls(None)[name](settings_for_all())

    @pytest.mark.api("2.4", "2.6")
    async def test_by_keyword(self, name: str):
        await calls(None)[name](settings=settings_for_all())

    @pytest.mark.api("2.2")
    async def test_missing(self, name: str):
        word = {"LM": "Scripted", "LM.acall": "Scripted"}.get(name, name).split(".")[0]
        with pytest.raises(TypeError, match="settings") as caught:
            await calls(None)[name]()
        message = str(caught.value)
        assert word in message, "names the call"
        assert "await" in message and "dspy.Settings(" in message, "names the fix"

    @pytest.mark.api("2.7")
    async def test_something_else_in_its_place(self, name: str):
        for wrong in ("hi", {"lm": None}, None, dspy.settings.copy()):
            with pytest.raises(TypeError, match="settings"):
                await calls(None)[name](wrong)


@pytest.mark.api("2.7")
async def test_a_prompt_is_not_taken_for_settings():
    lm = dspy.LM("openai/m")
    with pytest.raises(TypeError, match=r"dspy\.Settings as its first argument, got 'str'"):
        await lm("hi")


async def test_settings_twice_is_an_error():
    predict = dspy.Predict("question -> answer")
    settings = settings_for_all()
    # By position and by keyword: the keyword is then an input of the program, and this signature has none like it.
    side, lm = scripted(fields(answer="!"))
    await predict(settings.context(lm=lm), question="?", settings=settings)
    assert "settings" not in side.log[0]["messages"][-1]["content"]


@pytest.mark.api("2.5")
async def test_a_field_called_settings():
    side, lm = scripted(fields(answer="dark"), fields(answer="dark"))
    settings = dspy.Settings(lm=lm)
    predict = dspy.Predict("settings, question -> answer")
    await predict(settings, settings="dark mode", question="?")
    assert "[[ ## settings ## ]]\ndark mode" in side.log[0]["messages"][-1]["content"]
    program = dspy.ChainOfThought("settings -> answer")
    program.predict.lm = scripted(fields(reasoning="r", answer="a"))[1]
    assert (await program(settings, settings="x")).answer == "a"
    with pytest.raises(TypeError, match="settings"):
        await predict(settings="dark mode", question="?")


async def test_a_module_of_ones_own():
    class Program(dspy.Module):
        async def forward(self, settings, question, *, loud=False):
            return dspy.Prediction(answer=f"{question}{'!' if loud else ''}", same=settings)

    program, settings = Program(), dspy.Settings()
    assert (await program(settings, "a")).answer == "a"
    assert (await program(settings, question="a", loud=True)).answer == "a!"
    assert (await program(question="a", settings=settings)).answer == "a"
    with pytest.raises(TypeError, match="Program"):
        await program(question="a")
    with pytest.raises(TypeError, match="Program"):
        await program("a")


@pytest.mark.api("2.1", "1.1")
def test_signatures_show_settings_first():
    for function in (
        dspy.Module.__call__,
        dspy.Predict.__call__,
        dspy.Predict.forward,
        dspy.LM.forward,
        dspy.BaseLM.__call__,
        dspy.Adapter.__call__,
        dspy.ChatAdapter.format,
        dspy.ChatAdapter.parse,
        dspy.Evaluate.__call__,
        dspy.Parallel.__call__,
        dspy.Module.batch,
        dspy.Tool.__call__,
        dspy.Embedder.__call__,
        dspy.ReAct.forward,
        dspy.BestOfN.forward,
        dspy.Refine.forward,
        dspy.BootstrapFewShot.compile,
        dspy.evaluate.SemanticF1.forward,
    ):
        assert inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(inspect.unwrap(function)), function
        names = list(inspect.signature(function).parameters)
        assert names[1] == "settings", (function, names)


@pytest.mark.api("2.6")
def test_a_parameter_beside_kwargs_is_positional_only():
    for function in (dspy.Predict.forward, dspy.ReAct.forward, dspy.BestOfN.forward, dspy.BaseLM.forward):
        parameters = list(inspect.signature(function).parameters.values())
        assert parameters[1].kind is inspect.Parameter.POSITIONAL_ONLY, function


@pytest.mark.api("1.4")
def test_what_stays_plain():
    for function in (
        dspy.Module.save,
        dspy.Module.load,
        dspy.Module.named_predictors,
        dspy.Module.deepcopy,
        dspy.Module.set_lm,
        dspy.Module.dump_state,
        dspy.Settings.configure,
        dspy.Settings.context,
        dspy.inspect_history,
        dspy.LM.copy,
        dspy.LM.__init__,
        dspy.load,
        dspy.Signature.append,
        dspy.BaseLM.update_history,
        dspy.Predict._forward_preprocess,
    ):
        assert not inspect.iscoroutinefunction(inspect.unwrap(function)), function


@pytest.mark.api("2.8")
def test_sync_helpers_that_read_settings_take_them():
    for function in (
        dspy.BaseLM.update_history,
        dspy.Predict._forward_preprocess,
        dspy.Predict._forward_postprocess,
        dspy.Predict._should_stream,
    ):
        assert list(inspect.signature(function).parameters)[1] == "settings", function


def test_importing_configures_nothing():
    code = "import dspy; assert dspy.settings.lm is None and dspy.settings.trace == []; print('fine')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "fine", done.stderr
