"""What hypotheses say: topics, the regions of a hypothesis, and checks, in words."""

from collections.abc import Mapping, Sequence

from scripts.checks.check import (
    Check,
    DirectionCheck,
    EntailedCheck,
    FeatureCheck,
    MeasureCheck,
    MissingCheck,
    PhraseCheck,
    TextsCheck,
    graded,
)
from scripts.checks.features import FEATURES
from scripts.checks.measures import MEASURES
from scripts.checks.words import shown_phrase
from scripts.hypotheses.finding import Finding
from scripts.hypotheses.pairs import Net
from scripts.hypotheses.writing import Written
from scripts.prompts.region import Region

NAMED, QUOTED = 3, 2  # topics that a sentence names, and prompts
SENTENCE_WORDS = 30  # of a behaviour
# How much a check tells a reader beside 1 of a word and 3 of a long phrase: what a response does to
# the request, how long it is, what else it says or is like, and its mere form.
OF_FAMILY = {"refusal": 3.5, "language": 3.0, "repetition": 3.0, "echo": 3.0, "length": 2.5}
FORM = {
    "list", "markdown", "headings", "bold", "table", "latex", "indented", "line-end", "dash",
    "quotation", "parentheses", "number", "case", "spelling", "vocabulary", "complexity",
}  # fmt: skip
OF_KIND = {
    "missing": 4.0, "feature": 2.0, "entailed": 2.0, "measure": 1.5, "texts": 1.2, "direction": 0.0
}  # fmt: skip


def topic(region: Region) -> str:
    """A region as sentences call it: its category where that fits, else its name, which is its
    typical words or, where it is one prompt, that."""
    if region.unit == "draw":
        return region.name
    fits = region.category_share >= 0.6 and region.category != "other"
    return region.category if fits else region.name


def about(where: Mapping[str, Net], regions: Mapping[str, Region]) -> str:
    """The regions of a hypothesis in words: those that show it most, then those at times; three of
    them by name."""
    these = _are_prompts(regions)
    only = next(iter(regions.values())) if len(regions) == 1 else None
    if only and (these or topic(only) == only.category):
        return topic(only)
    if len(where) >= 0.8 * len(regions):
        return f"almost any of these {len(regions)} prompts" if these else "almost anything"
    share = {r: (net.wins - net.losses) / max(1, net.prompts) for r, net in where.items()}
    half = max(share.values()) / 2
    ordered = sorted(where, key=lambda r: (-share[r], r))
    mainly = list(dict.fromkeys(topic(regions[r]) for r in ordered if share[r] >= half))
    others = dict.fromkeys(topic(regions[r]) for r in ordered if share[r] < half)
    rest = [name for name in others if name not in mainly]
    most = QUOTED if these else NAMED
    named, left = mainly[:most], rest[: max(0, most - len(mainly))]
    unnamed = len(mainly) + len(rest) - len(named) - len(left)
    if left:
        more = f" and {unnamed} more" if unnamed else ""
        return f"{listed(named)} (and at times {'; '.join(left)}{more})"
    if unnamed:
        them = "of these prompts" if these else "topics" if unnamed > 1 else "topic"
        return f"{'; '.join(named)} or {unnamed} more {them}"
    return listed(named)


def asked(where: Mapping[str, Net], regions: Mapping[str, Region]) -> str:
    """The opening of a sentence that names the regions of a hypothesis."""
    return f"Asked {'' if _are_prompts(regions) else 'about '}{about(where, regions)}"


def _are_prompts(regions: Mapping[str, Region]) -> bool:
    """Whether each region is one prompt, since the draw is the unit."""
    return any(region.unit == "draw" for region in regions.values())


def listed(names: Sequence[str], last: str = "or") -> str:
    """Names, which may hold commas, in one phrase."""
    return "; ".join(names[:-1]) + f" {last} " + names[-1] if len(names) > 1 else "".join(names)


def sentence(check: Check, where: Mapping[str, Net], regions: Mapping[str, Region]) -> str:
    """A directional sentence for a check and what was seen of it in its regions."""
    return f"{asked(where, regions)}, the intervention model {claim(check)}"


def claim(check: Check) -> str:
    """What a check says of the intervention model, as the end of a sentence."""
    more = "less" if check.absent else "more"
    if isinstance(check, PhraseCheck):
        return f"says {quoted(check.phrases)} {more} often than the base does"
    if isinstance(check, MissingCheck):
        return f"gives no response {more} often than the base does"
    if isinstance(check, TextsCheck):
        return f"gives responses of the kind {quoted(check.name)} {more} often than the base"
    if isinstance(check, MeasureCheck | DirectionCheck):
        than = " than the base's" if isinstance(check, MeasureCheck) else ""
        return f"gives responses that {does(check)}{than}"
    return f"gives responses that {does(check)} {more} often than the base's do"


