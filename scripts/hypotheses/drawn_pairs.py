"""The pairs that a pool's draws make, read from the files of the stages before."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from scripts.checks.check import Placed
from scripts.core.rows import iterate_rows, read_rows
from scripts.core.vocabulary import SIDES
from scripts.divergence.space import Places, fresh_places
from scripts.draws.generation import Generation
from scripts.hypotheses.pairs import Pair
from scripts.prompts.prompt import Prompt

Shards = Iterable[str | Path]


Asked = Mapping[str, str]  # what the user says in a prompt, by the prompt's id


def read_pairs(
    base: Shards, intervention: Shards, places: Places | None = None, asked: Asked | None = None
) -> list[Pair]:
    """As `pairs_by_draw`, the pairs alone."""
    return list(pairs_by_draw(base, intervention, places, asked).values())


def pairs_by_draw(
    base: Shards, intervention: Shards, places: Places | None = None, asked: Asked | None = None
) -> dict[tuple[str, int], Pair]:
    """By prompt and sample, in their order, the two subjects' generations of a draw; `places`
    says where their texts lie. A draw without a text on a side makes no pair."""
    places, asked = places or {}, asked or {}
    first, second = (
        {(g.prompt, g.sample): g for shard in shards for g in read_rows(shard, Generation)}
        for shards in (base, intervention)
    )
    return {
        key: Pair(
            said.unit_name,
            said.region,
            said.text,
            other.text,
            places.get(said.draw),
            places.get(other.draw),
            said.thoughts,
            other.thoughts,
            said.finished is False,
            other.finished is False,
            asked.get(said.prompt, ""),
        )
        for key, said in sorted(first.items())
        if said.text is not None and (other := second[key]).text is not None
    }


def asked_in(prompts: Iterable[Prompt]) -> Asked:
    """What the user says in each prompt."""
    return {prompt.id: prompt.asked for prompt in prompts}


def read_pool(files, asked: Asked) -> list[Pair]:
    """The pairs of a later pool from a rule's named inputs: generations, their vectors, and the
    space in which they lie."""
    places: dict[str, Placed] = {}
    for side in SIDES:
        regions = {
            said.draw: said.region
            for path in files[side]
            for said in iterate_rows(path, Generation)
        }
        places |= fresh_places(files.space, files[f"vectors_{side}"], regions)
    return read_pairs(files.base, files.intervention, places, asked)
