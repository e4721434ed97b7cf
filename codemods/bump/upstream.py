"""The submodule of upstream's repository: which commit a release is, and checking it out."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def tag_commit(submodule: Path, version: str) -> tuple[str | None, str]:
    """The commit of a release's tag, and why it is not known where it is not.

    Asks the submodule's remote for the tag where the clone does not have it.
    """
    if not (submodule / ".git").exists():
        return None, f"the submodule at {submodule.name}/ is not filled"
    try:
        from git import Repo
        from git.exc import GitError
    except ImportError as error:
        return None, f"git cannot be run: {error}"
    try:
        with Repo(submodule) as repo:
            # git prefers this variable to the directory it runs in, and hooks set it.
            repo.git.update_environment(GIT_DIR=str(repo.git_dir), GIT_TERMINAL_PROMPT="0")
            names = (version, f"v{version}")
            if not any(tag.name in names for tag in repo.tags):
                for name in names:
                    with suppress(GitError):
                        repo.git.fetch("origin", f"refs/tags/{name}:refs/tags/{name}", "--no-tags", "--quiet")
            for tag in repo.tags:
                if tag.name in names:
                    return tag.commit.hexsha, ""
    except (GitError, ValueError, OSError) as error:
        return None, f"the submodule cannot be read: {error}".splitlines()[0]
    return None, f"neither the submodule nor its remote has a tag {version}"


def check_out(submodule: Path, commit: str) -> str:
    """Put the submodule's work tree at a commit, so that `git add` takes it along; returns why it was not, or nothing.

    Nothing that somebody has changed in it is touched.
    """
    try:
        from git import Repo
        from git.exc import GitError
    except ImportError as error:
        return f"git cannot be run: {error}"
    try:
        with Repo(submodule) as repo:
            repo.git.update_environment(GIT_DIR=str(repo.git_dir), GIT_WORK_TREE=str(submodule.resolve()))
            if repo.head.commit.hexsha == commit:
                return ""
            if repo.is_dirty(untracked_files=False):
                return "somebody is at work in it"
            repo.git.checkout("--quiet", "--detach", commit)
    except (GitError, ValueError, OSError) as error:
        return str(error).splitlines()[0]
    return ""
