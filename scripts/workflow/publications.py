"""Which audits are published, and which have to be published anew because a file is damaged."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from scripts.page.publishing import damaged_files, index_page, marker_there, marker_to_make
from scripts.workflow.recipes import Recipes


class Publications:
    """What a call asks to be published. It only looks; the rule `publish_<audit>` makes it."""

    def __init__(self, recipes: Recipes, results: Path):
        self._keys = {name: report.key for name, report in recipes.audits.items()}
        self._audits = results / "audits"

    def asked(self, name: str | None = None) -> list[str]:
        """Markers of published audits, which carry the key of what lies beside them: one that is
        there if all is well, else one to make."""
        return [str(self._marker(name)) for name in ([name] if name else self._keys)]

    def notices(self) -> Iterator[str]:
        """What is damaged, a sentence each."""
        for name, files in self._damaged.items():
            for file in files:
                yield f"`{file}` is not as it was written; the audit `{name}` is published anew"

    @cached_property
    def _damaged(self) -> dict[str, list[Path]]:
        """Damaged files by the audit that is published anew for it: its own, and the index, which
        every publication writes."""
        there = [name for name, key in self._keys.items() if marker_there(self._audits / name, key)]
        found = {name: list(damaged_files(self._audits / name)) for name in there}
        found = {name: files for name, files in found.items() if files}
        index = self._audits.parent / "index.html"
        if there and not found and _is_stale(index, self._audits):
            found[there[0]] = [index]
        return found

    def _marker(self, name: str) -> Path:
        folder, key = self._audits / name, self._keys[name]
        there = None if name in self._damaged else marker_there(folder, key)
        return there or marker_to_make(folder, key)


def _is_stale(index: Path, audits: Path) -> bool:
    """Whether the index is there and does not list what is published."""
    return index.is_file() and index.read_bytes() != index_page(audits).encode()
