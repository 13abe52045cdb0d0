"""A finding: a hypothesis with its decision and what it rests on. Every default is that of a
hypothesis that nobody judged.

The formulas are those of docs/statistics.md. Intervals are at 95 % where nothing else is said; an
e-value beyond the largest number is written as 1e300.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from scripts.checks.check import Check
from scripts.checks.features import Quality
from scripts.core.rows import ROW
from scripts.evidence.reasons import Gate, Status, Stop
from scripts.hypotheses.hypothesis import Direction, Source
from scripts.hypotheses.writing import Written
from scripts.prompts.prompt import Messages

Told = Literal["ratio", "difference"]
Content = str | Messages


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A number with its interval, over the finding's regions by their weights."""

    __pydantic_config__: ClassVar = ROW
    estimate: float
    """The number itself."""
    low: float
    """Lower end of its interval."""
    high: float
    """Upper end of its interval."""
    prompts: int
    """Prompts it rests on; pairs of draws where the draw is the unit."""


@dataclass(frozen=True, kw_only=True)
class BankRate(Rate):
    """A number with its interval that says how much of the bank's weight it covers."""

    share: float
    """Weight of the regions it rests on, of those that it is about, 0…1."""


@dataclass(frozen=True, kw_only=True)
class WinRate:
    """Wins of wins and losses, up to where the race ended."""

    __pydantic_config__: ClassVar = ROW
    estimate: float | None
    """Share of wins, 0…1; none where all were ties."""
    low: float
    """Lower end of its interval, which holds wherever the race ends."""
    high: float
    """Upper end of its interval."""
    confidence: float
    """Of the interval, 0…1; validated findings share 0.05."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """The effect of a measure in its own units."""

    __pydantic_config__: ClassVar = ROW
    unit: str
    """Of the values, in the plural."""
    told: Told
    """Whether `estimate` is the median of the prompts' ratios or the mean of their differences."""
    estimate: float
    """That ratio or difference."""
    low: float
    """Lower end of its interval."""
    high: float
    """Upper end of its interval."""
    prompts: int
    """Prompts it rests on."""
    base: float
    """Mean value of the base's texts, in `unit`."""
    intervention: float
    """Mean value of the intervention's texts, in `unit`."""


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """What the check says on prompts of regions that are not the finding's own; no claim."""

    __pydantic_config__: ClassVar = ROW
    prompts: int
    """Prompts looked at."""
    wins: int
    """Prompts for it."""
    losses: int
    """Prompts against it."""
    estimate: float | None
    """Share of wins of wins and losses, 0…1; none where all were ties."""
    low: float
    """Lower end of its interval."""
    high: float
    """Upper end of its interval."""


@dataclass(frozen=True, kw_only=True)
class OverBank:
    """What the check says on the confirm prompts of all regions; no claim."""

    __pydantic_config__: ClassVar = ROW
    effect: Effect | None = None
    """Of a measure."""
    rate_base: BankRate | None = None
    """Share of the base's responses that show it, 0…1; none of a graded check."""
    rate_intervention: BankRate | None = None
    """Share of the intervention's responses, 0…1."""
    difference: BankRate | None = None
    """Intervention less base, −1…1."""


@dataclass(frozen=True, kw_only=True)
class FindingRegion:
    """A region of a finding, with its own record over the confirm prompts that were judged."""

    __pydantic_config__: ClassVar = ROW
    id: str
    """The region's id."""
    name: str
    """Its short name: words, a category, or the one prompt that it is."""
    category: str
    """The bank's own label that most of its prompts have."""
    weight: float
    """Share of the bank, 0…1."""
    prompts: int = 0
    """Prompts judged: all of them, or by a model those until its test ended."""
    used: int = 0
    """Prompts of them judged when the hypothesis left the race."""
    wins: int = 0
    """Prompts for it."""
    losses: int = 0
    """Prompts against it."""
    e_value: float = 1.0
    """The region's own e-value."""
    shown: bool = False
    """Whether that is at least 20."""


@dataclass(frozen=True, kw_only=True)
class Quote:
    """A pair of responses that shows a finding."""

    __pydantic_config__: ClassVar = ROW
    prompt: Content
    """The prompt's text, or its messages with role and content."""
    base: str
    """The base's response."""
    intervention: str
    """The intervention's response."""
    base_thoughts: str | None = None
    """What the base thought before it; none where it did not, or where thoughts are compared."""
    intervention_thoughts: str | None = None
    """What the intervention thought."""
    asked: str | None = None
    """What its judge was asked: the id in interactions.jsonl; none of the local assistant."""


@dataclass(frozen=True, kw_only=True)
class JudgeRecord:
    """What one of several judges says of a finding by itself, on all that it read; no claim."""

    __pydantic_config__: ClassVar = ROW
    judge: str
    """The model."""
    prompts: int
    """Prompts it read."""
    wins: int
    """Prompts of them for the finding."""
    losses: int
    """Prompts against it."""
    ties: int
    """Prompts that are neither."""
    e_value: float
    """Its own e-value, the smaller of the plain one and that against its placebos."""
    win_rate: WinRate
    """Its wins of wins and losses."""


@dataclass(frozen=True, kw_only=True)
class Explored:
    """What the half of the written prompts that explores says."""

    __pydantic_config__: ClassVar = ROW
    prompts: int
    """Prompts judged on which it should show."""
    wins: int
    """Prompts of them for it."""
    losses: int
    """Prompts of them against it."""
    share: float
    """Mean pair score of their draws, −1…1."""
    matched: float
    """The same of the matched prompts."""


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """What the matched prompts of the confirm half say; no claim."""

    __pydantic_config__: ClassVar = ROW
    prompts: int
    """Matched prompts judged."""
    base: float
    """Share of the base's responses to them that show it, 0…1."""
    intervention: float
    """Share of the intervention's responses, 0…1."""


