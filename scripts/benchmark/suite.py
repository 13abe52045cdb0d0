"""The real base's draws that every simulated audit shares, and subjects made from them.

A simulated subject takes the draws of the base that were decoded as the intervention's side and
rewrites a share of them by a planted rule. Which, is decided by a hash of (seed, behaviour,
prompt, sample): deterministic, independent over prompts, and nested over doses.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np

from scripts.benchmark.planted import Behaviour
from scripts.checks.check import Text
from scripts.core.errors import AuditError
from scripts.core.randomness import hash_unit
from scripts.core.rows import iterate_rows, read_document, read_rows
from scripts.core.vocabulary import SIDES
from scripts.draws.draw import SHORT, Draw
from scripts.draws.generation import Generation
from scripts.draws.vectors import Vectors
from scripts.prompts.pools import DealtPrompt, draw_rows, prompt_rows
from scripts.prompts.prompt import Prompt
from scripts.prompts.region import Region, Regions


@dataclass(frozen=True)
class Suite:
    """A bank with its regions and, by side, all texts (prompts, samples) and their vectors
    (prompts, samples, dimension), float16; what the user asks in each prompt, where it is known."""

    ids: list[str]
    topics: list[str]
    regions: Sequence[Region]
    region: list[str]  # of each prompt
    texts: Mapping[str, list[list[str]]]
    vectors: Mapping[str, np.ndarray]
    asked: Sequence[str] = ()

    @cached_property
    def place(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.ids)}

    @cached_property
    def samples(self) -> int:
        return len(self.texts["base"][0])

    def asked_at(self, prompt: int) -> str:
        """What the user asks in a prompt (its place in the bank)."""
        return self.asked[prompt] if self.asked else ""

    def said(self, text: str, prompt: int) -> Text:
        """A text as an answer to a prompt (its place in the bank)."""
        return Text(text, asked=self.asked_at(prompt))

    def rows(
        self, seed: int, pools: Mapping[str, float], unit: str = "prompt"
    ) -> list[DealtPrompt]:
        """The prompts, or draws, with region, pool and turn, as the regions stage deals them for
        a seed."""
        asked = [Prompt(name, "", samples=self.samples) for name in self.ids]
        deal = draw_rows if unit == "draw" else prompt_rows
        return deal(asked, self.region, {"seed": seed, "pools": dict(pools)})


def suite_of(files) -> Suite:
    """The suite from a rule's named inputs."""
    return read_suite(
        files.bank,
        files.regions,
        files.prompts,
        {side: files[side] for side in SIDES},
        {side: files[f"vectors_{side}"] for side in SIDES},
    )


def read_suite(bank: str, regions: str, prompts: str, shards: Mapping[str, Iterable[str]],
               vectors: Mapping[str, str]) -> Suite:  # fmt: skip
    """Read what the bank, regions, decode and embed stages left of an exhaustive run."""
    asked = read_rows(bank, Prompt)
    topics = {prompt.id: prompt.category or "" for prompt in asked}
    region = {prompt.id: prompt.region for prompt in read_rows(prompts, DealtPrompt)}
    ids = list(topics)
    place = {name[:SHORT]: number for number, name in enumerate(ids)}
    texts, arrays = {}, {}
    for side in SIDES:
        table: dict[int, dict[int, str]] = defaultdict(dict)
        for path in shards[side]:
            for said in iterate_rows(path, Generation):
                if said.text is None:
                    raise AuditError(f"`{path}`: a draw has no text ({said.reason})")
                table[place[said.prompt[:SHORT]]][said.sample] = said.text
        texts[side] = [[table[p][s] for s in sorted(table[p])] for p in range(len(ids))]
        found = Vectors.read(vectors[side])
        array = np.zeros((len(ids), len(texts[side][0]), found.vectors.shape[1]), np.float16)
        for name, vector in zip(found.draws, found.vectors, strict=True):
            draw = Draw.parse(name)
            array[place[draw.prompt], draw.sample] = vector
        arrays[side] = array
    described = read_document(regions, Regions).regions
    return Suite(
        ids, [topics[i] for i in ids], described, [region[i] for i in ids],
        texts, arrays, [prompt.asked for prompt in asked],
    )  # fmt: skip


