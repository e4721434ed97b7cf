"""The rule table: it is read strictly, and every rule says how often it expects to match."""

from __future__ import annotations

import pytest

from codemods.errors import ToolError
from codemods.rules import Rules, check_rules, load_rules
from codemods.stages import RuleUse
from tests.support.conversion import RULES, convert_toy, toy_files

SETTINGS = """
[settings]
class_symbol = "a:Settings"
object_symbol = "a:settings"
reason = "where configuration lives"
"""


def uses(rule: str, code: str = "") -> dict[str, RuleUse]:
    """What a conversion of the toy with one more rule says of the rules."""
    found = convert_toy(toy_files(code), rules=load_rules(RULES + rule))
    return {use.rule: use for use in found.rules}


def test_the_table_that_ships() -> None:
    rules = load_rules()
    assert rules.settings.class_symbol == "dspy.dsp.utils.settings:Settings"
    assert rules.settings.context_method == "context"
    assert all(rule.reason for kind in (rules.name, rules.callable, rules.leaf, rules.blocking) for rule in kind)


def test_rules_of_the_table_that_ships_speak_of_no_files() -> None:
    text = load_rules().model_dump_json()
    assert ".py" not in text and "/" not in text


def test_a_table_of_its_own() -> None:
    rules = load_rules(SETTINGS)
    assert rules == Rules(settings=rules.settings)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "settings"),
        ("[settings", "not valid"),
        (SETTINGS + "[unknown]\n", "unknown"),
        (SETTINGS + '[[name]]\nnames = ["x"]\ntype = "a:B"\n', "reason"),
        (SETTINGS + '[[name]]\nnames = ["x"]\ntype = "a:B"\nreason = "short"\n', "reason"),
        (SETTINGS + '[[name]]\nnames = ["x"]\nreason = "long enough a reason"\n', "type"),
        (SETTINGS + '[[name]]\nnames = "x"\ntype = "a:B"\nreason = "long enough a reason"\n', "names"),
        (SETTINGS + '[[callable]]\nnames = ["x"]\nkind = "odd"\nreason = "long enough a reason"\n', "kind"),
        (SETTINGS + '[[callable]]\nnames = ["x"]\nkind = "plain"\nwhere = ["file"]\nreason = "long enough"\n', "where"),
        (SETTINGS + '[[leaf]]\nsymbol = "a:b"\nexpect = "often"\nreason = "long enough a reason"\n', "expect"),
        (SETTINGS + '[[leaf]]\nsymbol = "a:b"\nfile = "x.py"\nreason = "long enough a reason"\n', "file"),
    ],
)
def test_a_table_that_is_not_valid(text: str, said: str) -> None:
    with pytest.raises(ToolError) as caught:
        load_rules(text)
    assert said in str(caught.value)
    assert "rules.toml" in caught.value.remedy
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    ("expected", "matches", "right"),
    [
        ("any", 0, True),
        ("any", 7, True),
        ("some", 0, False),
        ("some", 1, True),
        ("2", 2, True),
        ("2", 1, False),
        ("0", 0, True),
        ("0", 1, False),
    ],
)
def test_expectations(expected: str, matches: int, right: bool) -> None:
    use = RuleUse("name:lm", expected, matches)
    if right:
        check_rules([use])
    else:
        with pytest.raises(ToolError, match=f"name:lm: expected {expected}, matched {matches}"):
            check_rules([use])


def test_all_that_are_wrong_are_named() -> None:
    wrong = [RuleUse("name:a", "some", 0), RuleUse("name:b", "any", 0), RuleUse("leaf:c:d", "3", 1)]
    with pytest.raises(ToolError) as caught:
        check_rules(wrong)
    assert "name:a: expected some, matched 0" in str(caught.value)
    assert "leaf:c:d: expected 3, matched 1" in str(caught.value)
    assert "name:b" not in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "code", "name", "matches"),
    [
        (
            '[[name]]\nnames = ["robot"]\ntype = "dspy.clients.base_lm:BaseLM"\nexpect = 1\nreason = "holds models"\n',
            "def f(robot):\n    return robot('a')\n",
            "name:robot",
            1,
        ),
        (
            '[[callable]]\nnames = ["judge"]\nkind = "supplied"\nexpect = 2\nreason = "the user\'s own"\n',
            "def f(judge):\n    return judge('a')\ndef g(judge):\n    pass\n",
            "callable:judge (supplied: parameter, variable, attribute)",
            2,
        ),
        (
            '[[callable]]\nnames = ["judges"]\nwhere = ["element"]\nkind = "supplied"\nexpect = 1\n'
            'reason = "of the user"\n',
            "def f(judges):\n    return judges['a'](1)\n",
            "callable:judges (supplied: element)",
            1,
        ),
        (
            '[[leaf]]\nsymbol = "dspy.sample:Base.run"\nexpect = 2\nreason = "waits by contract"\n',
            "class Base:\n    def run(self): ...\nclass Sub(Base):\n    def run(self): ...\n",
            "leaf:dspy.sample:Base.run",
            2,
        ),
        (
            '[[leaf]]\nsymbol = "dspy.sample:Base.on_*"\nexpect = 3\nreason = "waits by contract"\n',
            "class Base:\n    def on_a(self): ...\n    def on_b(self): ...\n"
            "class Sub(Base):\n    def on_c(self): ...\n",
            "leaf:dspy.sample:Base.on_*",
            3,
        ),
        (
            '[[leaf]]\nsymbol = "dspy.sample:run"\nexpect = 1\nreason = "waits by contract"\n',
            "def run(): ...\n",
            "leaf:dspy.sample:run",
            1,
        ),
        (
            '[[leaf]]\nsymbol = "dspy.sample:Gone.run"\nexpect = 0\nreason = "not there any more"\n',
            "",
            "leaf:dspy.sample:Gone.run",
            0,
        ),
        (
            '[[decorator]]\nsymbol = "dspy.sample:later"\nexpect = 1\nreason = "waits by contract"\n',
            "def later(f):\n    return f\n@later\ndef run(): ...\n",
            "decorator:dspy.sample:later",
            1,
        ),
        (
            '[[blocking]]\ncall = "os.wait"\nreplacement = "os.later"\nexpect = 1\nreason = "blocks the loop"\n',
            "import os\ndef run(lm):\n    os.wait()\n    lm('a')\ndef plain():\n    os.wait()\n",
            "blocking:os.wait",
            1,
        ),
    ],
)
def test_matches_are_counted(rule: str, code: str, name: str, matches: int) -> None:
    use = uses(rule, code)[name]
    assert (use.matches, use.expected) == (matches, str(matches))
    check_rules([use])


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ('[[method]]\nnames = ["polish"]\nexpect = "some"\nreason = "never a coroutine"\n', "method:polish"),
        (
            '[[returns_receiver]]\nnames = ["clone"]\nexpect = "some"\nreason = "gives back its like"\n',
            "returns_receiver:clone",
        ),
    ],
)
def test_every_kind_of_rule_is_checked(rule: str, name: str) -> None:
    with pytest.raises(ToolError, match=name.split(":")[1]):
        check_rules([uses(rule)[name]])


def test_a_rule_for_a_class_that_is_not_there() -> None:
    rule = '[[name]]\nnames = ["robot"]\ntype = "dspy.gone:Robot"\nreason = "holds something"\n'
    with pytest.raises(ToolError, match=r"dspy\.gone:Robot"):
        check_rules(uses(rule, "def f(robot):\n    return robot('a')\n").values())
