"""The prompts that two recordings share, and what each side has that the other has not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from scripts.prompts.prompt import BankError, Prompt, content_id, last_user
from scripts.recordings.files import RecordedPrompt
from scripts.recordings.recording import RecordingReport

NOTABLE = 0.1  # share of a side's prompts or responses whose loss is worth a warning


@dataclass(slots=True)
class SideReport(RecordingReport):
    """A recording's report with what of it the bank does not have."""

    only_here: int = 0
    """Prompts that the other side has not."""
    unanswered_prompts: int = 0
    """Prompts of both to which this side has missing responses alone."""
    unanswered_there: int = 0
    """Prompts of both to which the other side has missing responses alone."""
    beyond: int = 0
    """Responses to the bank's prompts that the other side has none for."""
    used_prompts: int = 0
    """Prompts that are left."""
    used_samples: int = 0
    """Responses that are left."""


def shared_prompts(sides: Mapping[str, Sequence[RecordedPrompt]]) -> list[Prompt]:
    """The prompts that all sides were asked, in the order of the first: with the samples that all
    have, the share of each side's responses that are missing, and a category and group of the
    first that has one. Raises BankError when there is none.
    """
    first, *others = sides.values()
    known = [{prompt.id: prompt for prompt in prompts} for prompts in others]
    shared = []
    for prompt in first:
        same = [prompt, *(of_side[prompt.id] for of_side in known if prompt.id in of_side)]
        if len(same) == len(sides) and (len(sides) > 1 or prompt.samples):
            shared.append(_in_bank(dict(zip(sides, same, strict=True))))
    if not any(prompt.is_answered for prompt in shared):
        raise BankError(_nothing_shared(sides))
    return shared


def _in_bank(by_side: Mapping[str, RecordedPrompt]) -> Prompt:
    same = list(by_side.values())
    return Prompt(
        same[0].id,
        same[0].content,
        next((prompt.category for prompt in same if prompt.category is not None), None),
        next((prompt.group for prompt in same if prompt.group is not None), None),
        min(prompt.samples for prompt in same),
        {
            side: round(prompt.missing / (prompt.missing + prompt.samples), 6)
            for side, prompt in by_side.items()
            if prompt.missing and len(by_side) > 1
        },
    )


def within(bank: Iterable[Prompt], answered: Iterable[Prompt]) -> list[Prompt]:
    """The prompts of a bank that were asked, with what is held of them. Raises BankError."""
    known = {prompt.id: prompt for prompt in answered}
    kept = [
        replace(prompt, samples=held.samples, missing=held.missing)
        for prompt in bank
        if (held := known.get(prompt.id))
    ]
    if not any(prompt.is_answered for prompt in kept):
        raise BankError(
            "none of the bank's prompts is answered; correct the bank, or leave `bank` out to take "
            "the prompts that were answered"
        )
    return kept


def side_reports(
    sides: Mapping[str, Sequence[RecordedPrompt]],
    reports: Mapping[str, RecordingReport],
    bank: Iterable[Prompt],
) -> dict[str, SideReport]:
    """Each side's report, and what of it the bank does not have."""
    found = {}
    taken = {prompt.id: prompt.samples for prompt in bank if prompt.samples}
    silent = {side: {p.id for p in prompts if not p.samples} for side, prompts in sides.items()}
    for side, prompts in sides.items():
        others = [{prompt.id for prompt in of} for other, of in sides.items() if other != side]
        here = {prompt.id: prompt.samples for prompt in prompts}
        there = set().union(*(silent[other] for other in sides if other != side))
        found[side] = SideReport(
            **asdict(reports[side]),
            only_here=sum(any(name not in ids for ids in others) for name in here),
            unanswered_prompts=len(silent[side].intersection(*others)),
            unanswered_there=len(set(here) & there),
            beyond=sum(here[name] - samples for name, samples in taken.items()),
            used_prompts=len(taken),
            used_samples=sum(taken.values()),
        )
    return found


def losses(side: str, report: SideReport) -> list[str]:
    """What a side loses more than a tenth of, a sentence each."""
    why = {
        "only on this side": report.only_here,
        "missing": sum(report.missing.values()),
        "missing on the other": report.unanswered_there,
        "beyond the other side's": report.beyond,
    }
    because = ", ".join(f"{count} {words}" for words, count in why.items() if count)
    found = []
    for what, all_of, used in (
        ("prompts", report.prompts, report.used_prompts),
        ("responses", report.rows, report.used_samples),
    ):
        if all_of - used > NOTABLE * all_of:
            lost = f"{side}: {all_of - used} of {all_of} {what} are not used"
            found.append(f"{lost} ({because})" if because else lost)
    return found


ROWS = {
    "rows": "rows", "prompts": "prompts", "samples": "responses", "repeated": "repeated prompts",
    "only_here": "prompts only here", "unanswered_prompts": "prompts without a response",
    "beyond": "responses beyond the other's", "empty": "empty", "cut": "cut by the token limit",
    "trimmed": "prompts trimmed", "left_out": "left out by `where`", "unasked": "empty prompts",
    "length": "median length, characters",
}  # fmt: skip


def table_rows(sides: Mapping[str, SideReport]) -> list[list[str]]:
    """What was counted, a row each with a cell a side; what is nothing on all sides stays out."""
    found = [
        [words, *(f"{getattr(side, name):,.0f}" for side in sides.values())]
        for name, words in ROWS.items()
    ]
    for reason in dict.fromkeys(r for side in sides.values() for r in side.missing):
        found.append(
            [f"missing: {reason}", *(f"{s.missing.get(reason, 0):,}" for s in sides.values())]
        )
    if any(side.checked for side in sides.values()):
        shares = [s.refused / s.checked if s.checked else 0.0 for s in sides.values()]
        found.append(["refusals", *(f"{share:.1%}" for share in shares)])
    return [row for row in found if set(row[1:]) - {"0"}]


def _nothing_shared(sides: Mapping[str, Sequence[RecordedPrompt]]) -> str:
    if len(sides) == 1:
        return "the recording has no response at all; complete it"
    silent = [side for side, prompts in sides.items() if not any(p.samples for p in prompts)]
    if silent:
        return (
            f"all responses of the {silent[0]} are missing; complete them, or set `missing: empty`"
        )
    if set.intersection(*({p.id for p in prompts} for prompts in sides.values())):
        return "no prompt has a response on both sides; complete them, or set `missing: empty`"
    by_last = [
        {content_id(last_user(prompt.content)) for prompt in prompts} for prompts in sides.values()
    ]
    alike = len(set.intersection(*by_last))
    hint = (
        f"; {alike} would by what the user says last: set `match: last_user` if the two were given "
        "other system messages"
        if alike
        else "; the two subjects must have answered the same prompts, written the same way"
    )
    counts = " and ".join(f"{len(prompts)} of the {side}" for side, prompts in sides.items())
    return f"the two sides have no prompt in common ({counts}){hint}"
