"""Replies of a loaded subject, plain ones and those of a subject that thinks first.

A subject that thinks is decoded in two phases: its thoughts within a limit of their own, then,
from behind them, the answer within `max_new_tokens`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from scripts.draws.absence import Absence, absent
from scripts.draws.draw import Draw
from scripts.draws.record import DrawRecord
from scripts.models.formatting import before_stop
from scripts.models.generation import Decoded, generate
from scripts.models.reasoning import (
    OPENS_WITHIN,
    begins_thought,
    ending_of,
    parts_of,
    thought_ends,
)
from scripts.models.subject import ends_at

PORTION = 4  # batches that are thought and answered before others begin: lost when a job dies


@dataclass(frozen=True)
class SubjectReply:
    """What a subject said in one draw; thoughts and their tokens (count) where it thought."""

    text: str | None
    tokens: int
    finished: bool
    log_probability: float | None = None
    thoughts: str | None = None
    thought_tokens: int = 0
    absence: Absence | None = None
    begins_thought: bool = False
    """Whether it began as a thought does, though its subject is not known to think."""

    @classmethod
    def of(
        cls, tokenizer, reply: Decoded, strings: Sequence[str], *, after_thought: bool = False
    ) -> "SubjectReply":
        """A reply as text, up to the first of the strings that end it; after a thought, without
        the white space that it begins with."""
        said = tokenizer.decode(reply.tokens, skip_special_tokens=True)
        said = said.lstrip() if after_thought else said
        text = before_stop(said, strings)
        finished = reply.finished or text != said
        return cls(text, len(reply.tokens), finished, reply.log_probability)

    def record(self, prefix: str) -> DrawRecord:
        """As the record cache keeps it, behind the text that each response begins with."""
        if self.absence is not None:
            kept = absent(self.absence, self.tokens)
        else:
            text = prefix + (self.text or "")
            kept = {"text": text, "tokens": self.tokens, "finished": self.finished}
        if self.log_probability is not None:
            kept["log_probability"] = round(self.log_probability, 4)
        if self.thoughts is not None:
            kept["thoughts"], kept["thought_tokens"] = self.thoughts, self.thought_tokens
        if self.begins_thought:
            kept["begins_thought"] = True
        return kept


def uniforms(
    groups: Sequence[Sequence[Draw]], seed: int, steps: int, after: int = 0
) -> list[list[np.ndarray]]:
    """Each draw's numbers for `steps` tokens, behind those for `after` others."""
    return [[draw.uniforms(seed, after + steps)[after:] for draw in group] for group in groups]


def plain_replies(
    model, tokenizer, ids, groups, settings, seed, decoding
) -> Iterator[list[tuple[int, int, SubjectReply]]]:
    """Replies as `generate` gives them."""
    sampling = settings["sampling"]
    strings = sampling.get("stop", ())
    for replies in generate(
        model,
        ids,
        uniforms(groups, seed, sampling["max_new_tokens"]),
        sampling,
        keep_log_probabilities=settings.get("log_probabilities", False),
        ended=ends_at(tokenizer, strings),
        **decoding,
    ):
        said = [(p, s, r, SubjectReply.of(tokenizer, r, strings)) for p, s, r in replies]
        yield [(p, s, replace(one, begins_thought=_thinks(tokenizer, r))) for p, s, r, one in said]


def _thinks(tokenizer, reply: Decoded) -> bool:
    """Whether a reply begins as a thought does. In some families special tokens say so, which its
    text does not have."""
    return begins_thought(tokenizer.decode(reply.tokens[:OPENS_WITHIN], skip_special_tokens=False))


def thought_replies(
    model, tokenizer, ids, groups, settings, seed, decoding
) -> Iterator[list[tuple[int, int, SubjectReply]]]:
    """Replies of a subject that thinks, a portion of the draws at a time.

    ids: the prompts' tokens; groups: each prompt's draws; decoding: what `generate` is told of stop
    tokens, padding and the batch. (prompt, stream, reply), the first two being indices.
    """
    whole = [(p, s) for p, group in enumerate(groups) for s in range(len(group))]
    size = PORTION * decoding["batch_size"]
    for first in range(0, len(whole), size):
        portion = whole[first : first + size]
        yield _portion(model, tokenizer, ids, groups, settings, seed, decoding, portion)


def _portion(
    model, tokenizer, ids, groups, settings, seed, decoding, portion: Sequence[tuple[int, int]]
) -> list[tuple[int, int, SubjectReply]]:
    reasoning, sampling = settings["thoughts"], settings["sampling"]
    strings, steps = sampling.get("stop", ()), sampling["max_new_tokens"]
    shown = partial(tokenizer.decode, skip_special_tokens=False)
    opened = shown(ids[0]).rstrip().endswith(reasoning["start"])
    draws = [[groups[p][s]] for p, s in portion]
    first = _each(
        generate(
            model, [ids[p] for p, _ in portion],
            uniforms(draws, seed, reasoning["max_tokens"]),
            sampling | {"max_new_tokens": reasoning["max_tokens"]},
            ended=thought_ends(shown, reasoning, opened), **decoding,
        )
    )  # fmt: skip
    forced = tokenizer(ending_of(reasoning), add_special_tokens=False)["input_ids"]
    behind: dict[int, list[int]] = {}  # place in the portion: what the answer follows
    parts = {row: parts_of(shown(reply.tokens), reasoning, opened) for row, reply in first.items()}
    for row, reply in first.items():
        if reply.finished:
            continue
        if parts[row].closed:
            behind[row] = reply.tokens
        elif reasoning["force_end"]:
            behind[row] = [*reply.tokens, *forced]
    second = {}
    if behind:
        rows = list(behind)
        replies = _each(
            generate(
                model, [[*ids[portion[row][0]], *behind[row]] for row in rows],
                uniforms([draws[row] for row in rows], seed, steps, reasoning["max_tokens"]),
                sampling, keep_log_probabilities=settings.get("log_probabilities", False),
                ended=ends_at(tokenizer, strings, after_thought=True), **decoding,
            )
        )  # fmt: skip
        second = {rows[place]: reply for place, reply in replies.items()}
    return [
        (*portion[row], _said(tokenizer, reply, parts[row], second.get(row), steps, strings))
        for row, reply in first.items()
    ]


def _each(replies: Iterator[list[tuple[int, int, Decoded]]]) -> dict[int, Decoded]:
    return {prompt: reply for some in replies for prompt, _, reply in some}


def _said(
    tokenizer, first: Decoded, part, second: Decoded | None, steps: int, strings
) -> SubjectReply:
    """One reply from its two phases. Where there was no thought, the first holds the answer's
    beginning."""
    if part.thoughts is None:
        answer = second or Decoded([], first.finished)
        begun = first.tokens if part.answer else []  # nothing of it but what stands before answers
        tokens = [*begun, *answer.tokens]
        ended = answer.finished and len(tokens) <= steps
        return SubjectReply.of(tokenizer, Decoded(tokens[:steps], ended), strings)
    if second is None:
        why = Absence.UNANSWERED if first.finished else Absence.CUT
        said = SubjectReply(None, 0, first.finished, absence=why)
    else:
        said = SubjectReply.of(tokenizer, second, strings, after_thought=True)
    return replace(said, thoughts=part.thoughts, thought_tokens=len(first.tokens))
