"""`dspy-async migrate`: programs that use DSPy's sync API, converted to the async one.

`engine` converts texts; around it `files` and `notebooks` read programs as people keep them, `library` brings the
model of the release, `scripts` gives top-level code that waits a function to wait in, `codes` names every kind of
change and finding, `assertions` guards what tests check, and `command` puts it all together.
"""

from __future__ import annotations

from codemods.migrate.engine import DEFAULT_SETTINGS, Migration, load_library, migrate

__all__ = ["DEFAULT_SETTINGS", "Migration", "load_library", "migrate"]
