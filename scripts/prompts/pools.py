"""Rows of prompts.jsonl: the pool of each prompt, or of each draw, and its turn in its region."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from scripts.core.errors import AuditError
from scripts.core.job import log
from scripts.core.randomness import hash_unit, pools_of
from scripts.core.rows import ROW
from scripts.prompts.prompt import Prompt, unit_of
from scripts.prompts.settings import DealSettings

MOST_OF_DRAWS = 200  # prompts, where each is a region of its own
LEAST_OF_DRAWS = 8  # samples of a prompt, to be shared among three pools


@dataclass(frozen=True, slots=True)
class DealtPrompt:
    """A line of results/regions/<key>/prompts.jsonl: a prompt, or a draw where that is the unit of
    evidence, with its region and pool."""

    __pydantic_config__ = ROW
    SCHEMA: ClassVar[int] = 1

    id: str
    """Id of the prompt."""
    region: str
    """Id of its region."""
    pool: str
    """explore, screen or confirm."""
    order: float
    """Its turn among those of its region and pool: a hash, 0 to 1, or a draw's number, from 1."""
    sample: int | None = None
    """Which sample of the prompt the draw is, from 0; none where the prompt is the unit."""
    group: str | None = None
    """The group of paraphrases that count as one unit, if the bank names one."""
    samples: int | None = None
    """Responses that the recordings hold; none where subjects are decoded."""
    missing: dict[str, float] = field(default_factory=dict)
    """By side the share of the recorded responses that are missing, 0 to 1, where some are."""

    @property
    def unit_name(self) -> str:
        """The unit of evidence: the draw, the prompt's group, or the prompt itself."""
        if self.sample is not None:
            return unit_of(self.id, self.sample)
        return self.group or self.id

    @property
    def is_answered(self) -> bool:
        """Whether there is a response to draw."""
        return self.samples != 0


def in_order(prompts: Iterable[DealtPrompt]) -> list[DealtPrompt]:
    """The prompts by their turns."""
    return sorted(prompts, key=lambda prompt: (prompt.order, prompt.id))


def prompt_rows(
    prompts: Sequence[Prompt], regions: Sequence[str], settings: DealSettings
) -> list[DealtPrompt]:
    """A row a prompt: its region, its pool, by hash of it or of its group, and its turn."""
    seed = settings["seed"]
    units = [prompt.group or prompt.id for prompt in prompts]
    pools = pools_of(seed, units, settings["pools"])
    return [
        DealtPrompt(
            prompt.id,
            region,
            pools[unit],
            hash_unit("place", seed, prompt.id),
            group=prompt.group,
            samples=prompt.samples,
            missing=prompt.missing,
        )
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
    prompts: Sequence[Prompt], regions: Sequence[str], settings: DealSettings
) -> list[DealtPrompt]:
    """A row a draw, where claims are about these very prompts: of every prompt as many, shared
    among the pools by hash of the draw, so that the n-th draws of all prompts make a block.

    Raises AuditError when they are too many or too few.
    """
    held = [settings["samples"] if p.samples is None else p.samples for p in prompts]
    count = draws_a_prompt(held)
    if sum(held) > count * len(held):
        log.warning(
            "`unit: draw` takes as many samples of every prompt, %d; %d others are left out",
            count, sum(held) - count * len(held),
        )  # fmt: skip
    rows = []
    for prompt, region in zip(prompts, regions, strict=True):
        names = [unit_of(prompt.id, sample) for sample in range(count)]
        pools = pools_of(settings["seed"], names, settings["pools"], few=count + 1)
        turns: Counter[str] = Counter()
        for sample, name in enumerate(names):
            turns[pools[name]] += 1
            row = DealtPrompt(prompt.id, region, pools[name], turns[pools[name]], sample)
            rows.append(row)
    return rows
