"""Thoughts of a subject that thinks before it answers, told apart from its answer; no torch."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from scripts.core.errors import AuditError
from scripts.draws.absence import Absence

FINAL = "<|channel|>final<|message|>"  # gpt-oss: before an answer, behind a thought or without one
# Strings around a thought, by the family of models that writes them; the end is written where a
# thought is ended for the subject, so that it leads into the answer.
MARKERS = (
    ("<think>", "</think>"),  # DeepSeek-R1 and its distillations, Qwen3, GLM, SmolLM3
    ("<|channel|>analysis<|message|>", f"<|end|><|start|>assistant{FINAL}"),
    ("[THINK]", "[/THINK]"),  # Magistral
    ("<seed:think>", "</seed:think>"),
    ("◁think▷", "◁/think▷"),  # Kimi
)
BUDGET = 2048  # tokens of a thought, where a subject does not say
OPEN_ENDED = 0.5  # of a job's texts
OPENS_WITHIN = 32  # tokens in which a thought must have begun, or there is none


class Thought(NamedTuple):
    """A reply's parts; no thoughts where there are none, `closed` when the answer was reached."""

    thoughts: str | None
    answer: str
    closed: bool


def found_in(template: str) -> dict[str, Any] | None:
    """The `reasoning` settings of a chat template that knows thoughts; None for any other."""
    for start, end in MARKERS:
        if start in template and (end in template or start.startswith("<|")):
            return {"start": start, "end": end, "max_tokens": BUDGET, "force_end": True}
    return None


def reasoning_of(settings: Mapping[str, Any], folders: Sequence[Path]) -> dict[str, Any] | None:
    """The `reasoning` that a subject's settings or its template ask for: markers, `max_tokens` and
    `force_end`; None for a subject that does not think.

    folders: where a template may lie, the first that has one counts. Raises AuditError where no
    markers are known.
    """
    given, template = settings.get("reasoning", "auto"), settings["chat_template"]
    if given == "off" or (given == "auto" and not template):
        return None
    found = found_in(template_of(settings, folders))
    if given == "auto":
        return found
    told = {name: value for name, value in given.items() if value is not None}
    if not found and not {"start", "end"} <= set(told):
        raise AuditError(
            "`reasoning` needs `start` and `end`, since the chat template knows no thoughts; name "
            "the texts that stand around them"
        )
    return {**(found or {}), **told}


def require_thoughts(
    of: str, sides: Sequence[tuple[Mapping[str, Any], Sequence[Path]]], where: str = ""
) -> None:
    """Raise AuditError where thoughts shall be compared and no subject has any. sides: settings of
    subjects that are loaded, and the folders of their templates."""
    if of == "answer" or any(reasoning_of(*side) for side in sides):
        return
    raise AuditError(
        f"`{where}of` is `{of}`, and neither subject thinks: no chat template knows thoughts; "
        "leave it out, or give the subjects' `reasoning` its `start` and `end`"
    )


def template_of(settings: Mapping[str, Any], folders: Sequence[Path]) -> str:
    """A subject's chat template: the one that its settings give, else of the first folder that has
    one; empty where there is none."""
    given = settings["chat_template"]
    own = given["text"] if isinstance(given, Mapping) else None
    return own or next(filter(None, map(template_in, folders)), "")


def longest_reply(subject: Mapping[str, Any]) -> int:
    """Tokens of a reply at most, from a subject's settings in decode."""
    reasoning = subject.get("reasoning")
    thoughts = reasoning["max_tokens"] if isinstance(reasoning, Mapping) else 0
    return int(subject["sampling"]["max_new_tokens"] + thoughts)


def template_in(folder: Path) -> str:
    """The chat template of a model's folder, empty where it has none; of several the default."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    config = folder / "tokenizer_config.json"
    known = json.loads(config.read_text(encoding="utf-8")) if config.is_file() else {}
    given = known.get("chat_template") or ""
    if isinstance(given, str):
        return given
    named = {one["name"]: one["template"] for one in given}
    return named.get("default", "")


def parts_of(text: str, reasoning: Mapping[str, Any], opened: bool) -> Thought:
    """A reply's thoughts and its answer. opened: whether the prompt's end began the thought."""
    start, end = reasoning["start"], reasoning["end"]
    said = text.lstrip()
    if (header := header_of(reasoning)) and said.startswith(header):
        return Thought(None, said.removeprefix(header), True)
    if said.startswith(start):
        said = said.removeprefix(start)
    elif not opened:
        return Thought(None, text, True)
    thoughts, closing, answer = said.partition(end)
    return Thought(thoughts.strip(), answer.lstrip(), bool(closing))


def header_of(reasoning: Mapping[str, Any]) -> str:
    """What stands before an answer that no thought precedes; empty for most families."""
    return FINAL if reasoning["end"].endswith(FINAL) else ""


def ending_of(reasoning: Mapping[str, Any]) -> str:
    """What ends a thought for a subject, as it would write it itself."""
    end = reasoning["end"]
    return end if header_of(reasoning) else f"\n{end}\n\n"


def open_ended(texts: Sequence[str | None]) -> bool:
    """Whether most texts of a subject have the end of a thought and no beginning, since its
    template has begun the thought in the prompt."""
    said = [text for text in texts if text is not None]
    ends = sum(any(end in text for _, end in MARKERS) for text in said)
    return ends > OPEN_ENDED * len(said)


def apart_in(
    record: Mapping[str, Any], given: str | Mapping[str, Any], opened: bool = False
) -> dict[str, Any]:
    """A served record whose text has thoughts in it, which its server has not told apart, with the
    thoughts beside the answer; any other as it is. given: the subject's `reasoning`; opened:
    whether a text may begin within a thought."""
    text = record["text"]
    if given == "off" or text is None or record.get("thoughts") is not None:
        return dict(record)
    if text.lstrip().startswith(FINAL):
        return {**record, "text": text.lstrip().removeprefix(FINAL)}
    known = [(m["start"], m["end"]) for m in [given] if isinstance(m, Mapping) and m["start"]]
    for start, end in known or MARKERS:
        if text.lstrip().startswith(start) or ((opened or known) and end in text):
            found = parts_of(text, {"start": start, "end": end}, opened=True)
            said = {**record, "thoughts": found.thoughts, "text": found.answer}
            if found.closed and found.answer:
                return said
            why = Absence.CUT if record["finished"] is False else Absence.UNANSWERED
            return said | {"text": None, "reason": why.value}
    if opened and record["finished"] is False:  # cut before its thought had an end
        cut = {"text": None, "reason": Absence.CUT.value}
        return {**record, "thoughts": text.strip(), **cut}
    return dict(record)


def thought_ends(
    decode: Callable[[Sequence[int]], str], reasoning: Mapping[str, Any], opened: bool
) -> Callable[[list[int]], bool]:
    """Whether a reply's tokens have come to the end of a thought, or show that there is none.

    decode: tokens as text, special ones too. Of long replies the last tokens are looked at, of
    which each is a byte at least.
    """
    start, end, header = reasoning["start"], reasoning["end"], header_of(reasoning)
    window = len(end.encode()) + 8

    def ended(tokens: list[int]) -> bool:
        if not opened and len(tokens) <= OPENS_WITHIN:
            said = decode(tokens).lstrip()
            if header and said.startswith(header):
                return True
            if not said.startswith(start) and not start.startswith(said):
                return not header.startswith(said)
        return end in decode(tokens[-window:])

    return ended
