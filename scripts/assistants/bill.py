"""What a language model that writes and judges will be asked, before it is: bounds from settings.

The range is for replies that are read at once, by a judge that does not lean: from next to nothing
found, to every hypothesis in every region that is looked at, undecided to the last prompt. In the
worst case each request is repeated once, the placebos are judged on every prompt, too, and every
reply is as long as it may be.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from scripts.assistants import author, questions
from scripts.assistants.isolation import LONGEST_TEXT
from scripts.assistants.prices import price_of
from scripts.evidence.race import TOGETHER, requests

SHORT, LONG = 6.0, 3.0  # characters a token, in texts that take few and many
STATEMENT = 300  # characters at most (isolation.one_line)
MARKS = 120  # characters around a quoted text
CHARACTERS = 6.0  # of a subject's token on average, at most


class Amount(NamedTuple):
    """Requests, tokens and US dollars."""

    requests: float = 0
    input_tokens: float = 0
    output_tokens: float = 0
    dollars: float = 0.0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(*(a + b for a, b in zip(self, other, strict=True)))

    def times(self, factor: float) -> "Amount":
        """So many times as much."""
        return Amount(*(factor * value for value in self))


class Bill(NamedTuple):
    """What a stage asks for: at least, at most, and in the worst case."""

    low: Amount = Amount()
    high: Amount = Amount()
    worst: Amount = Amount()

    def __add__(self, other: "Bill") -> "Bill":
        return Bill(*(a + b for a, b in zip(self, other, strict=True)))

    def within(self, budget: Mapping[str, float | None]) -> "Bill":
        """As far as `assistant.budget` allows."""
        requests, dollars = (
            math.inf if budget[name] is None else budget[name] for name in ("requests", "usd")
        )
        return Bill(
            *(
                a._replace(requests=min(a.requests, requests), dollars=min(a.dollars, dollars))
                for a in self
            )
        )


class Sizes(NamedTuple):
    """Most characters of a prompt and of a response."""

    prompt: float
    response: float


def sizes(prompt: float | None, new_tokens: float | None) -> Sizes:
    """Bounds on texts, from the longest prompt and the most tokens of a response; None is not
    known, which leaves what a request quotes at most."""
    written = None if new_tokens is None else CHARACTERS * new_tokens
    return Sizes(*(min(LONGEST_TEXT, size or LONGEST_TEXT) for size in (prompt, written)))


def propose_bill(
    settings: Mapping[str, Any], prices: str | None, regions: int, text: Sizes
) -> Bill:
    """Writing hypotheses on at most so many regions."""
    model = settings["models"]["strong"]
    shown = author.PAIRS * (text.prompt + 2 * text.response + 3 * MARKS)
    known = author.KNOWN * STATEMENT
    most = author.PASSES * regions * author.EACH
    write = _one(
        settings, prices, model, (questions.WRITE, "x"), shown + known, 200 + 120 * author.EACH
    )
    merge = _one(settings, prices, model, (questions.MERGE, "x"), most * STATEMENT, 100 + 8 * most)
    low = write.low.times(author.PASSES * min(1, regions))
    high = write.high.times(author.PASSES * regions) + merge.high.times(author.PASSES)
    return Bill(low, high, high.times(2))


def screen_bill(
    settings: Mapping[str, Any],
    prices: str | None,
    hypotheses: Sequence[int],
    prompts: int,
    samples: int,
    text: Sizes,
) -> Bill:
    """Judging in the screen pool. hypotheses: how many concern each region at most."""
    model = settings["models"]["cheap"]
    high = _judged(settings, prices, model, hypotheses, prompts * samples, text, 0)
    return Bill(Amount(), high, high.times(2))


def confirm_bill(
    settings: Mapping[str, Any],
    prices: str | None,
    hypotheses: Sequence[int],
    prompts: int,
    samples: int,
    draws: float,
    placebos: int,
    text: Sizes,
) -> Bill:
    """Choosing placebos, judging in the confirm pool, rates and themes. draws: pairs at most, over
    all regions."""
    cheap, strong = settings["models"]["cheap"], settings["models"]["strong"]

    def read(hypotheses, pairs, placebos):
        """Whatever regions the draws go to, the budget bounds them."""
        if len(hypotheses) * pairs > draws:
            hypotheses, pairs = [max(hypotheses)], draws
        return _judged(settings, prices, strong, hypotheses, pairs, text, placebos)

    judged = read(hypotheses, prompts * samples, 1)
    # The rates are the strong model's: on prompts that the cheap one read, or that some had left.
    rates = read(hypotheses, min(prompts, settings["rate_prompts"]) * samples, 1)
    listed = (max(hypotheses, default=0) + 5 * placebos) * STATEMENT
    relate = _one(settings, prices, cheap, (questions.RELATE, "x"), listed, 50 + 25 * placebos)
    whole = max(hypotheses, default=0)
    themes = _one(
        settings, prices, strong, (questions.THEMES, "x"), whole * STATEMENT, 300 + 60 * whole
    )
    high = judged + rates + relate.high.times(len(hypotheses)) + themes.high
    lean = read([1] * len(hypotheses), prompts * samples, placebos)
    return Bill(Amount(), high, (high + lean).times(2))


def confirm_requests(
    samples: Mapping[str, Sequence[int]], hypotheses: Mapping[str, int], rated: int
) -> int:
    """Requests of the confirm stage if none is repeated and nobody is decided before the end.

    samples: pairs of each prompt, by region; hypotheses: how many concern each region; rated:
    prompts a region that are read again for rates. As `confirm_bill`, of known hypotheses.
    """
    judged = sum(
        requests(hypotheses[region]) * (sum(pairs) + sum(pairs[:rated]))
        for region, pairs in samples.items()
    )
    return judged + len(samples) + 1  # placebos are chosen by region; themes


def _judged(settings, prices, model, hypotheses, pairs, text, placebos) -> Amount:
    """Judging so many pairs in each region, ten hypotheses a request."""
    total = Amount()
    for count in hypotheses:
        together = min(count, TOGETHER) + placebos
        quoted = text.prompt + 2 * text.response + 3 * MARKS + together * STATEMENT
        written = questions.judge_tokens(together)
        one = _one(settings, prices, model, (questions.JUDGE, "x"), quoted, written)
        total += one.high.times(requests(count) * pairs)
    return total


def _one(settings, prices, model, texts, quoted: float, written: float) -> Bill:
    """One request that quotes so many characters and is answered in so many tokens at most."""
    about = questions.request("x", settings, model, texts, {}, math.ceil(written))
    fixed = len(about.system)
    price = price_of(model, prices)

    def amount(input_tokens, output_tokens):
        dollars = price.of(input_tokens, output_tokens) if price else 0.0
        return Amount(1, input_tokens, output_tokens, dollars)

    low = amount(fixed / SHORT, 1)
    high = amount((fixed + quoted) / LONG + 50, about.reply_tokens)
    return Bill(low, high, high)
