"""A finished audit: the files that its stages left, and the texts that are in them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from snakemake.iocontainers import InputFiles

from scripts.assistants.pairs import Pair
from scripts.evidence.space import explored_places
from scripts.propose import read_pairs, read_pool
from scripts.recordings.files import rows_of
from scripts.workflow.errors import AuditError
from scripts.workflow.files import read_json
from scripts.workflow.recipes import SIDES
from scripts.workflow.sums import damage

Name = tuple[str, int]  # of a draw: its prompt and its sample
Recorded = Mapping[str, Sequence[Mapping[str, Any]]]  # the responses to a prompt, by its id


@dataclass(frozen=True)
class Finished:
    """An audit by its name and its nodes, as rules/common.smk describes them."""

    name: str
    nodes: Sequence[Mapping[str, Any]]
    results: Path

    def file(self, stage: str, *parts: str, pool: str | None = None) -> Path:
        """A file of the one node of a stage, of a plan or its embeddings that of a pool. Raises
        AuditError unless the file is as it was written."""
        return self._whole(self.results.joinpath(stage, self._node(stage, pool)["key"], *parts))

    def pairs(self) -> dict[Name, Pair]:
        """Both texts of every draw of all pools, and where they lie in the explored space."""
        steps = self._rounds()
        texts, space = (self.file("measure", steps[-1], n) for n in ("texts.h5", "space.h5"))
        base, intervention = (
            [path for step in steps for path in self._generations("explore", side, step)]
            for side in SIDES
        )
        found = _named(base, read_pairs(base, intervention, explored_places(texts)))
        for pool in ("screen", "confirm"):
            sides = {side: self._generations(pool, side, pool) for side in SIDES}
            vectors = {
                f"vectors_{side}": self.file("embed", side, f"{pool}.h5", pool=pool)
                for side in SIDES
            }
            files = InputFiles(fromdict={**sides, **vectors, "space": space})
            found |= _named(sides["base"], read_pool(files))
        return found

    def recorded(self) -> tuple[Recorded, Recorded] | None:
        """All responses of both sides, drawn or not; None unless both are recordings."""
        plan = self._node("plan", "explore")
        made = [self._input(plan, side) for side in SIDES]
        if not all("responses" in node["inputs"] for node in made):
            return None
        base, intervention = (self._responses(node["inputs"]["responses"][1]) for node in made)
        return base, intervention

    def _responses(self, key: str) -> Recorded:
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in rows_of(self._whole(self.results / "responses" / key / "responses.jsonl")):
            found[row["prompt"]].append(row)
        return found

    def _node(self, stage: str, pool: str | None = None) -> Mapping[str, Any]:
        of_stage = [node for node in self.nodes if node["stage"] == stage]
        (found,) = [node for node in of_stage if pool in (None, self._pool(node))]
        return found

    def _pool(self, node: Mapping[str, Any]) -> str | None:
        if "plan" in node["inputs"]:
            node = self._input(node, "plan")
        return node["settings"].get("pool")

    def _input(self, node: Mapping[str, Any], role: str) -> Mapping[str, Any]:
        wanted = tuple(node["inputs"][role])
        return next(n for n in self.nodes if (n["stage"], n["key"]) == wanted)

    def _rounds(self) -> list[str]:
        """The steps of the rounds, up to the one that says stop."""
        steps = []
        for number in count():
            steps.append(f"round-{number}")
            if read_json(self.file("measure", steps[-1], "round.json"))["stop"]:
                return steps

    def _generations(self, pool: str, side: str, step: str) -> list[Path]:
        """One side's texts of a step, into however many shards they were cut."""
        plan = self._node("plan", pool)
        folder = self.results / "decode" / plan["inputs"][side][1] / side / plan["key"] / step
        by_count: dict[int, list[Path]] = defaultdict(list)
        for path in sorted(folder.glob("shard-*-of-*.jsonl")):
            by_count[int(path.stem.rpartition("-")[2])].append(path)
        for shards, paths in by_count.items():
            if len(paths) == shards:
                return [self._whole(path) for path in paths]
        raise AuditError(
            f"the texts in `{folder}` are not all there, so the audit `{self.name}` is not "
            f"exported; run `snakemake {self.name} --cores all --forcerun decode` first"
        )

    def _whole(self, path: Path) -> Path:
        if path.is_file() and not damage(path):
            return path
        what, first = ("is not as it was written", "delete it and ")
        if not path.is_file():
            what, first = "is missing", ""
        raise AuditError(
            f"`{path}` {what}, so the audit `{self.name}` is not exported; {first}run "
            f"`snakemake {path} --cores all` to make it again"
        )


def _named(base: Iterable[Path], pairs: Sequence[Pair]) -> dict[Name, Pair]:
    """Pairs by the names of their draws, whose order is that of `read_pairs`."""
    names = sorted({(row["prompt"], row["sample"]) for path in base for row in rows_of(path)})
    return dict(zip(names, pairs, strict=True))
