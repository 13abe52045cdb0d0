"""The workflow's own version: its commit, as git knows it."""

import subprocess
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent


class Commit(NamedTuple):
    """Which code it is. `date` is ISO 8601; `dirty` says that files differ from the commit's."""

    id: str
    date: str
    dirty: bool

    def __str__(self) -> str:
        return self.id + ("-dirty" if self.dirty else "")


def commit(root: Path = ROOT) -> Commit | None:
    """The commit that is checked out; None outside a clone, or without git."""

    def git(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True)

    try:
        head = git("log", "-1", "--format=%H %cI")
        if head.returncode != 0:
            return None
        name, date = head.stdout.split()
        return Commit(name, date, git("diff", "--quiet", "HEAD").returncode != 0)
    except FileNotFoundError:
        return None