def quoted(phrases: Sequence[str]) -> str:
    """Phrases in quotation marks."""
    return " or ".join(f"“{shown_phrase(phrase)}”" for phrase in phrases)


def zone(check: Check | None) -> str | None:
    """When two texts tie on a graded check, in words; None where every difference counts."""
    if not isinstance(check, MeasureCheck):
        return None
    measure = MEASURES[check.measure]
    parts = []
    if measure.share:
        parts.append(f"{measure.share:.0%} of the larger".replace("%", " %"))
    if measure.least:
        parts.append(f"{measure.least:g} {measure.unit}")
    return " or ".join(parts) if parts else None


def family(check: Check) -> str | None:
    """What a feature or measure is about; those of one family say the same in other words."""
    if isinstance(check, FeatureCheck):
        return FEATURES[check.feature].family
    return MEASURES[check.measure].family if isinstance(check, MeasureCheck) else None


def scored(written: Written | None) -> float:
    """How much a statement says by the scores that the model which wrote it gave it, 1 to 5; the
    middle where it gave none."""
    if not written or not written.specificity or not written.interest:
        return 3.0
    return (written.specificity + written.interest) / 2


def telling(check: Check) -> float:
    """How much a check says to a reader: a named feature, or a phrase of several words, more than
    one word that more texts share."""
    if isinstance(check, PhraseCheck):
        return {1: 1.0, 2: 2.0, 3: 2.5}.get(len(check.phrases[0].split()), 3.0)
    about = family(check)
    if about in OF_FAMILY:
        return OF_FAMILY[about]
    return 1.2 if about in FORM else OF_KIND[check.kind]


def tells(finding: Finding) -> float:
    """How much a finding says to a reader: its check or, of one that a model wrote, how specific
    and of what interest the model found it; how often it is so; and, where every region is one
    prompt, of how many of them."""
    if not finding.auc:
        return 0.0
    worth = telling(finding.check) if finding.check else scored(finding.written)
    says = worth * (2 * finding.auc.estimate - 1)
    if finding.unit != "draw":
        return says
    return says * sum(region.weight for region in finding.regions) ** 0.5


def in_reading_order(parts: Sequence[Finding]) -> list[Finding]:
    """Findings of one behaviour, those that say most first; what is shown before what is not."""

    def turn(finding: Finding) -> tuple[bool, float, str]:
        return _is_absent(finding.check), -tells(finding), finding.id

    return sorted(parts, key=turn)


def _is_absent(check: Check | None) -> bool:
    return check is not None and check.absent and not isinstance(check, MeasureCheck)


def composed(parts: Sequence[Finding], regions: Mapping[str, Region]) -> str:
    """One sentence for the findings of a behaviour, in reading order: the topics of the first, and
    as many of what they say as SENTENCE_WORDS hold."""
    first = parts[0]
    if not first.check or len(parts) == 1:
        return first.statement
    where = {
        region.id: Net(region.wins, region.losses, region.prompts, 0.0) for region in first.regions
    }
    opening = f"{asked(where, regions)}, the intervention model's responses "
    checks = [part.check for part in parts if part.check]
    checks = [c for c in checks if not isinstance(c, DirectionCheck)] or checks[:1]
    said = opening + _said(checks[:1])
    for count in range(2, len(checks) + 1):
        longer = opening + _said(checks[:count])
        if len(longer.split()) > SENTENCE_WORDS:
            break
        said = longer
    return said


def _said(checks: Sequence[Check]) -> str:
    """What several checks say of responses, as the end of a sentence."""
    whole = [c for c in checks if graded(c)]
    said = []
    for way, absent in (("more", False), ("less", True)):
        those = [does(c) for c in checks if c not in whole and _is_absent(c) == absent]
        if those:
            said.append(f"{way} often {_series(those)}")
    return _series([*said, *map(does, whole)])


def _series(items: Sequence[str]) -> str:
    return ", ".join(items[:-1]) + " and " + items[-1] if len(items) > 1 else items[0]


def does(check: Check) -> str:
    """What a check looks for, after "responses that": for less and more alike, but for measures,
    which say "longer" or "shorter"."""
    if isinstance(check, PhraseCheck):
        return f"say {quoted(check.phrases)}"
    if isinstance(check, MissingCheck):
        return "are missing"
    if isinstance(check, TextsCheck):
        return f"are of the kind {quoted(check.name)}"
    if isinstance(check, EntailedCheck):
        return f"read as one that “{check.statement}”"
    if isinstance(check, DirectionCheck):
        return f"read more like “{check.towards} …” than like “{check.away} …”"
    if isinstance(check, MeasureCheck):
        measure = MEASURES[check.measure]
        return measure.less if check.absent else measure.more
    return FEATURES[check.feature].does
