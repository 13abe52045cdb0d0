"""A finished audit: the files that its stages left, and the texts that are in them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from scripts.checks.check import Placed
from scripts.core.checksums import damage
from scripts.core.errors import AuditError
from scripts.core.rows import iterate_rows, read_document, read_rows
from scripts.core.vocabulary import SIDES
from scripts.divergence.round import Round
from scripts.divergence.space import Places, explored_places, fresh_places
from scripts.draws.generation import Generation
from scripts.hypotheses.drawn_pairs import pairs_by_draw
from scripts.hypotheses.pairs import Pair
from scripts.hypotheses.probe import Probe
from scripts.recordings.files import RecordedResponse
from scripts.workflow.described import DescribedNode

Name = tuple[str, int]  # of a draw: its prompt and its sample
Recorded = Mapping[str, Sequence[RecordedResponse]]  # the responses to a prompt, by its id


@dataclass(frozen=True)
class Finished:
    """An audit by its name and its nodes, as workflow/parameters.py describes them."""

    name: str
    nodes: Sequence[DescribedNode]
    results: Path

    def file(self, stage: str, *parts: str, pool: str | None = None) -> Path:
        """A file of the one node of a stage, of a plan or its embeddings that of a pool. Raises
        AuditError unless the file is as it was written."""
        return self._whole(self.results.joinpath(stage, self._node(stage, pool)["key"], *parts))

    def pairs(self) -> dict[Name, Pair]:
        """Both texts of every draw of all pools, and where they lie in the explored space."""
        rounds = self._rounds()
        texts, space = (self.file("measure", rounds[-1], n) for n in ("texts.h5", "space.h5"))
        found = self._pairs("explore", rounds, explored_places(texts))
        for pool in ("screen", "confirm"):
            places: dict[str, Placed] = {}
            for side in SIDES:
                drawn = rows_in(self._generations(pool, side, [pool]))
                vectors = self.file("embed", side, f"{pool}.h5", pool=pool)
                places |= fresh_places(space, vectors, {said.draw: said.region for said in drawn})
            found |= self._pairs(pool, [pool], places)
        if self.probes():
            found |= self._pairs("probe", ["probe"], {})
        return found

    def probes(self) -> list[Probe]:
        """Hypotheses with the prompts written for them; none where the audit does not probe."""
        if not any(node["stage"] == "probe" for node in self.nodes):
            return []
        return read_rows(self.file("probe", "probes.jsonl"), Probe)

    def log_probabilities(self) -> dict[str, dict[Name, float]]:
        """By side how likely a subject makes each of its texts, where its settings keep that."""
        plan = self._node("plan", "explore")
        found: dict[str, dict[Name, float]] = {}
        for side in SIDES:
            if not self._input(plan, side)["settings"].get("log_probabilities"):
                continue
            steps = {"explore": self._rounds(), "screen": ["screen"], "confirm": ["confirm"]}
            steps |= {"probe": ["probe"]} if self.probes() else {}
            files = (self._generations(pool, side, at) for pool, at in steps.items())
            found[side] = {
                (said.prompt, said.sample): said.log_probability
                for said in rows_in(chain.from_iterable(files))
                if said.log_probability is not None
            }
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
        found: dict[str, list[RecordedResponse]] = defaultdict(list)
        path = self._whole(self.results / "responses" / key / "responses.jsonl")
        for response in iterate_rows(path, RecordedResponse):
            found[response.prompt].append(response)
        return found

    def _node(self, stage: str, pool: str | None = None) -> DescribedNode:
        of_stage = [node for node in self.nodes if node["stage"] == stage]
        (found,) = [node for node in of_stage if pool in (None, self._pool(node))]
        return found

    def _pool(self, node: DescribedNode) -> str | None:
        if "plan" in node["inputs"]:
            node = self._input(node, "plan")
        return node["settings"].get("pool")

    def _input(self, node: DescribedNode, role: str) -> DescribedNode:
        wanted = tuple(node["inputs"][role])
        return next(n for n in self.nodes if (n["stage"], n["key"]) == wanted)

    def _rounds(self) -> list[str]:
        """The steps of the rounds, up to the one that says stop."""
        steps = ["round-0"]
        while not read_document(self.file("measure", steps[-1], "round.json"), Round).stop:
            steps.append(f"round-{len(steps)}")
        return steps

    def _pairs(self, pool: str, steps: Sequence[str], places: Places) -> dict[Name, Pair]:
        """The pairs of a pool by the names of their draws."""
        base, intervention = (self._generations(pool, side, steps) for side in SIDES)
        return pairs_by_draw(base, intervention, places)

    def _generations(self, pool: str, side: str, steps: Sequence[str]) -> list[Path]:
        """One side's texts of some steps, into however many shards they were cut."""
        plan = self._node("plan", pool)
        folder = self.results / "decode" / plan["inputs"][side][1] / side / plan["key"]
        return [self._whole(path) for step in steps for path in shards_in(folder / step)]

    def _whole(self, path: Path) -> Path:
        if not path.is_file():
            what, first = "is missing", ""
        elif damage(path):
            what, first = "is not as it was written", "delete it and "
        else:
            return path
        raise AuditError(
            f"`{path}` {what}, so the audit `{self.name}` is not exported; {first}run "
            f"`snakemake {path} --cores all` to make it again"
        )


def shards_in(folder: Path) -> list[Path]:
    """The shards of a step: of the ways in which it was cut one that is complete, if there is."""
    there = {path.name for path in folder.glob("shard-*-of-*.jsonl")}
    counts = {int(Path(name).stem.rpartition("-")[2]) for name in there} or {1}
    cuts = [[f"shard-{n}-of-{count}.jsonl" for n in range(count)] for count in sorted(counts)]
    complete = [names for names in cuts if there.issuperset(names)]
    return [folder / name for name in (complete or cuts)[0]]


def rows_in(paths: Iterable[Path]) -> Iterator[Generation]:
    """The generations of several files, one at a time."""
    return chain.from_iterable(iterate_rows(path, Generation) for path in paths)
