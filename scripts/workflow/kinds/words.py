"""A subject in words, for the page."""

from scripts.workflow.kinds.kind import Dump, Words, in_words
from scripts.workflow.kinds.registry import FIELDS, kind_of

TITLES = {
    "revision": "at revision",
    "dtype": "in",
    "quantization": "quantised to",
    "adapter": "with the adapter",
    "adapter_revision": "at the adapter's revision",
    "system_prompt": "with the system prompt",
    "prompt_template": "with the prompt within",
    "response_prefix": "beginning every response with",
}


def subject_words(subject: Dump) -> Words:
    """A subject in words: (phrase, what it names) pairs."""
    kind = kind_of(subject)
    words = kind.words(subject)
    if kind.idle:
        return words
    told = [name for name in TITLES if subject.get(name) not in (None, "", "none")]
    if kind.name != "loaded" or subject["dtype"] == "auto":  # the machine decides
        told = [name for name in told if name != "dtype"]
    return words + [(TITLES[name], _listed(subject[name])) for name in told]


def _listed(value: str | list[str | None] | None) -> str | None:
    """One value, or several in the order in which they are applied."""
    return " and then ".join(filter(None, value)) if isinstance(value, list) else value


def changed_words(base: Dump, intervention: Dump) -> Words:
    """The intervention in words, as what differs from the base."""
    kind, former = kind_of(intervention), kind_of(base)
    if kind.idle or former.idle:
        return subject_words(intervention)
    if base == intervention:
        return [("the same model, unchanged", None)]
    words = kind.words(intervention)
    if kind == former and words == kind.words(base):
        words = [("the same model", None)]
    words += kind.changed(base, intervention)
    old = {**base, **(base.get("sampling") or {})}
    new = {**intervention, **(intervention.get("sampling") or {})}
    for name in new:
        if name in (*FIELDS, "sampling") or new[name] == old.get(name):
            continue
        title = name.replace("_", " ")
        if new[name] in (None, "none"):
            words.append((f"without the {title}", _listed(old.get(name))))
        elif name in TITLES:
            words.append((TITLES[name], _listed(new[name])))
        else:
            before, after = in_words(old[name]), in_words(new[name])
            words.append((f"with {title}", f"{after} instead of {before}"))
    return words
