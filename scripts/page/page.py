"""Turn what an audit leaves behind into one page that a person reads.

The page is one file: it loads nothing, runs nothing, and opens from disk. Every text but the
figures is untrusted: Jinja2 escapes it, and `printable` takes out what a browser would not show.
"""

import base64
import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from scripts.checks.words import words
from scripts.page import numbers
from scripts.page.cards import (
    STOPPED,
    Entry,
    behaviour,
    counted_as,
    entries,
    left_untested,
    measured,
    numbers_in_full,
    reasons,
    size,
)
from scripts.page.figures import FALSE_DISCOVERIES, region_labels, standing_out
from scripts.page.numbers import count, decimal, duration, e_value, percent, units
from scripts.page.signal import Smallest, found_with, told_apart
from scripts.recordings.pairing import losses, table_rows

FOLDER = Path(__file__).resolve().parent
STAGES = (
    "model", "plant", "bank", "regions", "plan", "decode", "embed", "measure", "propose", "screen",
    "confirm", "report",
)  # fmt: skip
SIDES = ("base", "intervention")
STATUSES = ("validated", "suggestive", "unsupported", "untested")
SHOWN_POINTS = 6  # texts quoted beside the map, of each subject
# Embeddings and overrides turn the reading order of what follows them.
_TURNS_ORDER = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

FIELDS = {
    "revision": "at revision",
    "dtype": "in",
    "quantization": "quantised to",
    "adapter": "with the adapter",
    "adapter_revision": "at the adapter's revision",
    "system_prompt": "with the system prompt",
    "prompt_template": "with the prompt within",
    "response_prefix": "beginning every response with",
}
ENDS = {
    "budget": "the budget is spent",
    "rounds": "the rounds are done",
    "exhausted": "nothing is left to draw",
    "convergence": "the picture has settled",
}


