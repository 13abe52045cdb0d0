"""Thoughts of a subject that thinks before it answers, told apart from its answer; no torch."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from scripts.core.errors import AuditError
from scripts.draws.absence import Absence
from scripts.draws.record import DrawRecord
from scripts.models.settings import AskedThoughts, Formatting, Markers, Thoughts
from scripts.models.thinking import EFFORT, template_arguments
from scripts.servers.sampling import Sampling

FINAL = "<|channel|>final<|message|>"  # gpt-oss: before an answer, behind a thought or without one
# Strings around a thought, by the family of models that writes them; the end is written where a
# thought is ended for the subject, so that it leads into the answer.
MARKERS = (
    ("<think>", "</think>"),  # DeepSeek-R1 and its distillations, Qwen3, GLM, SmolLM3
    ("<|channel|>analysis<|message|>", f"<|end|><|start|>assistant{FINAL}"),
    ("[THINK]", "[/THINK]"),  # Magistral
    ("<seed:think>", "</seed:think>"),
    ("◁think▷", "◁/think▷"),  # Kimi
    ("<thought>", "</thought>"),  # EXAONE Deep
    ("<|START_THINKING|>", "<|END_THINKING|>"),  # Command A Reasoning
    ("<|channel>thought", "<channel|>"),  # Gemma 4
)
MOST = 2048  # tokens of a thought, where a subject does not say
OPEN_ENDED = 0.5  # of a job's texts
OPENS_WITHIN = 32  # tokens in which a thought must have begun, or there is none
FEW, SHARE = 2, 0.01  # texts, of all: more that look like thoughts are no accident
BARE = ("analysis", "assistantfinal")  # what a text of gpt-oss has without its special tokens
NAMED = 4  # characters of a token that is no beginning of anything but a thought


class Thought(NamedTuple):
    """A reply's parts; no thoughts where there are none, `closed` when the answer was reached."""

    thoughts: str | None
    answer: str
    closed: bool


def found_in(template: str) -> Thoughts | None:
    """The `reasoning` settings of a chat template that knows thoughts; None for any other.

    One of the two markers will do, where no family has both: some templates (the first of R1's
    distillations) take thoughts out of what was said before and leave it to the model to begin one,
    others begin it and know nothing of its end.
    """
    both = [(s, e) for s, e in MARKERS if s in template and (e in template or FINAL in e)]
    one = [(s, e) for s, e in MARKERS if s in template or (FINAL if FINAL in e else e) in template]
    if not (found := [*both, *one]):
        return None
    start, end = found[0]
    return {"start": start, "end": end, "max_tokens": MOST, "force_end": True}


def reasoning_of(settings: Formatting, folders: Sequence[Path]) -> Thoughts | None:
    """The `reasoning` that a subject's settings or its template ask for: markers, `max_tokens` and
    `force_end`; None for a subject that does not think.

    folders: where a template may lie, the first that has one counts. Raises AuditError where no
    markers are known.
    """
    given, template = settings.get("reasoning", "auto"), settings["chat_template"]
    if given == "off" or (given == "auto" and not template):
        return None
    found = found_in(template_of(settings, folders))
    if isinstance(given, str):
        return found
    start, end = given["start"], given["end"]
    if found and not (start and end):
        start, end = found["start"], found["end"]
    if not (start and end):
        raise AuditError(
            "`reasoning` needs `start` and `end`, since the chat template knows no thoughts; name "
            "the texts that stand around them"
        )
    return {
        "start": start, "end": end,
        "max_tokens": given["max_tokens"], "force_end": given["force_end"],
    }  # fmt: skip


def require_thoughts(
    of: str, sides: Sequence[tuple[Formatting, Sequence[Path]]], where: str = ""
) -> None:
    """Raise AuditError where thoughts shall be compared and no subject has any. sides: settings of
    subjects that are loaded, and the folders of their templates."""
    if of == "answer" or any(reasoning_of(*side) for side in sides):
        return
    raise AuditError(
        f"`{where}of` is `{of}`, and neither subject thinks: no chat template knows thoughts; "
        "leave it out, or give the subjects' `reasoning` its `start` and `end`"
    )


def template_of(settings: Formatting, folders: Sequence[Path]) -> str:
    """A subject's chat template: the one that its settings give, else of the first folder that has
    one; empty where there is none."""
    given = settings["chat_template"]
    own = None if isinstance(given, bool) else given["text"]
    return own or next(filter(None, map(template_in, folders)), "")


def longest_reply(sampling: Sampling, reasoning: str | AskedThoughts | None = None) -> int:
    """Tokens of a reply at most, from a subject's settings in decode."""
    thoughts = 0 if reasoning is None or isinstance(reasoning, str) else reasoning["max_tokens"]
    return int(sampling["max_new_tokens"] + thoughts)


