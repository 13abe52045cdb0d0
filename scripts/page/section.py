"""What the page is made from, and what a section of it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from scripts.assistants.interactions import Told
from scripts.core.files import JsonObject
from scripts.divergence.contrast import Contrast
from scripts.divergence.round import ReportedRound
from scripts.evidence.reasons import Status
from scripts.hypotheses.finding import Behaviour, Finding
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.similarity import NOT_COMPARED, Similarities
from scripts.hypotheses.writing import NOTHING_WRITTEN, Writing
from scripts.judging.panel import NO_PANEL, PanelReport
from scripts.judging.separability import NOT_ASKED, Separability
from scripts.page.audit_summary import AuditSummary
from scripts.page.cards import Entry, entries
from scripts.page.costs import Costs
from scripts.page.figures import Point, region_labels
from scripts.page.recovery import Recovered
from scripts.page.signal import Smallest
from scripts.page.text_kinds import TextKind
from scripts.prompts.region import ExploredRegion


@dataclass(frozen=True)
class Report:
    """What an audit leaves behind.

    words: each subject in (phrase, what it names) pairs. figures: trusted SVG by name, from
    scripts/page/figures.py; all else is not.
    """

    audit: AuditSummary
    words: Mapping[str, Sequence[tuple[str, str | None]]]
    findings: Sequence[Finding]
    screened: Sequence[Hypothesis]
    regions: Sequence[ExploredRegion]
    rounds: Sequence[ReportedRound]
    costs: Costs
    points: Sequence[Point]
    figures: Mapping[str, str]
    behaviours: Sequence[Behaviour] = ()
    separability: Separability = NOT_ASKED
    smallest: Sequence[Smallest] = ()
    kinds: Sequence[TextKind] = ()
    notices: Sequence[str] = ()
    contrast: Contrast | None = None
    panel: PanelReport = NO_PANEL
    writing: Writing = NOTHING_WRITTEN
    interactions: Mapping[str, Told] = field(default_factory=dict)
    planted: Sequence[Recovered] = ()
    similarities: Similarities = NOT_COMPARED

    @property
    def settings(self) -> JsonObject:
        """The audit's section of the configuration."""
        return self.audit.config["audit"]

    @property
    def unit(self) -> str:
        """What one piece of evidence is: `prompt` or `draw`."""
        return str(self.settings.get("unit", "prompt"))

    @cached_property
    def entries(self) -> list[Entry]:
        return entries(self.behaviours, self.findings)

    @cached_property
    def by_status(self) -> dict[Status, list[Finding]]:
        return {s: [f for f in self.findings if f.status == s] for s in Status}

    @cached_property
    def labels(self) -> dict[str, str]:
        """The regions' names as figures have them, by id."""
        return region_labels(self.regions)


Context = dict[str, object]  # what a template is told, by name


class Section(NamedTuple):
    """One section of the page.

    name: its anchor; title: its heading; link: its name among the links at the top; context: what
    its template says beside `counts`, `figures`, `labels`, `units` and `by_draw`, which all have;
    template: Jinja, in which every text is escaped; shown: whether an audit has anything for it.
    """

    name: str
    title: str
    link: str
    context: Callable[[Report], Context]
    template: str
    shown: Callable[[Report], bool] = lambda report: True
