"""How the server of loopback.py is told to misbehave, and what it has counted."""

import math
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Behaviour:
    """Shares of attempts that go wrong, and how the judge judges."""

    busy: float = 0.0  # 429
    broken: float = 0.0  # 500
    silent: float = 0.0  # no answer within `silence` seconds
    truncated: float = 0.0  # an answer that ends before it is whole
    reset: float = 0.0  # the connection is cut
    garbage: float = 0.0  # a paid reply that is no JSON
    refused: float = 0.0  # a paid reply that is a refusal
    delay: float = 0.0  # seconds
    silence: float = 1.5
    accuracy: float = 1.0  # else the judge answers by a coin
    mind: str = ""  # what tells the coins of one judge from another's
    repeats: float = 0.0  # share of a bank's prompts that repeat others
    longer: float = 0.0  # share of statements that the longer response gets
    refuse_when: str | None = None  # a text in the request that is always refused
    cut: float = 0.0  # a paid reply that its token limit ends while it thinks
    hidden: float = 0.0  # an error with status 200
    thinks: float = 0.0  # a thought with a draft before the answer
    drafts: float = 0.0  # a draft and words around the answer
    fences: float = 0.0  # the answer in a code fence
    ignores: float = 0.0  # an answer of another shape than the schema's
    words: float = 0.0  # numbers and verdicts in words
    reasons: bool = False  # a thought with a draft beside the answer
    forms: tuple[str, ...] | None = None  # of replies that may be asked for; others are rejected
    # Of what a subject is asked: shares of prompts, or of draws, that always end so.
    long: float = 0.0  # prompts that do not fit into the context: 400
    fails: float = 0.0  # prompts on which the server fails: 500
    filters: float = 0.0  # prompts that a filter turns away: 400
    ponders: float = 0.0  # thoughts beside the answer
    obeys: bool = True  # no thoughts where the template is told so
    drowns: float = 0.0  # thoughts that the token limit ends
    silences: float = 0.0  # thoughts and no answer
    finishes: bool = True  # replies end by themselves
    greedy: bool = False  # at temperature 0 the prompt alone decides
    rejects: tuple[str, ...] = ()  # fields that newer models do not take
    excludes: tuple[str, ...] = ()  # fields that it does not take together
    fingerprint: str | None = None
    listed: dict | None = None  # what /models says of the model
    looks: int = 2  # at a batch before it has ended
    expires: float = 0.0  # share of a batch's requests that it does not reach
    holds: float = math.inf  # replies after which no request gets one
    status: int | None = None  # every request ends with this
    message: str = "as told"
    kinds: Counter = field(default_factory=Counter)
    styles: Counter = field(default_factory=Counter)
