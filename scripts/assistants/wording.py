"""What hypotheses say: topics, the regions of a hypothesis, and checks, in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from scripts.assistants.features import FEATURES
from scripts.assistants.measures import MEASURES
from scripts.assistants.pairs import Net

NAMED = 3  # topics that a sentence names
SENTENCE_WORDS = 30  # of a behaviour


def topic(region: Mapping[str, Any]) -> str:
    """A region in words: its category where that fits, else its typical words."""
    fits = region["category_share"] >= 0.6 and region["category"] != "other"
    return region["category"] if fits else region["name"]


def about(where: Mapping[str, Net], regions: Mapping[str, Mapping[str, Any]]) -> str:
    """The regions of a hypothesis in words: those that show it most, then those at times; three of
    them by name."""
    if len(where) >= 0.8 * len(regions):
        return "almost anything"
    share = {r: (net.wins - net.losses) / max(1, net.prompts) for r, net in where.items()}
    most = max(share.values())
    ordered = sorted(where, key=lambda r: (-share[r], r))
    mainly = list(dict.fromkeys(topic(regions[r]) for r in ordered if share[r] >= most / 2))
    rest = dict.fromkeys(topic(regions[r]) for r in ordered if share[r] < most / 2)
    rest = [name for name in rest if name not in mainly]
    named, left = mainly[:NAMED], rest[: max(0, NAMED - len(mainly))]
    unnamed = len(mainly) + len(rest) - len(named) - len(left)
    if left:
        more = f" and {unnamed} more" if unnamed else ""
        return f"{listed(named)} (and at times {'; '.join(left)}{more})"
    if unnamed:
        return f"{'; '.join(named)} or {unnamed} more topic{'s' * (unnamed > 1)}"
    return listed(named)


def listed(names: Sequence[str], last: str = "or") -> str:
    """Names, which may hold commas, in one phrase."""
    return "; ".join(names[:-1]) + f" {last} " + names[-1] if len(names) > 1 else "".join(names)


def sentence(
    check: Mapping[str, Any], where: Mapping[str, Net], regions: Mapping[str, Mapping[str, Any]]
) -> str:
    """A directional sentence for a check and what was seen of it in its regions."""
    return f"Asked about {about(where, regions)}, the intervention model {claim(check)}"


def claim(check: Mapping[str, Any]) -> str:
    """What a check says of the intervention model, as the end of a sentence."""
    more = "less" if check.get("absent") else "more"
    if check["kind"] == "phrases":
        return f"says {quoted(check['phrases'])} {more} often than the base does"
    if check["kind"] == "texts":
        return f"gives responses of the kind {quoted(check['name'])} {more} often than the base"
    if check["kind"] == "direction":
        towards, away = (f"“{check[side]} …”" for side in ("towards", "away"))
        return f"gives responses that read more like {towards} than like {away}"
    if check["kind"] == "measure":
        measure = MEASURES[check["measure"]]
        does = measure.less if check.get("absent") else measure.more
        return f"gives responses that {does} than the base's"
    return f"gives responses that {FEATURES[check['feature']][0]} {more} often than the base's do"


def quoted(phrases: Sequence[str]) -> str:
    """Phrases in quotation marks."""
    return " or ".join(f"“{phrase}”" for phrase in phrases)


def zone(check: Mapping[str, Any]) -> str | None:
    """When two texts tie on a graded check, in words; None where every difference counts."""
    if check["kind"] != "measure":
        return None
    measure = MEASURES[check["measure"]]
    parts = []
    if measure.share:
        parts.append(f"{measure.share:.0%} of the larger".replace("%", " %"))
    if measure.least:
        parts.append(f"{measure.least:g} {measure.unit}")
    return " or ".join(parts) if parts else None


def in_reading_order(parts: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Findings of one behaviour: what says most comes first. What is said before how, phrases and
    named features before measures and places; then by evidence."""
    order = ("feature", "phrases", "texts", "measure", "direction")

    def turn(finding):
        check = finding["check"]
        said = order.index(check["kind"]) if check else 0
        less = bool(check and check.get("absent") and check["kind"] != "measure")
        return said >= 2, less, -finding["e_value"], said, finding["id"]

    return sorted(parts, key=turn)


def composed(parts: Sequence[Mapping[str, Any]], regions: Mapping[str, Mapping[str, Any]]) -> str:
    """One sentence for the findings of a behaviour, in reading order: of those that its first one
    names the topics of, as many as SENTENCE_WORDS hold."""
    first = parts[0]
    if not first["check"] or len(parts) == 1:
        return first["statement"]
    where = {
        region["id"]: Net(region["wins"], region["losses"], region["prompts"], 0.0)
        for region in first["regions"]
    }
    opening = f"Asked about {about(where, regions)}, the intervention model "
    claims = [claim(first["check"])]
    for part in parts[1:]:
        longer = [*claims, claim(part["check"])]
        if len((opening + " and ".join(longer)).split()) > SENTENCE_WORDS:
            break
        claims = longer
    return opening + listed(claims, "and").replace("; ", ", ")