def render(
    audit: Mapping[str, Any],
    findings: Sequence[Mapping[str, Any]],
    screened: Sequence[Mapping[str, Any]],
    regions: Sequence[Mapping[str, Any]],
    rounds: Sequence[Mapping[str, Any]],
    costs: Mapping[str, Any],
    points: Sequence[Mapping[str, Any]],
    figures: Mapping[str, str],
    behaviours: Sequence[Mapping[str, Any]] = (),
    separability: Mapping[str, Any] | None = None,
    smallest: Sequence[Smallest] = (),
    kinds: Sequence[Mapping[str, Any]] = (),
    notices: Sequence[str] = (),
) -> str:
    """The whole page. `figures` is trusted SVG from scripts/page/figures.py; all else is not."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        finalize=lambda value: printable(value) if isinstance(value, str) else value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in (
        count, decimal, duration, e_value, first_upper, highlighted, messages, percent,
        numbers.points,
    ):  # fmt: skip
        environment.filters[name.__name__] = name
    css = (FOLDER / "page.css").read_text(encoding="utf-8")
    labels = region_labels(regions)
    settings = audit["config"]["audit"]
    unit = settings.get("unit", "prompt")
    sides = audit["bank"].get("sides", {})
    lost = [f"{first_upper(loss)}." for side in sides for loss in losses(side, sides[side])]
    return environment.get_template("page.html.j2").render(
        audit=audit,
        settings=settings,
        css=Markup(css),
        css_hash=base64.b64encode(hashlib.sha256(css.encode()).digest()).decode(),
        figures={name: Markup(svg) for name, svg in figures.items()},
        base=subject_words(settings["base"]),
        intervention=changed_words(settings["base"], settings["intervention"]),
        findings={s: [f for f in findings if f["status"] == s] for s in STATUSES},
        effects=sorted(
            f["minimum_detectable_effect"] for f in findings if f["minimum_detectable_effect"]
        ),
        read=table_rows(sides),
        notices=[n for n in (arithmetic_notice(audit["arithmetic"]), *lost, *notices) if n],
        entries=entries(behaviours, findings),
        first_entry=first_entries(entries(behaviours, findings)),
        untested=left_untested(findings),
        separability=separability,
        told_apart=told_apart(separability, unit),
        by_draw=unit == "draw",
        units=units(unit),
        smallest=smallest,
        found_with=found_with(smallest),
        kinds=kinds,
        most_of_kind=max((kind[side] for kind in kinds for side in SIDES), default=1) or 1,
        of_kinds=findings_of_kinds(findings),
        reasons=reasons,
        stopped=STOPPED,
        stop_words=stop_words,
        behaviour=behaviour,
        counted_as=counted_as,
        measured=measured,
        size=size,
        numbers_in_full=numbers_in_full,
        anchor=anchor,
        eliminated=[row for row in screened if not row["goes_on"]],
        regions=sorted(regions, key=lambda r: (-r["divergence"], r["id"])),
        labels=labels,
        label=lambda region: labels.get(region["id"], region["name"]),
        strong=standing_out(regions),
        false_discoveries=FALSE_DISCOVERIES,
        rounds=rounds,
        costs=costs,
        stages=sorted(costs["stages"], key=lambda s: STAGES.index(s) if s in STAGES else 99),
        assisted=bool(costs["total"]["full"]["requests"] or costs["total"]["full"]["dollars"]),
        telling=telling_texts(points),
        points=points,
        configuration=configuration(audit),
    )


def printable(text: str) -> str:
    """The text with every character that would hide, reorder or break it made visible.

    Control characters, lone surrogates and bidirectional overrides become U+FFFD; a text that is
    already markup is left alone.
    """
    if isinstance(text, Markup):
        return text
    text = text.replace("\r\n", "\n")

    def hides(character):
        return character in _TURNS_ORDER or unicodedata.category(character) in ("Cc", "Cs")

    return "".join("\ufffd" if c not in "\n\t" and hides(c) else c for c in text)


def highlighted(text: str, check: Mapping[str, Any] | None) -> Markup:
    """A text, escaped, with the phrases of a check in <mark>; words compare as in the check."""
    text = printable(text)
    tokens = _tokens(text)
    spans = []
    for phrase in marked(check):
        wanted = phrase.split()
        for first in range(len(tokens) - len(wanted) + 1 if wanted else 0):
            found = tokens[first : first + len(wanted)]
            if [word for word, _, _ in found] == wanted:
                spans.append((found[0][1], found[-1][2]))
    parts, at = [], 0
    for start, end in sorted(spans):
        if end > at:
            start = max(start, at)
            parts += [escape(text[at:start]), Markup("<mark>%s</mark>") % text[start:end]]
            at = end
    return Markup("").join([*parts, escape(text[at:])])


def marked(check: Mapping[str, Any] | None) -> Sequence[str]:
    """Phrases that a reader looks for in the quoted texts of a check, as it spells them: those that
    it counts, or those that are typical of a kind of texts."""
    return (check or {}).get("phrases") or (check or {}).get("name") or ()


def _tokens(text: str) -> list[tuple[str, int, int]]:
    """The words of a text as a check reads them, with where they begin and end."""
    lower = "".join(c.lower() if len(c.lower()) == 1 else c for c in text).replace("’", "'")
    tokens, at = [], 0
    for word in words(text):
        start = lower.find(word, at)
        if start >= 0:
            at = start + len(word)
            tokens.append((word, start, at))
    return tokens


def anchor(finding: Mapping[str, Any]) -> str:
    """The id of a finding's place on the page."""
    return "finding-" + re.sub(r"[^A-Za-z0-9_-]", "-", str(finding["id"]))


def first_entries(found: Sequence[Entry]) -> dict[str, str]:
    """For each finding the entry that shows it in full, the one that it leads or else the first:
    a generic finding may be part of several."""
    first: dict[str, str] = {entry.parts[0]["id"]: entry.id for entry in reversed(found)}
    for entry in found:
        for part in entry.parts:
            first.setdefault(part["id"], entry.id)
    return first


def findings_of_kinds(findings: Sequence[Mapping[str, Any]]) -> dict[int, list[Mapping[str, Any]]]:
    """The findings on each kind of texts, by its number."""
    found: dict[int, list[Mapping[str, Any]]] = {}
    for finding in findings:
        check = finding["check"]
        if check and check.get("kind") == "texts":
            found.setdefault(check["texts"], []).append(finding)
    return found


def first_upper(sentence: str) -> str:
    """A sentence that begins like one."""
    return sentence[:1].upper() + sentence[1:]


