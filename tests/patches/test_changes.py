"""Replacements, removals and insertions in the text."""

from __future__ import annotations

import pytest

from codemods.errors import ToolError
from codemods.patches import apply_patches
from tests.patches.support import FILES, VERSION, Make, changed, failing, with_change


def test_replace_a_method_by_a_file_beside(make: Make) -> None:
    code = '''\
import settings

# --- patch ---
def run(self, items):
    """Run them.

    All of them.
    """
    return """
as it is"""
'''
    patches = make('kind = "replace"\nsymbol = "pack.mod:Base.run"\nfile = "run.py"', code={"run.py": code})
    text = apply_patches(FILES, patches, VERSION).files["pack/mod.py"]
    assert (
        '''
    def run(self, items):
        """Run them.

        All of them.
        """
        return """
as it is"""

    def last(self):
'''
        in text
    )
    assert "@staged" not in text
    assert "import settings" not in text


def test_replace_an_assignment(make: Make) -> None:
    patches = make('kind = "replace"\nsymbol = "pack.mod:LIMIT"\ncode = "LIMIT: int = 5"')
    assert changed(patches) == ["-LIMIT = 3  # how many", "+LIMIT: int = 5  # how many"]


def test_a_replacement_defines_what_it_replaces(make: Make) -> None:
    message = failing(lambda: make('kind = "replace"\nsymbol = "pack.mod:helper"\ncode = "def other(): pass"'))
    assert "a.toml:1: the code for pack.mod:helper defines no helper" in message


KEEPS = '''
kind = "replace"
symbol = "pack.mod:Base"
keep = ["run", "last"]
code = """
class Base:
    kind = "own"


OWN = Base()
"""
'''


def test_a_replaced_class_keeps_members(make: Make) -> None:
    text = apply_patches(FILES, make(KEEPS), VERSION).files["pack/mod.py"]
    kept = FILES["pack/mod.py"].partition("    @staged")[2].partition("\n\n\ndef helper")[0]
    assert f'class Base:\n    kind = "own"\n\n    @staged{kept}\n\n\nOWN = Base()\n\n\ndef helper' in text


@pytest.mark.parametrize(("keep", "named"), [('["first"]', "first"), ('["last", "kind"]', "kind")])
def test_what_cannot_be_kept(make: Make, keep: str, named: str) -> None:
    message = failing(lambda: make(KEEPS.replace('["run", "last"]', keep)))
    assert f"the code for pack.mod:Base cannot keep {named} of upstream's" in message


def test_only_a_class_keeps_members(make: Make) -> None:
    replaced = 'kind = "replace"\nsymbol = "pack.mod:helper"\nkeep = ["a"]\ncode = \'def helper(a): ...\''
    assert "the code for pack.mod:helper cannot keep a of upstream's" in failing(lambda: make(replaced))


def test_remove(make: Make) -> None:
    text = apply_patches(FILES, make('kind = "remove"\nsymbol = "pack.mod:Base.run"'), VERSION).files["pack/mod.py"]
    assert "        )\n\n    def last(self):" in text
    at_the_end = make('kind = "remove"\nsymbol = "pack.mod:helper"')
    assert apply_patches(FILES, at_the_end, VERSION).files["pack/mod.py"].endswith('{self.limit}"\n')


def test_insert_before_and_after(make: Make) -> None:
    patches = make(
        'kind = "insert"\nposition = "before"\nsymbol = "pack.mod:Base.last"\ncode = "def first(self): return 1"',
        'kind = "insert"\nposition = "after"\nsymbol = "pack.mod:Base.last"\ncode = "other = last"',
        'kind = "insert"\nposition = "after"\nsymbol = "pack.mod:LIMIT"\ncode = "MORE = 4"',
        'kind = "insert"\nposition = "after"\nsymbol = "pack.mod:helper"\ncode = "class Last: pass"',
    )
    text = apply_patches(FILES, patches, VERSION).files["pack/mod.py"]
    assert "\n    def first(self): return 1\n\n    def last(self):\n" in text
    assert '{self.limit}"\n\n    other = last\n\n\ndef helper' in text
    assert "LIMIT = 3  # how many\nMORE = 4\n\n\nclass Base" in text
    assert text.endswith("    return a\n\n\nclass Last: pass\n")


def test_decorators_of_upstream_stay_and_may_change(make: Make) -> None:
    replaced = 'kind = "replace"\nsymbol = "pack.mod:helper"\ncode = \'def helper(a): ...\''
    patches = make(f'{replaced}\ndecorators = "upstream"')
    later = with_change("def helper(a):", "@decorated\ndef helper(a):")
    assert "@decorated\ndef helper(a): ..." in apply_patches(later, patches, "3.4.0").files["pack/mod.py"]
    own = make(replaced)
    with pytest.raises(ToolError, match="reviewed"):
        apply_patches(later, own, "3.4.0")
