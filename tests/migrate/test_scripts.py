"""Top-level code that waits: what moves into a function, what stays, and what is only reported."""

from __future__ import annotations

import ast
import textwrap

import pytest

from codemods.coloring import Coloring
from codemods.migrate import migrate
from codemods.migrate.scripts import give_main


def main_of(text: str, **options: bool) -> str:
    script = give_main(textwrap.dedent(text), **options)
    compile(script.text, "script.py", "exec")
    assert give_main(script.text).text == script.text, "a second run changes it again"
    return script.text


def check(before: str, after: str, **options: bool) -> None:
    assert main_of(before, **options) == textwrap.dedent(after)


def test_what_runs_before_the_first_wait_stays() -> None:
    check(
        """\
        import os
        name = os.name
        print(await ask(name))
        """,
        """\
        import asyncio
        import os
        name = os.name


        async def main():
            print(await ask(name))


        if __name__ == "__main__":
            asyncio.run(main())
        """,
    )


def test_imports_and_definitions_stay_wherever_they_stand() -> None:
    check(
        """\
        first = await ask()
        import os


        def double(x):
            return x * 2


        # What comes of it.
        print(double(first), os.name)
        """,
        """\
        import asyncio
        import os


        def double(x):
            return x * 2


        async def main():
            first = await ask()

            # What comes of it.
            print(double(first), os.name)


        if __name__ == "__main__":
            asyncio.run(main())
        """,
    )


def test_a_definition_that_needs_what_moved_moves_too() -> None:
    text = main_of(
        """\
        base = await load()


        @register(base)
        def made():
            pass


        class Kind(base):
            pass


        def plain(x=1):
            return base
        """
    )
    names = {node.name: node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert set(names) == {"plain"}
    assert "global base" in text


@pytest.mark.parametrize(
    ("text", "shared"),
    [
        ("answer = await ask()\ndef show():\n    print(answer)\n", ["answer"]),
        ("answer = await ask()\ndef show(answer):\n    print(answer)\n", []),
        ("answer = await ask()\ndef show():\n    def inner():\n        return answer\n    return inner\n", ["answer"]),
        ("answer = await ask()\nshow = lambda: answer\n", []),
        ("answer = await ask()\nclass A:\n    def show(self):\n        return answer\n", ["answer"]),
        ("found = []\nfound = found + [await ask()]\n", ["found"]),
        ("answer: str = await ask()\ndef show():\n    print(answer)\n", ["answer"]),
        ("def put():\n    global count\n    count = 1\ncount = await ask()\n", ["count"]),
        ("for item in await ask():\n    pass\ndef show():\n    return item\n", ["item"]),
    ],
)
def test_names_that_functions_read_stay_global(text: str, shared: list[str]) -> None:
    tree = ast.parse(main_of(text))
    main = next(node for node in tree.body if isinstance(node, ast.AsyncFunctionDef))
    declared = [
        name for node in ast.walk(main) if isinstance(node, ast.Global) and node in main.body for name in node.names
    ]
    assert declared == shared


def test_the_body_of_a_guard_is_used() -> None:
    check(
        """\
        import sys


        async def load():
            return 1


        if __name__ == "__main__":
            first = await load()

            # And again.
            print(first, await load())
        """,
        """\
        import asyncio
        import sys


        async def load():
            return 1


        async def main():
            first = await load()

            # And again.
            print(first, await load())


        if __name__ == "__main__":
            asyncio.run(main())
        """,
    )


def test_a_guard_that_calls_one_coroutine_function_runs_it() -> None:
    check(
        """\
        import sys


        async def main(argument):
            return 1


        if __name__ == "__main__":
            sys.exit(await main(sys.argv[1]))
        """,
        """\
        import asyncio
        import sys


        async def main(argument):
            return 1


        if __name__ == "__main__":
            sys.exit(asyncio.run(main(sys.argv[1])))
        """,
    )


def test_a_loop_in_a_guard_runs_in_one_event_loop() -> None:
    text = main_of(
        "async def load():\n    pass\n\n\nif __name__ == '__main__':\n    for _ in '12':\n        await load()\n"
    )
    assert "async def main():\n    for _ in '12':\n        await load()" in text
    assert text.count("asyncio.run(") == 1


def test_a_function_called_main_keeps_its_name() -> None:
    text = main_of("async def main():\n    pass\n\n\nawait main()\nprint(await main())\n")
    assert "async def run_main():\n    await main()\n" in text
    assert "asyncio.run(run_main())" in text


def test_what_ran_in_a_loop_of_its_own_is_awaited_in_main() -> None:
    text = main_of("import asyncio\nfirst = await ask()\nsecond = asyncio.run(work(first))\n")
    assert "second = await work(first)" in text


def test_an_existing_run_is_respected() -> None:
    text = "import asyncio\n\n\nasync def main():\n    await ask()\n\n\nasyncio.run(main())\n"
    assert give_main(text).text == text


def test_long_statements_are_indented_and_strings_are_not() -> None:
    text = main_of('answer = await ask(\n    1,\n    """one\ntwo""",\n)\n')
    assert '    answer = await ask(\n        1,\n        """one\ntwo""",\n    )\n' in text


def test_what_others_import_waits_where_it_stands() -> None:
    script = give_main("answer = await ask()\n", is_imported=True)
    assert script.text == "import asyncio\nanswer = asyncio.run(ask())\n"


def test_what_cannot_wait_when_it_is_imported_is_left() -> None:
    script = give_main("async for x in ask():\n    print(x)\n", is_imported=True)
    assert not script.compiles


# -- with the engine ---------------------------------------------------------------------------------------------------

HELPER = "import dspy\n\nask = dspy.Predict('question -> answer')\nanswer = ask(question='2 + 2').answer\n"


def test_a_module_that_waits_when_others_import_it_is_reported(release: Coloring) -> None:
    files = {"helper.py": HELPER, "app.py": "from helper import answer\n\nprint(answer)\n"}
    result = migrate(files, release)
    assert [(f.path, f.line, f.rule) for f in result.findings] == [("helper.py", 4, "DA503")]
    assert "answer = asyncio.run(ask(dspy.settings, question='2 + 2')).answer" in result.files["helper.py"]
    assert result.files["app.py"] == files["app.py"]


def test_the_same_module_as_a_script_is_not(release: Coloring) -> None:
    result = migrate({"helper.py": HELPER}, release)
    assert result.findings == ()
    assert "async def main():" in result.files["helper.py"]
