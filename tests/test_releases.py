"""Which releases an entry of a ledger is for."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from codemods.releases import Releases, is_for


class Row(BaseModel):
    releases: Releases = ""


@pytest.mark.parametrize(
    ("releases", "version", "found"),
    [
        ("", "3.3.1", True),
        (">=3.2,<4", "3.3.1", True),
        (">=3.2,<4", "4.0", False),
        (">=3.2", "3.3.0b1", True),
        (">=3.3,<4", "3.3.0b1", True),
        (">=3.2,<3.3", "3.3.0b1", False),
        (">=3.3", "3.3.0rc1", True),
    ],
)
def test_releases(releases: str, version: str, found: bool) -> None:
    assert is_for(Row(releases=releases).releases, version) is found


def test_what_is_no_specifier_is_refused() -> None:
    with pytest.raises(ValidationError, match="not a version specifier such as"):
        Row(releases="3.x")
