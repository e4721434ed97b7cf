"""Symbols by name, and their hashes."""

from __future__ import annotations

import pytest

from codemods.symbols import SymbolError, find


def test_hashes_are_the_same_on_every_python() -> None:
    code = """return (f"{a!r:>{b}} é" "x" f"{b=}") + u"s" + f"{a:}\""""
    files = {"pack/mod.py": f'def f(a, *, b: int = 1) -> str:\n    """Doc."""\n    {code}\n'}
    assert find(files, "pack.mod:f").fingerprint() == HASH
    assert find({"pack/mod.py": files["pack/mod.py"].replace("Doc", "D")}, "pack.mod:f").fingerprint() == HASH


HASH = "4f83850a653a5a9ec1b89999124c08092d457d9e42fb402237076e28378a5ab5"


def test_a_symbol_defined_twice() -> None:
    files = {"pack/mod.py": "if x:\n    def f(): pass\nelse:\n    def f(): pass\n"}
    with pytest.raises(SymbolError, match=r"defines 'f' in pack.mod 2 times \(lines 2, 4\)"):
        find(files, "pack.mod:f")
