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

from scripts.assistants.features import FEATURES
from scripts.evidence.limits import BEYOND
from scripts.page.figures import FALSE_DISCOVERIES, region_labels, standing_out

FOLDER = Path(__file__).resolve().parent
STAGES = (
    "model", "plant", "bank", "regions", "plan", "decode", "embed", "measure", "propose", "screen",
    "confirm", "report",
)  # fmt: skip
STATUSES = ("validated", "suggestive", "unsupported", "untested")
SHOWN_POINTS = 6  # texts quoted beside the map, of each subject
THIN = "\u202f"
# Embeddings and overrides turn the reading order of what follows them.
_TURNS_ORDER = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")  # as in scripts.assistants.checks.words
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

GATES = {
    "not shown on texts cut to equal length": "When both responses are cut to the same length, the "
    "evidence falls short: the difference may only be that one subject writes more.",
    "no placebo of a similar base rate was found": "No placebo sentence with a similar rate was "
    "found, so nothing tells whether the responses lean as a whole.",
    "the responses lean: a placebo does as well": "The responses lean as a whole: a placebo "
    "sentence, which says something else, does as well as this one.",
}
STOPPED = {
    "validated": "The test ended early because the evidence sufficed.",
    "hopeless": "The test ended early: even winning every prompt left could not have sufficed.",
    "futile": "The test ended early: its effect is below what was worth finding.",
    "exhausted": "Every prompt planned for it was used.",
    "budget": "The budget of the assistant ended before it was decided.",
    "no prompts": "The confirm pool held no prompt of its regions.",
    "draws": "The budget of confirm draws (`confirm.draws`) did not reach to it.",
    "unpaid": "The budget of the assistant (`assistant.budget`) did not reach to it.",
}
FIELDS = {
    "revision": "at revision",
    "dtype": "in",
    "quantization": "quantised to",
    "adapter": "with the adapter",
    "adapter_revision": "at the adapter's revision",
    "system_prompt": "with the system prompt",
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
    for name in (count, decimal, duration, e_value, highlighted, messages, percent):
        environment.filters[name.__name__] = name
    css = (FOLDER / "page.css").read_text(encoding="utf-8")
    labels = region_labels(regions)
    settings = audit["config"]["audit"]
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
        arithmetic=arithmetic_notice(audit["arithmetic"]),
        reasons=reasons,
        stopped=STOPPED,
        stop_words=stop_words,
        behaviour=behaviour,
        anchor=lambda finding: "finding-" + re.sub(r"[^A-Za-z0-9_-]", "-", str(finding["id"])),
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
    tokens = [
        (match[0].lower().replace("’", "'"), match.start(), match.end())
        for match in _WORD.finditer(text)
    ]
    spans = []
    for phrase in (check or {}).get("phrases") or []:
        words = phrase.split()
        for first in range(len(tokens) - len(words) + 1 if words else 0):
            found = tokens[first : first + len(words)]
            if [word for word, _, _ in found] == words:
                spans.append((found[0][1], found[-1][2]))
    parts, at = [], 0
    for start, end in sorted(spans):
        if end > at:
            start = max(start, at)
            parts += [escape(text[at:start]), Markup("<mark>%s</mark>") % text[start:end]]
            at = end
    return Markup("").join([*parts, escape(text[at:])])


def messages(prompt: Any) -> list[tuple[str | None, str]]:
    """A prompt as (role, text) pairs; a plain text has no role."""
    if isinstance(prompt, str):
        return [(None, prompt)]
    return [(str(message["role"]), str(message["content"])) for message in prompt]


def behaviour(check: Mapping[str, Any] | None) -> str:
    """What the rates of a finding count, to be read after "responses that"; for less and more."""
    if not check:
        return "show it"
    if check.get("kind") == "phrases":
        return "say " + " or ".join(f"“{phrase}”" for phrase in check["phrases"])
    return FEATURES.get(check.get("feature"), (f"show “{check.get('feature')}”",))[0]


def reasons(finding: Mapping[str, Any], hypotheses: int, power: float = 0.8) -> list[str]:
    """Why a finding is not validated, as sentences; none for a validated one."""
    status = finding["status"]
    if status == "validated":
        return []
    stopped = STOPPED.get(finding["stopped"])
    if status == "suggestive":
        gates = [GATES.get(gate, f"It failed a gate: {gate}.") for gate in finding["gates_failed"]]
        return gates or [
            "Its evidence is notable, but not enough for the error control over all "
            f"{hypotheses} hypotheses."
        ]
    if status == "untested":
        if finding["stopped"] in BEYOND:
            return [stopped]
        few = "There were too few prompts to decide, even had it won all of them."
        return [few, stopped] if stopped else [few]
    effect = finding["minimum_detectable_effect"]
    could = (
        f"An effect of {percent(effect)} of prompts would have been found with a chance of "
        f"{percent(power)}."
        if effect
        else "With so many losses, no effect could have been found with the prompts at hand."
    )
    return [sentence for sentence in (stopped, could) if sentence]


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
    if subject.get("responses"):
        return [("ready responses in the file", subject["responses"])]
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


# Numbers for people


def count(value: float) -> str:
    """A whole number with its thousands apart."""
    return f"{round(value):,}"


def decimal(value: float | None, digits: int = 3) -> str:
    """A number to so many significant digits; a dash where there is none."""
    if value is None:
        return "–"
    if value and abs(value) < 1e-4:
        return _scientific(value)
    shown = count(value) if abs(value) >= 100 else f"{value:.{digits}g}"
    return shown.replace("-", "−")


def percent(share: float | None) -> str:
    """A share as a percentage: two significant digits, never more than one decimal place."""
    if share is None:
        return "–"
    if 0 < share < 0.001:
        return f"<{THIN}0.1{THIN}%"
    places = 1 if 0 < share < 0.0995 or 0.9905 < share < 1 else 0
    return f"{100 * share:.{places}f}".removesuffix(".0") + f"{THIN}%"


def e_value(value: float | None) -> str:
    """An e-value to three significant digits, large ones in powers of ten."""
    if value is None:
        return "–"
    if value >= 1e100:
        return "> 10¹⁰⁰"
    return _scientific(value) if value >= 1e6 else decimal(value)


def duration(seconds: float) -> str:
    """Seconds in words short enough for a table."""
    if seconds < 100:
        return f"{seconds:.1f}{THIN}s" if seconds < 10 else f"{seconds:.0f}{THIN}s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes}{THIN}min"
    return f"{minutes // 60}{THIN}h {minutes % 60:02d}{THIN}min"


def _scientific(value: float) -> str:
    mantissa, exponent = f"{value:.1e}".split("e")
    return (
        f"{mantissa.replace('-', '−')}{THIN}×{THIN}10{str(int(exponent)).translate(_SUPERSCRIPT)}"
    )
