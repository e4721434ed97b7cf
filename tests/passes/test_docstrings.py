"""Examples in docstrings are programs that use the package: converted, laid out as they were, and valid."""

from __future__ import annotations

import pytest

from tests.support.conversion import assert_converted, assert_untouched, defect


def assert_docstring(before: str, after: str, *, again: bool = True) -> None:
    code = '"""What it is.\n\n{}\n"""\n\n\ndef f():\n    return 1\n'
    assert_converted(code.format(before), code.format(after), header=False, again=again)


def test_fences() -> None:
    assert_docstring(
        """\
```python
import dspy

ask = dspy.Ask()  # a comment

# another
print(ask(q=1).text)
```

~~~py
import dspy
dspy.Ask()(
    q=1,
)
~~~

```
import dspy
dspy.BaseLM()("a")
```""",
        """\
```python
import dspy

ask = dspy.Ask()  # a comment

# another
print((await ask(dspy.settings, q=1)).text)
```

~~~py
import dspy
await dspy.Ask()(
    dspy.settings,
    q=1,
)
~~~

```
import dspy
await dspy.BaseLM()(dspy.settings, "a")
```""",
        again=False,
    )


def test_examples_are_left_alone_the_second_time() -> None:
    assert_docstring(
        "```python\nimport dspy\n\nawait dspy.Ask()(dspy.settings, q=1)\n```",
        "```python\nimport dspy\n\nawait dspy.Ask()(dspy.settings, q=1)\n```",
    )


def test_prompts_and_what_they_print() -> None:
    assert_docstring(
        """\
    >>> import dspy
    >>> ask = dspy.Ask()
    >>> ask(q=1)
    'an answer'
    >>> for x in [1, 2]:
    ...     ask(q=x)
    1
    2
    >>> x = ask(
    ...     q=1,
    ... )
    >>> x  # a comment
    3

```python
>>> import dspy
>>> dspy.Ask()(q=1)
4
```""",
        """\
    >>> import dspy
    >>> ask = dspy.Ask()
    >>> await ask(dspy.settings, q=1)
    'an answer'
    >>> for x in [1, 2]:
    ...     await ask(dspy.settings, q=x)
    1
    2
    >>> x = await ask(
    ...     dspy.settings,
    ...     q=1,
    ... )
    >>> x  # a comment
    3

```python
>>> import dspy
>>> await dspy.Ask()(dspy.settings, q=1)
4
```""",
        again=False,
    )


def test_programs_of_several_definitions() -> None:
    assert_docstring(
        """\
```python
import dspy

class Mine(dspy.Module):
    def __init__(self):
        self.ask = dspy.Ask()

    def forward(self, q):
        with dspy.context(lm=None):
            return self.ask(q=q)

def reward(x):
    return Mine()(q=x)

with dspy.context(lm=dspy.BaseLM()):
    print(reward(1), dspy.settings.lm)
```""",
        """\
```python
import dspy

class Mine(dspy.Module):
    def __init__(self):
        self.ask = dspy.Ask()

    async def forward(self, settings: dspy.Settings, q):
        with settings.context(lm=None) as inner_settings:
            return await self.ask(inner_settings, q=q)

async def reward(settings: dspy.Settings, x):
    return await Mine()(settings, q=x)

with dspy.context(lm=dspy.BaseLM()) as inner_settings:
    print(await reward(inner_settings, 1), inner_settings.lm)
```""",
    )


def test_examples_that_are_converted_already() -> None:
    assert_docstring(
        "```python\nimport dspy\nsettings = dspy.Settings(lm=None)\nanswer = await dspy.Ask()(settings, q=1)\n```",
        "```python\nimport dspy\nsettings = dspy.Settings(lm=None)\nanswer = await dspy.Ask()(settings, q=1)\n```",
    )


@pytest.mark.parametrize(
    "text",
    [
        "```python\nthis is no python\nimport dspy\ndspy.Ask()(q=1)\n```",
        "```bash\nimport dspy\ndspy.Ask()(q=1)\n```",
        "```json\n{}\n```",
        ">>> import dspy\n>>> for x in\n>>> dspy.Ask()(q=1)",
        "    import dspy\n    dspy.Ask()(q=1)",
        "```python\nimport dspy\nprint( dspy )\n```",
        "```python\nimport other\nother.Ask()(q=1)\n```",
        "```python\n```",
        "```python\n# only a comment\n```",
        "`import dspy; dspy.Ask()(q=1)`",
    ],
)
def test_what_is_no_example_or_needs_no_change(text: str) -> None:
    assert_docstring(text, text)


