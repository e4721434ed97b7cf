"""What names hold: through imports, modules and wrappers."""

from __future__ import annotations

from tests.support.held import held


def test_a_wrapper_stands_for_what_it_wraps() -> None:
    code = """
        import functools
        def f(fn: BaseLM):
            @functools.wraps(fn)
            def wrapper(): return fn()
            probe(wrapper)
        """
    assert held(code) == {"BaseLM()"}


def test_through_modules() -> None:
    files = {
        "dspy/shop/__init__.py": "from dspy.shop.store import *\nfrom .store import made as renamed\n",
        "dspy/shop/store.py": "from dspy import BaseLM\nmade = BaseLM()\ndef make():\n    return made\n"
        "class Shelf:\n    top = made\n",
    }
    code = """
        from dspy import shop
        from dspy.shop import make, renamed
        from .shop import store
        def f():
            from dspy.shop.store import Shelf as Local
            probe(shop.made)
            probe(renamed)
            probe(make())
            probe(store.made)
            probe(Local.top)
            probe(shop.Shelf().top)
        """
    assert held(code, files) == {"BaseLM()"}


def test_an_imported_name_is_what_is_imported() -> None:
    """Also where a rule says what variables of that name stand for."""
    code = "def f():\n    from dspy.tools import factory\n    probe(factory)\n"
    assert held(code, {"dspy/tools.py": "def factory(): ...\n"}) == {"def factory"}
