"""Prompts written for one hypothesis: those on which it should show if it is true, and matched ones
on which it should not; a random half of either explores, the other confirms."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, NamedTuple, TypeAlias

from scripts.checks.sameness import same_words
from scripts.core.randomness import hash_unit
from scripts.core.rows import ROW
from scripts.draws.draw import PlannedDraw, Reason
from scripts.hypotheses.hypothesis import Hypothesis, new_hypothesis
from scripts.hypotheses.wording import claim
from scripts.prompts.prompt import Messages, Prompt, content_id
from scripts.prompts.region import Region

Half: TypeAlias = Literal["explore", "confirm"]
OPENING = "On prompts like those written for it"
LEAST = 12  # prompts on which a hypothesis should show: all of half of them won reach E = 20


@dataclass(frozen=True, kw_only=True)
class WrittenPrompt:
    """A prompt written for a hypothesis."""

    __pydantic_config__: ClassVar = ROW
    id: str
    """Id of the prompt."""
    content: str | Messages
    """A text, or messages of role and content, in normal form."""
    shows: bool
    """Whether the hypothesis should show on it if it is true; on a matched one it should not."""
    half: Half
    """Which half it belongs to, by its hash."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A hypothesis on the prompts written for it; a line of results/probe/<key>/probes.jsonl."""

    __pydantic_config__: ClassVar = ROW
    SCHEMA: ClassVar[int] = 1
    hypothesis: Hypothesis
    """What is tested, in a region of its own: these prompts."""
    of: str
    """Id of the hypothesis that the prompts were written for."""
    region: Region
    """The prompts on which it should show."""
    matched: Region
    """The matched prompts."""
    written_by: str
    """The model that wrote the prompts, or `user`."""
    prompts: tuple[WrittenPrompt, ...]
    """Those that are drawn."""
    repeated: int = 0
    """Prompts left out since they have the words of another one written for these hypotheses."""
    in_bank: int = 0
    """Prompts left out since the bank has them."""

    def ids(self, half: Half, shows: bool = True) -> list[str]:
        """The prompts of a half, in the order in which they were written."""
        return [p.id for p in self.prompts if p.half == half and p.shows == shows]


class Written(NamedTuple):
    """A prompt as it was written, in normal form, and whether the hypothesis should show on it."""

    content: str | Messages
    shows: bool


def probes_of(
    written: Sequence[tuple[Hypothesis, str, Sequence[Written]]], bank: Iterable[Prompt], seed: int
) -> list[Probe]:
    """A probe for each hypothesis, who wrote for it and what was written. What has the same words
    as an earlier prompt, or as one of the bank, is left out and counted."""
    of_bank = {same_words(prompt.transcript) for prompt in bank}
    before, found = set[str](), []
    for number, (hypothesis, author, prompts) in enumerate(written):
        kept, left_out = list[WrittenPrompt](), Counter[bool]()  # by whether the bank has it
        for content, shows in prompts:
            prompt = Prompt(content_id(content), content)
            same = same_words(prompt.transcript)
            if same in of_bank or same in before:
                left_out[same in of_bank] += 1
                continue
            before.add(same)
            kept.append(WrittenPrompt(id=prompt.id, content=content, shows=shows, half="confirm"))
        region = _region(f"p{number:03}", "prompts written for it", kept)
        matched = _region(f"m{number:03}", "matched prompts", kept)
        found.append(
            Probe(
                hypothesis=on_its_prompts(hypothesis, region.id),
                of=hypothesis.id,
                region=region,
                matched=matched,
                written_by=author,
                prompts=tuple(_in_halves(kept, seed)),
                repeated=left_out[False],
                in_bank=left_out[True],
            )
        )
    return found


def on_its_prompts(hypothesis: Hypothesis, region: str) -> Hypothesis:
    """A hypothesis about the prompts written for it, of which nobody has seen a response."""
    if hypothesis.check:
        says = f"the intervention model {claim(hypothesis.check)}"
    else:
        says = (
            f"the intervention model is {hypothesis.direction} likely than the base to give a "
            f"response that {hypothesis.behaviour}"
        )
    return new_hypothesis(
        f"{OPENING}, {says}",
        hypothesis.direction,
        hypothesis.source,
        [region],
        check=hypothesis.check,
        behaviour=hypothesis.behaviour,
    )


def _in_halves(prompts: Sequence[WrittenPrompt], seed: int) -> Iterable[WrittenPrompt]:
    """The prompts with their halves: of either kind the first half by hash explores."""
    for shows in (True, False):
        these = [prompt for prompt in prompts if prompt.shows == shows]
        ordered = sorted(these, key=lambda prompt: hash_unit("probe", seed, prompt.id))
        explored = {prompt.id for prompt in ordered[: len(ordered) // 2]}
        for prompt in these:
            half: Half = "explore" if prompt.id in explored else "confirm"
            yield replace(prompt, half=half)


def _region(place: str, name: str, prompts: Sequence[WrittenPrompt]) -> Region:
    """A region of written prompts, which is no part of the bank."""
    medoid = prompts[0].id if prompts else ""
    return Region(place, name, "", "written", 1.0, 1.0, len(prompts), medoid, "prompt")


def prompts_in(probes: Iterable[Probe]) -> list[Prompt]:
    """All prompts of probes, as a bank holds them."""
    return [Prompt(p.id, p.content, "written") for probe in probes for p in probe.prompts]


def plan_probes(probes: Iterable[Probe], samples: int) -> list[PlannedDraw]:
    """The draws of all prompts: `samples` of those on which a hypothesis should show, one of the
    matched ones, of which only the rate is told."""
    return [
        PlannedDraw(
            "probe", prompt.id, sample, (probe.region if prompt.shows else probe.matched).id,
            Reason.PROBE, 1.0,
        )
        for probe in probes
        for prompt in probe.prompts
        for sample in range(samples if prompt.shows else 1)
    ]  # fmt: skip