def messages(prompt: Any) -> list[tuple[str | None, str]]:
    """A prompt as (role, text) pairs; a plain text has no role."""
    if isinstance(prompt, str):
        return [(None, prompt)]
    return [(str(message["role"]), str(message["content"])) for message in prompt]


def arithmetic_notice(computed: Mapping[str, Mapping[str, int]]) -> str | None:
    """A sentence where the subjects' texts were not all computed in one arithmetic."""
    sides = {side: " and ".join(sorted(names)) for side, names in computed.items() if names}
    if len({name for names in computed.values() for name in names}) < 2:
        return None
    if len(set(sides.values())) == 1:
        return f"The texts of both subjects were computed partly in {sides['base']}."
    return (
        f"The base's texts were computed in {sides['base']}, the intervention's in "
        f"{sides['intervention']}: some of what differs may be a matter of rounding."
    )


def subject_words(subject: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """A subject in words: (phrase, what it names) pairs."""
    if responses := subject.get("responses"):
        found = [("what is recorded in the file", responses["path"])]
        if responses["response"]:
            found.append(("as", responses["response"]))
        return found + [(f"of the {field}", value) for field, value in responses["where"].items()]
    words = _model_words(subject)
    told = [name for name in FIELDS if subject.get(name) not in (None, "", "none")]
    if subject.get("server") or subject.get("dtype") == "auto":  # the machine decides
        told = [name for name in told if name != "dtype"]
    return words + [(FIELDS[name], subject[name]) for name in told]


def _model_words(subject: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    if server := subject.get("server"):
        return [("the model", server["model"]), ("served at", server["url"])]
    return [("the model", subject["model"])]


def changed_words(
    base: Mapping[str, Any], intervention: Mapping[str, Any]
) -> list[tuple[str, str | None]]:
    """The intervention in words, as what differs from the base."""
    if intervention.get("responses") or base.get("responses"):
        return subject_words(intervention)
    if base == intervention:
        return [("the same model, unchanged", None)]
    same = _model_words(base) == _model_words(intervention)
    words = [("the same model", None)] if same else _model_words(intervention)
    before, after = base.get("server") or {}, intervention.get("server") or {}
    if after and after["extra"] != before.get("extra"):
        words.append(("with requests that add", json.dumps(after["extra"])))
    if after and after["identity"] != before.get("identity"):
        words.append(("known as", after["identity"]))
    old = {**base, **(base.get("sampling") or {})}
    new = {**intervention, **(intervention.get("sampling") or {})}
    for name in new:
        if name in ("model", "server", "responses", "sampling") or new[name] == old.get(name):
            continue
        title = name.replace("_", " ")
        if new[name] in (None, "none"):
            words.append((f"without the {title}", old.get(name)))
        elif name in FIELDS:
            words.append((FIELDS[name], new[name]))
        else:
            words.append((f"with {title}", f"{new[name]} instead of {old.get(name)}"))
    return words


def stop_words(reason: str) -> str:
    """Why sampling stopped, as a sentence."""
    name, _, detail = reason.partition(": ")
    return f"Sampling stopped: {ENDS.get(name, name)}{f' ({detail})' if detail else ''}."


def telling_texts(points: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Of each subject the distinct texts that their score sets most apart from the other's."""
    found = {}
    for side, sign in (("base", 1), ("intervention", -1)):
        own = [point for point in points if point["side"] == side]
        own.sort(key=lambda point, sign=sign: (sign * point["score"], point["text"]))
        first = {}
        for point in own:
            first.setdefault(point["text"], point)
        found[side] = list(first.values())[:SHOWN_POINTS]
    return found


def configuration(audit: Mapping[str, Any]) -> str:
    """The audit's configuration with every default, as YAML that the workflow takes as it is."""
    config = audit["config"]
    content: dict[str, Any] = {}
    if config.get("subjects"):
        content["subjects"] = config["subjects"]
    if config.get("bank"):
        content["banks"] = {config["audit"]["bank"]: config["bank"]}
    if config.get("plants"):
        content["plants"] = config["plants"]
    content["audits"] = {audit["audit"]: config["audit"]}
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=88)
