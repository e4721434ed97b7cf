"""What functions give back."""

from __future__ import annotations

from tests.support.held import held


def test_what_functions_return() -> None:
    code = """
        import functools
        def plain(): return BaseLM()
        async def later(): return Ask()
        def annotated() -> "Module": ...
        def parts():
            yield Settings()
        def through(x): return x
        def wrapped(fn):
            @functools.wraps(fn)
            def wrapper(*xs): return fn(*xs)
            return wrapper
        @wrapped
        def decorated(): return BaseCallback()
        def recursive(n): return recursive(n - 1) if n else TwinNames()
        async def f():
            probe(plain())
            probe(await later())
            probe(annotated())
            for x in parts():
                probe(x)
            probe(through(plain))
            probe((lambda: 1))
            probe(decorated())
            probe(recursive(1))
        """
    assert held(code) == {
        *{"BaseLM()", "Ask()", "Module()", "Settings()", "def plain", "def f.<locals>.<lambda1>", "BaseCallback()"},
        "TwinNames()",
    }
