"""Rows of prompts.jsonl: the pool of each prompt, or of each draw, and its place in its region."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.core.errors import AuditError
from scripts.core.job import log
from scripts.core.randomness import hash_unit, pools_of
from scripts.prompts.prompt import unit_of

MOST_OF_DRAWS = 200  # prompts, where each is a region of its own
LEAST_OF_DRAWS = 8  # samples of a prompt, to be shared among three pools


def prompt_rows(
    prompts: Sequence[Mapping[str, Any]], regions: Sequence[str], settings: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """A row a prompt: its region, its pool, by hash of it or of its group, and its place."""
    seed = settings["seed"]
    units = [prompt.get("group") or prompt["id"] for prompt in prompts]
    pools = pools_of(seed, units, settings["pools"])
    return [
        {
            "id": prompt["id"],
            "region": region,
            "pool": pools[unit],
            "place": hash_unit("place", seed, prompt["id"]),
            **{name: prompt[name] for name in ("samples", "missing") if name in prompt},
            **({"group": prompt["group"]} if prompt.get("group") else {}),
        }
        for prompt, unit, region in zip(prompts, units, regions, strict=True)
    ]


def draws_a_prompt(held: Sequence[int]) -> int:
    """How many samples of every prompt are draws, of those that are held of each.

    Raises AuditError when there are more prompts than MOST_OF_DRAWS, or too few samples of one.
    """
    if len(held) > MOST_OF_DRAWS:
        raise AuditError(
            f"`unit: draw` is for at most {MOST_OF_DRAWS} prompts, the bank has {len(held)}; "
            "leave `unit` out, so that claims are about prompts like these"
        )
    if (count := min(held)) < LEAST_OF_DRAWS:
        few = sum(samples < LEAST_OF_DRAWS for samples in held)
        remedy = "record more" if few == len(held) else "record more, or leave them out of the bank"
        raise AuditError(
            f"`unit: draw` needs at least {LEAST_OF_DRAWS} samples of every prompt, and one prompt "
            f"has {count} ({few} of {len(held)} have too few); {remedy}"
        )
    return count


def draw_rows(
    prompts: Sequence[Mapping[str, Any]], regions: Sequence[str], settings: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """A row a draw, where claims are about these very prompts: of every prompt as many, shared
    among the pools by hash of the draw, so that the n-th draws of all prompts make a block.

    Raises AuditError when they are too many or too few.
    """
    held = [prompt["samples"] if "samples" in prompt else settings["samples"] for prompt in prompts]
    count = draws_a_prompt(held)
    if sum(held) > count * len(held):
        log.warning(
            "`unit: draw` takes as many samples of every prompt, %d; %d others are left out",
            count, sum(held) - count * len(held),
        )  # fmt: skip
    rows = []
    for prompt, region in zip(prompts, regions, strict=True):
        names = [unit_of(prompt["id"], sample) for sample in range(count)]
        pools = pools_of(settings["seed"], names, settings["pools"], few=count + 1)
        places: Counter[str] = Counter()
        for sample, name in enumerate(names):
            places[pools[name]] += 1
            rows.append(
                {
                    "id": prompt["id"],
                    "sample": sample,
                    "region": region,
                    "pool": pools[name],
                    "place": places[pools[name]],
                }
            )
    return rows