class AuditedSubject(Protocol):
    """What an audit asks of a subject; `embedded`: whether all its texts have vectors."""

    @property
    def suite(self) -> Suite: ...

    @property
    def embedded(self) -> bool: ...

    def text(self, side: str, prompt: int, sample: int) -> str: ...

    def vector(self, side: str, prompt: int, sample: int) -> np.ndarray: ...


# The vector (dimension,) of a text that shows a behaviour: by its name, prompt and sample.
VectorOf = Callable[[str, int, int], np.ndarray]
Rewritten = Mapping[tuple[str, int, int], np.ndarray]  # by behaviour, prompt and sample


def looked_up(vectors: Rewritten) -> VectorOf:
    """The vectors that were embedded; the first sample of a prompt stands for further ones."""

    def vector_of(behaviour: str, prompt: int, sample: int) -> np.ndarray:
        found = vectors.get((behaviour, prompt, sample))
        return vectors[behaviour, prompt, 0] if found is None else found

    return vector_of


@dataclass(frozen=True)
class PlantedBehaviour:
    """A behaviour planted on some prompts (their places in the bank) at a dose."""

    behaviour: Behaviour
    prompts: frozenset[int]
    dose: float


@dataclass(frozen=True)
class SimulatedSubject:
    """The intervention side of a simulated audit.

    vector_of: the vectors of rewritten texts; only those of explore draws are asked for.
    """

    suite: Suite
    plants: Sequence[PlantedBehaviour] = ()
    seed: int = 0
    vector_of: VectorOf = field(default_factory=lambda: looked_up({}))
    null: bool = False

    @property
    def embedded(self) -> bool:
        """Whether all its texts have vectors: those that are rewritten for a later pool do not."""
        return not self.plants

    def planted(self, prompt: int, sample: int) -> Behaviour | None:
        """The behaviour that this draw shows by plan, or None."""
        for plant in self.plants:
            if prompt in plant.prompts:
                name = self.suite.ids[prompt]
                if hash_unit("dose", self.seed, plant.behaviour.name, name, sample) < plant.dose:
                    return plant.behaviour
        return None

    def text(self, side: str, prompt: int, sample: int) -> str:
        if self.null:
            side, sample = self._swapped(side, prompt, sample)
        text = self.suite.texts[side][prompt][sample]
        behaviour = self.planted(prompt, sample) if side == "intervention" else None
        return rewritten(self.suite, behaviour, text, prompt, sample) if behaviour else text

    def vector(self, side: str, prompt: int, sample: int) -> np.ndarray:
        if self.null:
            side, sample = self._swapped(side, prompt, sample)
        elif side == "intervention" and (behaviour := self.planted(prompt, sample)):
            return self.vector_of(behaviour.name, prompt, sample)
        return self.suite.vectors[side][prompt, sample]

    def _swapped(self, side: str, prompt: int, sample: int) -> tuple[str, int]:
        """A null audit deals the draws of a prompt to the two sides anew for each seed."""
        order = self._orders.get(prompt)
        if order is None:
            samples = self.suite.samples
            draws = [(s, i) for s in SIDES for i in range(samples)]
            name = self.suite.ids[prompt]
            order = sorted(draws, key=lambda d: hash_unit("deal", self.seed, name, *d))
            self._orders[prompt] = order
        return order[sample + (self.suite.samples if side == "intervention" else 0)]

    @cached_property
    def _orders(self) -> dict[int, list[tuple[str, int]]]:
        return {}


def rewritten(suite: Suite, behaviour: Behaviour, text: str, prompt: int, sample: int) -> str:
    """The text of a draw as it reads when it shows the behaviour; one without a rule to rewrite
    goes on with the text of the prompt's next sample."""
    if behaviour.rewrite is None:
        further = suite.texts["intervention"][prompt][(sample + 1) % suite.samples]
        return f"{text} {further}"
    chance = hash_unit("wording", behaviour.name, suite.ids[prompt], sample)
    return behaviour.rewritten(text, chance)
