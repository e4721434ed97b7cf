"""What variables hold, who is told when they grow, and what is kept of a library's."""

from __future__ import annotations

from codemods.program import build_program
from codemods.program.values import NOTHING, OBJECT, Container, Instance, Values
from codemods.program.variables import Variables
from tests.support.conversion import TOY
from tests.support.held import held

LM = Instance("dspy.clients.base_lm:BaseLM")


def variables(scopes: int = 3) -> Variables:
    made = Variables(build_program(TOY), None, scopes)
    made.stale.clear()
    return made


def test_who_has_read_a_variable_is_stale_when_it_grows() -> None:
    made = variables()
    for reader, name in enumerate(("x", "x", "y")):
        made.reader = reader
        assert made.held(("L", "f", name)) == set()
    made.reader = None
    made.add(("L", "f", "x"), {LM})
    assert made.stale == {0, 1}


def test_what_a_variable_holds_already_wakes_nobody() -> None:
    made = variables()
    made.add(("L", "f", "x"), {LM})
    made.reader = 0
    made.held(("L", "f", "x"))
    made.add(("L", "f", "x"), {LM})
    assert not made.stale


def test_an_answer_is_kept_until_what_it_was_read_off_grows() -> None:
    made = variables()
    asked: list[int] = []

    def work_out() -> Values:
        asked.append(1)
        return frozenset(made.held(("A", "C", "name")))

    made.reader = 0
    for _ in range(2):
        assert made.answered((LM, "name"), work_out) == NOTHING
    assert len(asked) == 1
    made.add(("A", "C", "name"), {OBJECT})
    assert made.stale == {0}
    assert made.answered((LM, "name"), work_out) == {OBJECT}


def test_very_many_containers_in_one_variable_are_taken_for_one() -> None:
    made = variables()
    for number in range(60):
        made.add(("E", f"site{number:02}"), {Instance(f"m:C{number}")})
        made.add(("L", "f", "x"), {Container(f"site{number:02}")})
    containers = [value for value in made.held(("L", "f", "x")) if isinstance(value, Container)]
    assert len(containers) < 60
    elements = {element for each in containers for element in made.held(("E", each.site))}
    assert elements == {Instance(f"m:C{number}") for number in range(60)}


def test_what_moves_json_about_loses_nothing() -> None:
    turns = "".join(f"    x = [{{'a': BaseLM() if {n} else x}}]\n" for n in range(50))
    assert "BaseLM()" in held(f"def f(x):\n{turns}    probe(x[0]['a'])\n")


def test_places_are_told_apart_until_a_tuple_is_one_of_very_many() -> None:
    made = variables()
    for number in range(41):
        site = f"site{number:02}"
        made.tell_places_apart(site)
        for index, value in enumerate((LM, OBJECT)):
            made.add(("T", site, str(index)), {value})
            made.add(("E", site), {value})
    made.reader = 0
    assert made.held_at("site00", 0) == made.held_at("site40", 0) == {LM}
    made.reader = None
    for number in range(41):
        made.add(("L", "f", "x"), {Container(f"site{number:02}")})
    assert made.stale == {0}
    assert made.held_at("site00", 0) == made.held_at("site40", 0) == {LM, OBJECT}
