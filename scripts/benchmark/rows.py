"""What the benchmark's stages write, and what is made of it: rows of plain numbers, as JSON."""

from typing import NotRequired

from typing_extensions import TypedDict

from scripts.core.files import JsonObject


class LadderRow(TypedDict):
    """A simulated audit, scored."""

    seed: int
    spread: float
    dose: float
    behaviours: list[str]
    rank: dict[str, int | None]
    """By planted behaviour the first validated finding that names it, from 1."""
    tested: int
    validated: int
    true: int
    """Validated findings that are true, of the behaviours or otherwise."""
    false: list[str]
    """Statements of the others."""
    dipped: int
    """Proposals that would pass on the very texts that proposed them."""
    texts: int
    texts_by_pool: dict[str, int]
    requests: int


class LongerRow(TypedDict):
    """An audit of a pair whose texts differ in length alone: statements."""

    validated: list[str]
    uncut: list[str]
    """Those that pass without the cut to equal length."""


class StrategyRow(TypedDict):
    """A trial with one acquisition rule."""

    strategy: str
    dose: float
    spread: float
    seed: int
    texts: list[int]
    """Until each behaviour was proposed."""
    found: list[bool]


class RateRow(TypedDict):
    """Intervals of a planted rate."""

    rate: float
    intervals: list[list[float]]
    """Expected positives, low, high."""
    explored_share: float
    """Of all explore draws, those that show a behaviour."""
    bank_share: float
    """What it is in the bank."""


class LadderPart(TypedDict):
    """The dose ladder, with the usual draws and with more."""

    usual: list[LadderRow]
    deep: list[LadderRow]


class NullPart(TypedDict):
    """Audits of the base against itself, and against texts twice as long."""

    audits: list[LadderRow]
    twice_as_long: list[LongerRow]


class StrategiesPart(TypedDict):
    """Acquisition rules."""

    rows: list[StrategyRow]


class RatesPart(TypedDict):
    """Rate intervals."""

    rows: list[RateRow]


class TrialParts(TypedDict):
    """What the trials stage writes, a file each."""

    ladder: LadderPart
    null: NullPart
    strategies: StrategiesPart
    rates: RatesPart


class Cell(TypedDict):
    """The ladder at one spread and dose."""

    spread: float
    dose: float
    audits: int
    planted: int
    recall: float | None
    rank: float | None
    validated: int
    precision: float | None
    texts: float | None
    requests: float | None


class LadderFigures(TypedDict):
    """Recall and precision."""

    recall_30: float | None
    recall_10: float | None
    recall_10_usual: float | None
    precision: float | None
    validated: int
    false: list[str]
    cells: list[Cell]
    cells_deep: list[Cell]
    by_behaviour: dict[str, float | None]


class NullFigures(TypedDict):
    """False discoveries."""

    null_fdr: float
    null_repeats: int
    null_discovering: int
    null_upper_95: float
    null_tested: float | None
    twice_as_long_audits: int
    twice_as_long_other_validated: int
    twice_as_long_uncut: int


class RateFigures(TypedDict):
    """How often intervals cover."""

    coverage_95: float | None
    coverage_intervals: int
    coverage_95_few: float | None
    coverage_intervals_few: int
    naive_bias: float | None


class StrategyFigures(TypedDict):
    """One acquisition rule."""

    texts: float
    found: float | None
    factor: float
    """Texts of uniform allocation over its own."""


class NullAudits(TypedDict):
    """Audits of simulated judges in which nothing is true."""

    null: str
    bet: str
    control: bool
    audits: int
    discovering: int
    as_expected: bool


class PowerRow(TypedDict):
    """Audits of simulated judges in which some hypotheses are true."""

    half_log_odds: float
    true: int
    audits: int
    fdr: float
    power: float


class CoverageRow(TypedDict):
    """Intervals of simulated rates."""

    mean: float
    repeats: int
    coverage: float
    width: float
    bias: float


class Statistics(TypedDict):
    """Simulated judges."""

    size: dict[str, int]
    null: list[NullAudits]
    power: list[PowerRow]
    coverage: list[CoverageRow]


class Label(TypedDict):
    """A region's label in the exhaustive protocol."""

    statement: str
    check: JsonObject
    regions: list[dict[str, str]]
    auc: float
    auc_everywhere: float
    p: float
    significant: NotRequired[bool]


class ExhaustiveRun(TypedDict):
    """What the exhaustive protocol found and took."""

    schema: int
    findings: list[Label]
    judge_calls: int
    label_calls: int
    texts: int
    cluster_seconds: float
    assistant_seconds: float


class Recall(TypedDict):
    """What findings name of what was planted."""

    validated: int
    not_scored: int
    recall: float | None
    precision: float | None
    missed: list[str]


class Protocol(Recall):
    """What one protocol took and found."""

    texts: int
    tokens: int
    decode_seconds: float
    embed_seconds: float
    cluster_seconds: float
    assistant_seconds: float
    calls: int
    peak_mib: float
    wall_seconds: NotRequired[float]


class Clusters(TypedDict):
    """The active audit's clusters against those of all texts."""

    ari: float
    ari_k_means: float
    silhouette_active: float
    silhouette_exhaustive: float
    silhouette_share: float
    silhouette_share_k_means: float


class BothProtocols(Clusters):
    """One audit of real subjects by both protocols."""

    exhaustive: Protocol
    active: Protocol
    ratios: dict[str, float]


class RealAudit(TypedDict):
    """One active audit of real subjects."""

    planted: int
    named: int
    names: list[str]
    validated: int
    texts: int
    confirm_texts: int
    confirm_texts_unfiltered: int


class Real(TypedDict):
    """All audits of real subjects."""

    both: dict[str, BothProtocols]
    audits: dict[str, RealAudit]
    cache_ratio: float | None
    filter_ratio: float | None


class Goal(TypedDict):
    """A goal that was set, and whether it is reached."""

    figure: str
    goal: float
    found: float | None
    how: str | None
    reached: bool | None


class Broken(TypedDict):
    """What a figure becomes when one component is broken on purpose."""

    broken: str
    figure: str
    ours: float | None
    then: float | None
    noticed: bool


class Figures(LadderFigures, NullFigures, RateFigures):
    """All figures, without what is concluded from them."""

    schema: int
    strategies: dict[str, StrategyFigures]
    texts_ratio: float | None
    calls_ratio: float | None
    wall_ratio: float | None
    cluster_ratio: float | None
    silhouette_share: float | None
    silhouette_share_k_means: float | None
    ari: float | None
    ari_k_means: float | None
    cache_ratio: float | None
    filter_ratio: float | None
    real: Real
    statistics: Statistics


class Summary(Figures):
    """results/benchmarks/summary.json."""

    goals: list[Goal]
    controls: list[Broken]


class AuditFiles(TypedDict):
    """What the benchmark reads of an audit of real subjects (workflow/benchmark_inputs.py)."""

    audit: str
    costs: str
    findings: str
    regions: str
    prompts: str
    screened: str
    screen: str
    confirm: str
    active_ledgers: list[str]
    active_vectors: list[str]
    bank: NotRequired[str]
    """This and the others where the exhaustive protocol was run, too."""
    base: NotRequired[list[str]]
    intervention: NotRequired[list[str]]
    vectors_base: NotRequired[str]
    vectors_intervention: NotRequired[str]
    exhaustive: NotRequired[str]
    centroids: NotRequired[str]
    ledgers: NotRequired[list[str]]
