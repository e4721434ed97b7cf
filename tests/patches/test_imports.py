"""Imports that patches bring, and those that nothing uses any more."""

from __future__ import annotations

from codemods.patches import accept, apply_patches, load_patches
from tests.patches.support import FILES, VERSION, Make, changed, edit

IMPORTS = """\
import queue
import re
from pack.other import gone, shared, thing


def work(items):
    import threading

    lock = threading.Lock()
    return queue.Queue(), shared, gone, thing, lock


def helper(a: "re.Pattern"):
    return thing
"""


def _imports_after(make: Make, find: str, replace: str, more: str = "", others: str = "") -> list[str]:
    files = {**FILES, "pack/mod.py": IMPORTS, "pack/third.py": others}
    patches = make(edit("pack.mod:work", find, replace, more), reviewed=False)
    for symbol in {patch.symbol for patch in patches.patches}:
        accept(make.folder, symbol, files, VERSION)
    text = apply_patches(files, load_patches(make.folder), VERSION).files["pack/mod.py"]
    return [line.strip() for line in text.splitlines() if "import" in line]


def test_imports_go_where_isort_puts_them_and_each_once(make: Make) -> None:
    imports = '"""\nimport asyncio\nimport tqdm\nfrom pack.a import x\nimport six\n"""'
    patches = make(
        *(f'kind = "remove"\nsymbol = "pack.mod:Base.{name}"\nimports = {imports}' for name in ("run", "last"))
    )
    text = apply_patches(FILES, patches, VERSION).files["pack/mod.py"]
    head = text.partition("LIMIT")[0].partition('"""A module."""\n')[2]
    assert head == (
        "\nfrom __future__ import annotations\n\nimport asyncio\nimport os\nimport zlib\n\nimport six\nimport tqdm\n\n"
        "from pack.a import x\nfrom pack.other import thing\n\n"
    )


def test_imports_in_a_module_without_their_group(make: Make) -> None:
    patches = make('kind = "replace"\nsymbol = "pack.other:thing"\nimports = "import os"\ncode = "thing = os"')
    assert apply_patches(FILES, patches, VERSION).files["pack/other.py"] == "import os\nthing = os\n"


def test_what_patches_want_of_one_module_is_one_import(make: Make) -> None:
    wanted = {"run": "b, a", "last": "c, a"}
    patches = make(
        *(
            f'kind = "remove"\nsymbol = "pack.mod:Base.{name}"\nimports = "from pack.other import {names}"'
            for name, names in wanted.items()
        )
    )
    assert "+from pack.other import a, b, c" in changed(patches)


def test_imports_that_only_patched_code_used_go(make: Make) -> None:
    assert _imports_after(make, "queue.Queue(), shared, gone, thing, lock", "thing") == [
        "import re",
        "from pack.other import thing",
        "import threading",
    ]


def test_imports_of_functions_go_too(make: Make) -> None:
    assert "import threading" not in _imports_after(make, "lock = threading.Lock()", "lock = None")


def test_what_another_module_imports_from_here_stays(make: Make) -> None:
    for line in ("from pack.mod import shared", "from .mod import shared"):
        found = _imports_after(make, "queue.Queue(), shared, gone, thing, lock", "thing", others=line)
        assert "from pack.other import shared, thing" in found


def test_what_a_patch_imports_stays(make: Make) -> None:
    """A name for users alone, say."""
    more = 'imports = "from pack.other import public as public"'
    patch = edit("pack.mod:work", "queue.Queue()", "None").replace("[[patch.edit]]", f"{more}\n[[patch.edit]]")
    make(patch, reviewed=False)
    files = {**FILES, "pack/mod.py": IMPORTS}
    accept(make.folder, "pack.mod:work", files, VERSION)
    patches = load_patches(make.folder)
    text = apply_patches(files, patches, VERSION).files["pack/mod.py"]
    assert "from pack.other import public as public" in text and "import queue" not in text