def most_thoughts(settings: Formatting, folders: Sequence[Path] | None) -> int | None:
    """Tokens of a loaded subject's thoughts at most; none where its template keeps it from them.

    folders: as `reasoning_of` takes them; None are not there yet, and so is what is returned where
    only a template among them tells.
    """
    given, template = settings.get("reasoning", "auto"), settings["chat_template"]
    if not isinstance(given, str):
        return given["max_tokens"]
    if given == "off" or not template:
        return 0
    own = None if isinstance(template, bool) else template["text"]
    if folders is None and not own:
        return None
    said = template_of(settings, folders or ())
    if settings.get("thinking") == "off" and EFFORT not in template_arguments(said):
        return 0
    return MOST if found_in(said) else 0


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


def parts_of(text: str, reasoning: Markers, opened: bool) -> Thought:
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


def header_of(reasoning: Markers) -> str:
    """What stands before an answer that no thought precedes; empty for most families."""
    return FINAL if reasoning["end"].endswith(FINAL) else ""


def ending_of(reasoning: Markers) -> str:
    """What ends a thought for a subject, as it would write it itself."""
    end = reasoning["end"]
    return end if header_of(reasoning) else f"\n{end}\n\n"


def open_ended(texts: Sequence[str | None]) -> bool:
    """Whether most texts of a subject have the end of a thought and no beginning, since its
    template has begun the thought in the prompt."""
    said = [text for text in texts if text is not None]
    ends = sum(any(end in text for _, end in MARKERS) for text in said)
    return ends > OPEN_ENDED * len(said)


def begins_thought(said: str) -> bool:
    """Whether a reply, special tokens with it, begins as a thought does."""
    return said.lstrip().startswith(tuple(start for start, _ in MARKERS))


def looks_thought(record: DrawRecord) -> bool:
    """Whether what counts as a subject's answer looks like a thought."""
    text = record["text"]
    if text is None:
        return False
    bare = text.startswith(BARE[0]) and BARE[1] in text
    ends = any(end in text for _, end in MARKERS)
    return record.get("begins_thought", False) or begins_thought(text) or bare or ends


def likely_thoughts(tokens: Sequence[str]) -> int:
    """How many of the likeliest first tokens of replies begin a thought."""
    said = [token.strip() for token in tokens]
    return sum(len(one) >= NAMED and any(s.startswith(one) for s, _ in MARKERS) for one in said)


def overlooked(found: int, of: int, what: str, remedy: str) -> str | None:
    """What to say when so many texts (count) of all look like thoughts and are taken for answers;
    None where they are few. what: what they are called."""
    if found <= max(FEW, SHARE * of):
        return None
    return (
        f"{found} of {of} {what} look like thoughts, and are compared as if they were answers; "
        f"{remedy}"
    )


def remedy_of(given: str | AskedThoughts, thinks: bool) -> str | None:
    """What can be done where thoughts of a subject that is loaded here are overlooked; None where
    that is as its settings (`given`) have it. thinks: whether it is known to."""
    if given == "off":
        return None
    if thinks:
        return (
            "they do not begin as its `reasoning` says: see its `start`, or give a chat template "
            "that ends with that (`chat_template.file`)"
        )
    return (
        "set the subject's `reasoning` with the `start` and `end` of its thoughts, or "
        "`reasoning: off` where they are to be compared"
    )


def apart_in(record: DrawRecord, given: str | AskedThoughts, opened: bool = False) -> DrawRecord:
    """A served record whose text has thoughts in it, which its server has not told apart, with the
    thoughts beside the answer; any other as it is. given: the subject's `reasoning`; opened:
    whether a text may begin within a thought."""
    text = record["text"]
    if given == "off" or text is None or record.get("thoughts") is not None:
        return record
    if text.lstrip().startswith(FINAL):
        return {**record, "text": text.lstrip().removeprefix(FINAL)}
    known: list[tuple[str, str]] = []
    if not isinstance(given, str) and given["start"] and given["end"]:
        known = [(given["start"], given["end"])]
    for start, end in known or MARKERS:
        if text.lstrip().startswith(start) or ((opened or known) and end in text):
            found = parts_of(text, {"start": start, "end": end}, opened=True)
            if found.closed and found.answer:
                return {**record, "thoughts": found.thoughts, "text": found.answer}
            why = Absence.CUT if record["finished"] is False else Absence.UNANSWERED
            return {**record, "thoughts": found.thoughts, "text": None, "reason": why.value}
    if opened and record["finished"] is False:  # cut before its thought had an end
        return {**record, "thoughts": text.strip(), "text": None, "reason": Absence.CUT.value}
    return record


def thought_ends(
    decode: Callable[[Sequence[int]], str], reasoning: Thoughts, opened: bool
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