def test_every_kind_of_docstring() -> None:
    before = """
        class Shop:
            '''A shop.

            >>> import dspy
            >>> dspy.Ask()(q=1)
            '''

            def sell(self):
                r"Sells."

                def inner():
                    r'''
                    \\d "é"
                    ```
                    import dspy
                    dspy.Ask()(q=1)
                    ```
                    '''
                    return 1

                return inner()


        async def f():
            '''é
            >>> import dspy
            >>> dspy.Ask()(q=1)
            '''
        """
    assert_converted(before, before.replace("dspy.Ask()(q", "await dspy.Ask()(dspy.settings, q"), again=False)


@defect("an example that ends on the line of the closing quotes is read with them, and stays in its sync form")
def test_an_example_up_to_the_closing_quotes() -> None:
    before = "def f():\n    '''>>> import dspy\n    >>> dspy.Ask()(q=1)'''\n"
    assert_converted(before, before.replace("dspy.Ask()(q", "await dspy.Ask()(dspy.settings, q"), again=False)


def test_strings_that_are_no_docstrings() -> None:
    assert_untouched(
        """
        X = '''
        >>> import dspy
        >>> dspy.Ask()(q=1)
        '''


        def f():
            "Doc."
            '''
            >>> import dspy
            >>> dspy.Ask()(q=1)
            '''
            return f'''
            >>> import dspy
            >>> dspy.Ask()(q=1)
            '''
        """
    )


def test_examples_do_not_know_of_each_other() -> None:
    assert_docstring(
        "```python\nimport dspy\nask = dspy.Ask()\n```\n\n```python\nask(q=1)\n```",
        "```python\nimport dspy\nask = dspy.Ask()\n```\n\n```python\nask(q=1)\n```",
    )


def test_what_is_final_keeps_its_examples() -> None:
    assert_untouched(
        """
        class Shop:
            '''A shop.

            >>> import dspy
            >>> dspy.Ask()(q=1)
            '''

            def sell(self):
                '''Sells.

                >>> import dspy
                >>> dspy.Ask()(q=1)
                '''
                return 1
        """,
        final=["dspy.sample:Shop"],
    )


def test_what_a_schema_shows_a_language_model_stays() -> None:
    """Pydantic puts a model's docstring into its schema, and adapters put that into prompts."""
    before = """
        import pydantic
        from pydantic import BaseModel


        class Picture(pydantic.BaseModel):
            '''A picture.

            >>> import dspy
            >>> dspy.Ask()(q=1)
            '''


        class Base(BaseModel):
            "Nothing."


        class Sketch(Base):
            '''A sketch.

            >>> import dspy
            >>> dspy.Ask()(q=1)
            '''

            def draw(self):
                '''Draws.

                >>> import dspy
                >>> dspy.Ask()(q=2)
                '''
                return 1
        """
    assert_converted(before, before.replace("dspy.Ask()(q=2", "await dspy.Ask()(dspy.settings, q=2"), again=False)


def test_an_example_without_the_import() -> None:
    assert_docstring(
        "```python\nanswer = dspy.Ask()(q=1)\n```", "```python\nanswer = await dspy.Ask()(dspy.settings, q=1)\n```"
    )


def test_an_example_that_names_what_it_documents() -> None:
    assert_converted(
        '''
        class Shop(Module):
            """A shop.

            >>> Shop()(q=1)
            """

            def forward(self, q):
                return q
        ''',
        '''
        class Shop(Module):
            """A shop.

            >>> await Shop()(dspy.settings, q=1)
            """

            @takes_settings
            async def forward(self, settings: Settings, q):
                return q
        ''',
    )


@defect("prompts stay in their sync form where the converted example needs one statement more")
def test_prompts_with_a_lambda() -> None:
    assert_docstring(
        ">>> import dspy\n>>> ask = dspy.Ask()\n>>> later = lambda q: ask(q=q)\n>>> later(1)\n2",
        ">>> import dspy\n>>> ask = dspy.Ask()\n>>> async def later(settings: dspy.Settings, q):\n"
        "...     return await ask(settings, q=q)\n>>> await later(dspy.settings, 1)\n2",
    )


@pytest.mark.parametrize(
    "code",
    [
        "x = '\\\\n'",
        "x = '\\u00e9'",
        pytest.param(
            "x = \\'\\'\\'y\\'\\'\\'",
            marks=defect("an example with quotes that are escaped for the docstring's sake stays in its sync form"),
        ),
    ],
)
def test_escapes_in_a_docstring(code: str) -> None:
    before = f"'''Doc.\n\n```python\nimport dspy\n{code}\ndspy.Ask()(q=1)\n```\n'''\n"
    after = before.replace("dspy.Ask()(q", "await dspy.Ask()(dspy.settings, q")
    assert_converted(before, after, header=False, again=False)
