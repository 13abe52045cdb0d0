"""The pairs that a pool's draws make, read from the files of the stages before."""

from collections.abc import Iterable

from scripts.checks.check import Placed
from scripts.core.files import read_jsonl
from scripts.divergence.space import Places, fresh_places
from scripts.hypotheses.pairs import Pair


def read_pairs(
    base: Iterable[str], intervention: Iterable[str], places: Places | None = None
) -> list[Pair]:
    """The two subjects' generations matched draw by draw, sorted by prompt and sample; `places`
    says where their texts lie."""
    places = places or {}
    first, second = (
        {(row["prompt"], row["sample"]): row for shard in shards for row in read_jsonl(shard)}
        for shards in (base, intervention)
    )
    return [
        Pair(
            row.get("unit", row["prompt"]),
            row["region"],
            row["text"],
            second[key]["text"],
            places.get(row["draw"]),
            places.get(second[key]["draw"]),
        )
        for key, row in sorted(first.items())
    ]


def read_pool(files) -> list[Pair]:
    """The pairs of a later pool from a rule's named inputs: generations, their vectors, and the
    space in which they lie."""
    places: dict[str, Placed] = {}
    for side in ("base", "intervention"):
        regions = {row["draw"]: row["region"] for path in files[side] for row in read_jsonl(path)}
        places |= fresh_places(files.space, files[f"vectors_{side}"], regions)
    return read_pairs(files.base, files.intervention, places)
