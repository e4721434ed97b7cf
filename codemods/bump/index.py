"""What the package index has: asked of pip, so that its own configuration decides which index that is."""

from __future__ import annotations

import datetime
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from codemods.errors import ToolError
from codemods.sdist import DISTRIBUTION, archive_date, explain_failure, fetch_sdist, settled


@dataclass(frozen=True)
class Candidate:
    """A release that can be pinned.

    Args:
        version: as the index spells it.
        sdist_sha256: of its source archive, in hex.
        released: the day (UTC) its archive was built.
        notes: what a person should know.
    """

    version: str
    sdist_sha256: str
    released: datetime.date
    notes: tuple[str, ...] = ()

    @property
    def resolved_on(self) -> datetime.date:
        """The day as of which its environments are resolved."""
        return settled(self.released)


@dataclass(frozen=True)
class Offer:
    """What the index says of a release.

    Args:
        version: the release.
        sha256: of the archive that pip was handed, in hex.
        yanked: the reason that upstream gives for taking it back, `no reason` where it gives none; None if it stands.
    """

    version: str
    sha256: str | None
    yanked: str | None


def find_candidate(version: str | None, cache: Path) -> Candidate:
    """A release of the index, with its archive in the cache.

    Args:
        version: a release; None for the newest that is neither a pre-release nor yanked.
        cache: directory that keeps archives.

    Raises:
        ToolError: no index answers, there is no such release, it was yanked, or its archive is not what the index or
            an earlier download says.
    """
    offer = ask_index(version)
    if offer.yanked is not None:
        raise ToolError(
            f"upstream has yanked {DISTRIBUTION} {offer.version}: {offer.yanked}",
            remedy="Wait for the release that takes its place, or name another one.",
        )
    seen = fetch_sdist(offer.version, cache, sha256=None)
    if offer.sha256 is not None and seen.sha256 != offer.sha256:
        raise ToolError(
            f"the source archive of {DISTRIBUTION} {offer.version} in the cache has the hash {seen.sha256}, "
            f"and the index now has {offer.sha256}",
            remedy="Do not use it before you know why it differs: a release's archive never changes. "
            f"Compare both; the one in the cache is {seen.path}.",
        )
    return Candidate(offer.version, seen.sha256, archive_date(seen.path))


def ask_index(version: str | None) -> Offer:
    """What pip would take for a release, or for the newest one.

    Raises:
        ToolError: no index answers, or it has no such release.
    """
    wanted = DISTRIBUTION if version is None else f"{DISTRIBUTION}=={version}"
    command = [sys.executable, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--dry-run"]
    # As for the download: an archive, whatever Python this is, and nothing of what it depends on.
    command += ["--ignore-installed", "--no-deps", "--no-binary", ":all:", "--no-build-isolation"]
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        command += ["--ignore-requires-python", "--report", str(report), wanted]
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode != 0:
            raise explain_failure(version or "(any release)", done.stdout + done.stderr, None, is_pinned=False)
        installed = json.loads(report.read_text(encoding="utf-8"))["install"]
    return _offer(cast("dict[str, Any]", installed[0]), done.stderr + done.stdout)


def _offer(item: dict[str, Any], output: str) -> Offer:
    archive = item["download_info"].get("archive_info", {})
    # Not every pip says it in its report, and every one of them warns of it.
    is_yanked = item.get("is_yanked", False) or "is a yanked version" in output
    reason = re.search(r"Reason for being yanked: ([^\n]+)", output)
    said = reason[1].strip() if reason else ""
    yanked = said if said and said != "<none given>" else "no reason is given"
    return Offer(item["metadata"]["version"], archive.get("hashes", {}).get("sha256"), yanked if is_yanked else None)
