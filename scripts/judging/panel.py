"""Several judges on the same pairs: what the others read, what each says by itself, and how far
they agree. The claims rest on none of it: who decides them was set beforehand.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, zip_longest
from typing import ClassVar

from scripts.assistants.client import BudgetSpent
from scripts.assistants.judge import Judged, ModelJudge
from scripts.assistants.roles import Decide, Panel, Role
from scripts.core.job import log
from scripts.core.randomness import hash_unit
from scripts.core.rows import ROW
from scripts.evidence.agreement import Kappa, agreement
from scripts.evidence.betting import e_value
from scripts.hypotheses.finding import Finding, JudgeRecord
from scripts.hypotheses.judgement import Judgement
from scripts.judging.findings import rounded
from scripts.judging.reach import win_rate
from scripts.judging.schedule import AHEAD


@dataclass(frozen=True, kw_only=True)
class JudgePair:
    """How far two judges agree on what both read."""

    __pydantic_config__: ClassVar = ROW
    one: str
    """One judge."""
    other: str
    """The other."""
    prompts: int
    """Prompts that both read."""
    verdicts: int
    """Verdicts that both gave: won, tied or lost, of one hypothesis on one prompt."""
    same: int
    """Verdicts that are the same."""
    kappa: float | None
    """Cohen's kappa, 1 where all are the same, 0 where guessing would agree as often; none where
    guessing always agrees."""
    kappa_low: float
    """Lower end of its 95 % interval."""
    kappa_high: float
    """Upper end of it."""
    decided: int
    """Verdicts in which both chose a side."""
    same_side: int
    """Verdicts in which both chose the same one."""
    side_kappa: float | None
    """Kappa of these alone: twice their share less 1."""
    side_low: float
    """Lower end of its 95 % interval."""
    side_high: float
    """Upper end of it."""


@dataclass(frozen=True, kw_only=True)
class PanelReport:
    """What several judges said of the same pairs; what panel.json holds. Empty with one judge."""

    __pydantic_config__: ClassVar = ROW
    SCHEMA: ClassVar[int] = 1
    judges: tuple[str, ...] = ()
    """Their names, the first one first."""
    decide: Decide | None = None
    """Whose verdicts decide the claims: the first one's, or the majority's."""
    share: float | None = None
    """Share of the first one's prompts that the others were to read; none where all read all."""
    pairs: tuple[JudgePair, ...] = ()
    """Every two of them."""
    without_verdict: int = 0
    """Judgements that are compared with none, since a reply was refused or unreadable."""
    unread: int = 0
    """Judgements for which the budget did not last."""


NO_PANEL = PanelReport()


def read_by_others(
    others: Sequence[ModelJudge], of_first: Iterable[Judgement], share: float, seed: int
) -> tuple[list[Judgement], int]:
    """What the other judges say of all that the first one has judged on a share of its prompts,
    chosen by hash; and how many judgements the budget has left out."""
    names: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for judgement in of_first:
        if hash_unit("agreement", seed, judgement.prompt) < share:
            names[judgement.region][judgement.prompt].append(judgement.hypothesis)
    by_region = [[(region, *of_one) for of_one in sorted(own.items())] for region, own in
                 sorted(names.items())]  # fmt: skip
    steps = [
        {region: (prompt, chosen) for region, prompt, chosen in filter(None, step)}
        for step in zip_longest(*by_region)
    ]
    found: list[Judgement] = []
    under_way: deque[Callable[[], Judged]] = deque()
    wanted = len(others) * sum(len(chosen) for step in steps for _, chosen in step.values())

    def take() -> None:
        for of_region in under_way.popleft()().values():
            found.extend(filter(None, of_region.values()))

    try:
        for step in steps:
            for other in others:
                under_way.append(other(step))
            while len(under_way) > AHEAD * len(others):
                take()
    except BudgetSpent:
        log.warning("the budget ended before the other judges had read their share")
    while under_way:
        take()
    return found, max(0, wanted - len(found))


def with_judges(
    finding: Finding, judges: Sequence[str], judgements: Mapping[str, Sequence[Judgement]]
) -> Finding:
    """A finding with what each judge says of it by itself. judgements: by hypothesis."""
    own = judgements.get(finding.id, ())
    records = (_record(judge, [j for j in own if j.judge == judge]) for judge in judges)
    return replace(finding, judges=tuple(record for record in records if record.prompts))


def _record(judge: str, judged: Sequence[Judgement]) -> JudgeRecord:
    signs = [judgement.signs for judgement in judged]
    counts = [[of_both[i] for of_both in signs] for i in (0, 1)]
    (wins, losses), against = ((of_one.count(1), of_one.count(-1)) for of_one in counts)
    return JudgeRecord(
        judge=judge,
        prompts=len(judged),
        wins=wins,
        losses=losses,
        ties=len(judged) - wins - losses,
        e_value=rounded(min(float(e_value(wins, losses)), float(e_value(*against)))),
        win_rate=win_rate(wins, losses),
    )


def report_of(
    judges: Sequence[Role], panel: Panel | None, judgements: Iterable[Judgement], unread: int = 0
) -> PanelReport:
    """How far the judges of a panel agree, from all judgements; nothing with one judge."""
    if panel is None:
        return NO_PANEL
    titles = [judge.title for judge in judges]
    signs: dict[str, dict[tuple[str, str], int]] = {title: {} for title in titles}
    without = 0
    for judgement in judgements:
        if judgement.judge in signs:
            if judgement.refused or judgement.unparsable:
                without += 1
            else:
                name = judgement.prompt, judgement.hypothesis
                signs[judgement.judge][name] = judgement.signs[0]
    return PanelReport(
        judges=tuple(titles),
        decide=panel.decide,
        share=panel.share if panel.decide == "first" else None,
        pairs=tuple(_pair(one, other, signs) for one, other in combinations(titles, 2)),
        without_verdict=without,
        unread=unread,
    )


def _pair(one: str, other: str, signs: Mapping[str, Mapping[tuple[str, str], int]]) -> JudgePair:
    both = [
        (name[0], sign, signs[other][name])
        for name, sign in signs[one].items()
        if name in signs[other]
    ]
    found = agreement(both)
    kappa, sides = map(_rounded, (found.kappa, found.kappa_of_sides))
    return JudgePair(
        one=one,
        other=other,
        prompts=found.prompts,
        verdicts=found.verdicts,
        same=found.same,
        kappa=kappa.estimate,
        kappa_low=kappa.low,
        kappa_high=kappa.high,
        decided=found.decided,
        same_side=found.same_side,
        side_kappa=sides.estimate,
        side_low=sides.low,
        side_high=sides.high,
    )


def _rounded(kappa: Kappa) -> Kappa:
    estimate = None if kappa.estimate is None else round(kappa.estimate, 4)
    return Kappa(estimate, round(kappa.low, 4), round(kappa.high, 4))
