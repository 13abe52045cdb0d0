"""List what no audit of the configuration names any more, with sizes, and delete it when told.

Only directories results/<stage>/<key> (of decode also the plans below a key) are ever deleted, and
of the record cache only what is of no use to anyone: corrupt segments and what killed writers left.
"""

import os
import re
import shutil
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.cache.records import DAY, sweep
from scripts.cache.segments import CorruptSegment, ForeignSegment, open_segment
from scripts.core.errors import AuditError
from scripts.core.files import is_temporary, read_json
from scripts.core.job import Job, run
from scripts.core.text_tables import count, size, table
from scripts.core.vocabulary import SIDES
from scripts.page.publishing import write_index
from scripts.workflow.described import Audits
from scripts.workflow.recipes import STAGES

_KEY = re.compile(r"[0-9a-f]{16}")
_LEFTOVER = re.compile(r"\.pruned-[0-9a-f]{16}")  # of a call that was killed while it deleted
CORRUPT = ".corrupt"


@dataclass(frozen=True)
class InUse:
    """What must stay: (stage, key), and (decode key, side, plan key)."""

    keys: frozenset[tuple[str, str]]
    plans: frozenset[tuple[str, str, str]]


def named_by_config(audits: Audits) -> InUse:
    """What the audits of the configuration name."""
    nodes = [node for audit in audits.values() for node in audit["nodes"]]
    return InUse(
        frozenset((node["stage"], node["key"]) for node in nodes),
        frozenset(
            (node["inputs"][side][1], side, node["key"])
            for node in nodes
            if node["stage"] == "plan"
            for side in SIDES
        ),
    )


def named_by_published(results: Path, configured: Collection[str]) -> tuple[InUse, list[str]]:
    """What published audits rest on that the configuration does not have, and their names.

    They belong to another configuration, or to one that was removed: deleting their folder in
    results/audits/ says which. Raises AuditError for an audit.json that cannot be read.
    """
    keys, plans, names = set(), set(), []
    for path in sorted(results.glob("audits/*/audit.json")):
        name = path.parent.name
        if name in configured:
            continue
        names.append(name)
        try:
            audit = read_json(path)
            nodes = [(node["stage"], node["key"]) for node in audit["keys"]]
            nodes.append(("report", audit["key"]))
        except (ValueError, KeyError, TypeError) as error:
            raise AuditError(
                f"`{path}` cannot be read ({error!r}), so what it rests on is unknown; "
                f"delete the folder `{path.parent}` and call again"
            ) from error
        keys |= set(nodes)
        decodes = [key for stage, key in nodes if stage == "decode"]
        of_plan = [key for stage, key in nodes if stage == "plan"]
        plans |= {(d, side, plan) for d in decodes for side in SIDES for plan in of_plan}
    return InUse(frozenset(keys), frozenset(plans)), names


