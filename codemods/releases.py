"""Releases that a patch or an entry of a ledger is for, as a version specifier."""

from __future__ import annotations

from typing import Annotated

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version
from pydantic import AfterValidator


def _is_specifier(text: str) -> str:
    try:
        SpecifierSet(text)
    except InvalidSpecifier as error:
        raise ValueError(f"{text!r} is not a version specifier such as '>=3.2,<4'") from error
    return text


Releases = Annotated[str, AfterValidator(_is_specifier)]
"""A version specifier such as ``>=3.2,<4``; empty is every release."""


def is_for(releases: str, version: str) -> bool:
    """Whether a release is one of those.

    A pre-release is taken for the release that it leads to: by the order of versions `3.4.0b1` is neither in `<3.4` nor
    in `>=3.4`, and what is for one or the other would leave it out.
    """
    return SpecifierSet(releases).contains(Version(version).base_version)