@dataclass(frozen=True, kw_only=True)
class Probing:
    """The prompts that a finding is about, where they were written for it."""

    __pydantic_config__: ClassVar = ROW
    of: str
    """Id of the hypothesis that they were written for."""
    written_by: str
    """The model that wrote them, or `user`."""
    explored: Explored | None
    """What the half that explores said; none where the assistant's budget ended before."""
    prompts: tuple[Content, ...]
    """Those of the confirm half, on which it should show."""
    matched: tuple[Content, ...]
    """Matched ones of the confirm half, on which it should not."""
    contrast: Contrast | None = None
    """What these say; none where they were not judged."""
    repeated: int = 0
    """Prompts left out since they have the words of another one."""
    in_bank: int = 0
    """Prompts left out since the bank has them."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A hypothesis with its decision; a line of findings.jsonl."""

    __pydantic_config__: ClassVar = ROW
    SCHEMA: ClassVar[int] = 2
    id: str
    """The hypothesis's id."""
    statement: str
    """The sentence that was tested."""
    direction: Direction
    """Whether the intervention shows it more, or less."""
    source: Source
    """Who wrote it."""
    unit: Literal["prompt", "draw"] = "prompt"
    """What counts as one piece of evidence."""
    check: Check | None = None
    """What was read off texts; none where a model judged by `behaviour`."""
    behaviour: str | None = None
    """The verb phrase that a model judged by."""
    regions: tuple[FindingRegion, ...] = ()
    """The regions it is about."""
    status: Status = Status.UNTESTED
    """The decision."""
    e_value: float | None = None
    """The smaller of the next two, which the decision rests on."""
    e_value_plain: float | None = None
    """e-value of wins against losses."""
    e_value_against_placebos: float | None = None
    """e-value against the placebos drawn."""
    win_rate: WinRate | None = None
    """Wins of wins and losses."""
    judged: int = 0
    """Prompts with a result when the race ended for it."""
    available: int = 0
    """Prompts planned for it."""
    wins: int = 0
    """Prompts of `judged` for it."""
    losses: int = 0
    """Prompts of `judged` against it."""
    ties: int = 0
    """Prompts of `judged` that were neither."""
    missing: int = 0
    """Prompts whose judgement was lost."""
    refused: int = 0
    """Samples whose judge refused."""
    unparsable: int = 0
    """Samples without a readable verdict."""
    inapplicable: int = 0
    """Samples of which the judge says that it does not apply."""
    stopped: Stop | None = None
    """Why it was judged no further."""
    in_set: bool = False
    """Whether it is in the e-BH set."""
    placebos: int = 0
    """Placebos it was compared with."""
    gates_failed: tuple[Gate, ...] = ()
    """What it failed beside the error control."""
    minimum_detectable_effect: float | None = None
    """Of an unsupported one: P(win) − P(loss) found with 80 % power, 0…1; none if no effect is."""
    p_anytime: float | None = None
    """min(1, 1/e): a p-value at any stopping time."""
    rate_base: Rate | None = None
    """Share of the base's responses that show it, 0…1; none of a graded check."""
    rate_intervention: Rate | None = None
    """Share of the intervention's responses, 0…1."""
    p_sign: float | None = None
    """One-sided sign test at a number of prompts fixed beforehand: all of its regions or, where a
    model judges, those that the rates rest on; no decision rests on it."""
    auc: BankRate | None = None
    """Chance that of two responses to a prompt the intervention's shows more, 0…1."""
    difference: BankRate | None = None
    """Difference of the rates, −1…1."""
    effect: Effect | None = None
    """Of a measure, in its own units."""
    cut: tuple[float, float] | None = None
    """Mean pair scores, −1…1, on beginnings and ends of equal length."""
    uncut: float | None = None
    """Mean pair score on whole texts, −1…1."""
    agreement: Quality | None = None
    """How well a named feature agrees with labels, where that was measured."""
    transfer: Transfer | None = None
    """Beyond its own regions."""
    bank: OverBank | None = None
    """Over all regions."""
    probing: Probing | None = None
    """The prompts written for it, where it is about those."""
    evidence: tuple[Quote, ...] = ()
    """Quoted pairs that show it."""
    judges: tuple[JudgeRecord, ...] = ()
    """What each of several judges says by itself; none with one."""
    written: Written | None = None
    """What a language model wrote it from; none of others."""


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """Validated findings won on the same prompts, which a reader sees as one entry."""

    __pydantic_config__: ClassVar = ROW
    id: str
    """`b` and its rank, strongest first."""
    findings: tuple[str, ...]
    """Ids of its findings, the leading one first."""
    statement: str
    """One sentence for them."""


@dataclass(frozen=True, kw_only=True)
class Behaviours:
    """What behaviours.json holds."""

    __pydantic_config__: ClassVar = ROW
    SCHEMA: ClassVar[int] = 1
    behaviours: tuple[Behaviour, ...] = ()
    """Strongest first."""


@dataclass(frozen=True, kw_only=True)
class Theme:
    """What a model says that several validated findings have in common; no claim of its own."""

    __pydantic_config__: ClassVar = ROW
    title: str
    """A few words."""
    summary: str
    """One or two sentences."""
    findings: tuple[str, ...]
    """Ids of the findings it rests on."""


@dataclass(frozen=True, kw_only=True)
class Themes:
    """What themes.json holds."""

    __pydantic_config__: ClassVar = ROW
    SCHEMA: ClassVar[int] = 1
    themes: tuple[Theme, ...] = ()
    """None without a model that judges, or with fewer than two validated findings."""