def folders(results: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Every keyed directory with its name: (stage, key), below decode (decode key, side, plan key).

    Symbolic links are left out, whatever they point to.
    """
    for stage in STAGES:
        for key in _real_folders(results / stage, _KEY):
            yield key, (stage, key.name)
            if stage == "decode":
                for side in SIDES:
                    for plan in _real_folders(key / side, _KEY):
                        yield plan, (key.name, side, plan.name)


def _real_folders(parent: Path, name: re.Pattern) -> list[Path]:
    if parent.is_symlink() or not parent.is_dir():
        return []
    inside = sorted(path for path in parent.iterdir() if name.fullmatch(path.name))
    return [path for path in inside if path.is_dir() and not path.is_symlink()]


def orphans(results: Path, *named: InUse) -> list[Path]:
    """Keyed directories that nothing names; of decode, a key whole or single plans below it."""
    keys = frozenset().union(*(n.keys for n in named))
    plans = frozenset().union(*(n.plans for n in named))
    found: dict[Path, None] = {}
    for path, name in folders(results):
        known = name in keys if len(name) == 2 else name in plans
        if not known and not any(parent in found for parent in path.parents):
            found[path] = None
    return list(found)


def bytes_below(folder: Path) -> int:
    """Bytes of the files below a folder; links count as what they are."""
    total = 0
    for place, _, names in os.walk(folder):
        total += sum(os.lstat(os.path.join(place, name)).st_size for name in names)
    return total


def delete(path: Path, results: Path) -> None:
    """Delete one keyed directory. Raises AuditError for any other path.

    It is renamed first, so that a call that is killed leaves no directory with holes in it.
    """
    inside = path.relative_to(results).parts if path.is_relative_to(results) else ()
    keyed = len(inside) == 2 and inside[0] in STAGES and _KEY.fullmatch(inside[1])
    plan = (
        len(inside) == 4
        and inside[0] == "decode"
        and _KEY.fullmatch(inside[1])
        and inside[2] in SIDES
        and _KEY.fullmatch(inside[3])
    )
    chain = [results.joinpath(*inside[:depth]) for depth in range(1, len(inside) + 1)]
    if not (keyed or plan) or any(p.is_symlink() for p in chain) or not path.is_dir():
        raise AuditError(f"`{path}` is no keyed directory of `{results}`; it is left alone")
    leaving = path.with_name(f".pruned-{path.name}")
    if leaving.exists():
        shutil.rmtree(leaving)
    os.rename(path, leaving)
    shutil.rmtree(leaving)


def leftovers(results: Path) -> list[Path]:
    """Directories that a killed call had begun to delete."""
    found = [p for stage in STAGES for p in _real_folders(results / stage, _LEFTOVER)]
    for key in _real_folders(results / "decode", _KEY):
        found += [p for side in SIDES for p in _real_folders(key / side, _LEFTOVER)]
    return found


@dataclass
class Held:
    """What the record cache holds of one kind: usable segments, records and bytes."""

    segments: int = 0
    records: int = 0
    bytes: int = 0
    unreadable: int = 0


def cache_kinds(cache: Path) -> dict[str, Held]:
    """Statistics of each kind of record, by folder; nothing is set aside or changed."""
    kinds: dict[str, Held] = {}
    for path in sorted(cache.glob("*/**/*.seg")):
        if is_temporary(path.name):
            continue
        kind = kinds.setdefault(path.relative_to(cache).parts[0], Held())
        try:
            segment = open_segment(path)
            kind.bytes += path.stat().st_size
        except (CorruptSegment, ForeignSegment, OSError):
            kind.unreadable += 1
            continue
        kind.segments += 1
        kind.records += len(segment.keys)
    return kinds


def useless(cache: Path, older_than: float = DAY) -> tuple[list[Path], list[Path]]:
    """Segments that were set aside as corrupt, and temporary files untouched for a day."""
    corrupt, stale, now = [], [], time.time()
    for folder, _, names in os.walk(cache):
        for path in (Path(folder, name) for name in sorted(names)):
            if path.name.endswith(f".seg{CORRUPT}"):
                corrupt.append(path)
            elif is_temporary(path.name) and now - path.lstat().st_mtime > older_than:
                stale.append(path)
    return corrupt, stale


def prune(audits: Audits, results: Path, cache: Path, really: bool) -> Iterator[str]:
    """Do it (or, unless `really`, only say it), line by line."""
    published, others = named_by_published(results, audits)
    found = orphans(results, named_by_config(audits), published)
    sizes = {path: bytes_below(path) for path in found}
    begun = leftovers(results)
    if found:
        total = sum(sizes.values())
        yield f"Outputs that no audit of this configuration names: {len(found)}, {size(total)}"
        yield ""
        yield table(["directory", "size"], [[str(p), size(sizes[p])] for p in found])
    else:
        yield "Every output is named by an audit of this configuration."
    if begun:
        yield f"Half deleted by a call that was killed: {', '.join(map(str, begun))}"
    if others:
        yield ""
        yield (
            f"Published but not in this configuration: {', '.join(others)}. What they rest on is "
            f"kept; delete their folder in {results / 'audits'} to let it go."
        )
    corrupt, stale = useless(cache)
    yield ""
    yield from _cache_lines(cache, corrupt, stale)
    yield ""
    if not (found or begun or corrupt or stale):
        yield "There is nothing to delete."
    elif not really:
        yield "Nothing was deleted. To delete: snakemake prune --cores 1 --config prune=true"
    else:
        for path in begun:
            shutil.rmtree(path)
        for path in found:
            delete(path, results)
        for path in corrupt:
            path.unlink(missing_ok=True)
        swept = sweep(cache)
        if (results / "index.html").exists():  # of an audit whose folder was deleted
            write_index(results)
        yield (
            f"Deleted {len(found)} directories ({size(sum(sizes.values()))}), of the cache "
            f"{len(corrupt)} corrupt segments and {swept} temporary files."
        )


def _cache_lines(cache: Path, corrupt: list[Path], stale: list[Path]) -> Iterator[str]:
    kinds = cache_kinds(cache)
    yield f"The record cache `{cache}`, safe to delete as a whole (its records are computed again):"
    if not kinds:
        yield "it is empty."
    else:
        rows = [
            [name, count(k.segments), count(k.records), size(k.bytes), count(k.unreadable)]
            for name, k in kinds.items()
        ]
        yield ""
        yield table(["kind", "segments", "records", "size", "unreadable"], rows)
    if corrupt or stale:
        yield (
            f"Of no use: {len(corrupt)} segments set aside as corrupt, {len(stale)} temporary "
            "files older than a day."
        )


def main(job: Job) -> None:
    params = job.params
    for line in prune(params.audits, Path("results"), Path(params.cache), params.delete):
        print(line, flush=True)


if __name__ == "__main__":
    run(main)
