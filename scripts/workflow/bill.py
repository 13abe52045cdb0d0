"""What a language model that writes and judges will be asked, before it is: bounds from settings.

The range is for a judge that does not lean: from next to nothing found, to every hypothesis in
every region that is looked at, undecided to the last prompt, one reply in ten asked for again. In
the worst case each request is repeated once, the placebos are judged on every prompt, too, and
every statement and reply is as long as it may be.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from scripts.assistants import author, questions
from scripts.assistants.prices import price_of
from scripts.assistants.quoting import LONGEST_TEXT
from scripts.evidence.limits import TOGETHER, requests

SHORT, LONG = 6.0, 3.0  # characters a token, in texts that take few and many
STATEMENT = 300  # characters at most (isolation.one_line)
USUAL = 150  # characters at most where the 25 words are kept to that are asked for
REPEATED = 1.1, 2.0  # requests for each question, at the end of the range and in the worst case
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
    most = author.PASSES * regions * author.EACH
    written = 200 + 120 * author.EACH

    def asked(statement: int) -> Amount:
        known = author.KNOWN * statement
        write = _most(settings, prices, model, questions.WRITE, shown + known, written)
        merge = _most(settings, prices, model, questions.MERGE, most * statement, 100 + 8 * most)
        return write.times(author.PASSES * regions) + merge.times(author.PASSES)

    low = _least(prices, model, questions.WRITE).times(author.PASSES * min(1, regions))
    return _bill(low, asked, Amount())


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

    def asked(statement: int) -> Amount:
        return _judged(settings, prices, model, hypotheses, prompts * samples, text, 0, statement)

    return _bill(Amount(), asked, Amount())


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
    whole = max(hypotheses, default=0)

    def read(hypotheses, pairs, placebos, statement):
        """Whatever regions the draws go to, the budget bounds them."""
        if len(hypotheses) * pairs > draws:
            hypotheses, pairs = [max(hypotheses)], draws
        return _judged(settings, prices, strong, hypotheses, pairs, text, placebos, statement)

    def asked(statement: int) -> Amount:
        judged = read(hypotheses, prompts * samples, 1, statement)
        # The rates are the strong model's: on prompts that the cheap one read, or some had left.
        rates = read(hypotheses, min(prompts, settings["rate_prompts"]) * samples, 1, statement)
        listed = (whole + 5 * placebos) * statement
        relate = _most(settings, prices, cheap, questions.RELATE, listed, 50 + 25 * placebos)
        found = whole * statement
        themes = _most(settings, prices, strong, questions.THEMES, found, 300 + 60 * whole)
        return judged + rates + relate.times(len(hypotheses)) + themes

    lean = read([1] * len(hypotheses), prompts * samples, placebos, STATEMENT)
    return _bill(Amount(), asked, lean)


def _bill(low: Amount, asked: Callable[[int], Amount], worst: Amount) -> Bill:
    """asked: what is asked if statements have so many characters; worst: what may come on top."""
    usual, most = REPEATED
    return Bill(low, asked(USUAL).times(usual), (asked(STATEMENT) + worst).times(most))


def _judged(settings, prices, model, hypotheses, pairs, text, placebos, statement) -> Amount:
    """Judging so many pairs in each region, ten hypotheses a request."""
    total = Amount()
    for count in hypotheses:
        together = min(count, TOGETHER) + placebos
        quoted = text.prompt + 2 * text.response + 3 * MARKS + together * statement
        written = questions.judge_tokens(together)
        one = _most(settings, prices, model, questions.JUDGE, quoted, written)
        total += one.times(requests(count) * pairs)
    return total


def _least(prices: str | None, model: str, system: str) -> Amount:
    """A request that quotes next to nothing and is answered by nothing."""
    return _amount(prices, model, len(system) / SHORT, 1)


def _most(settings, prices, model: str, system: str, quoted: float, written: float) -> Amount:
    """A request that quotes so many characters and is answered in so many tokens at most."""
    about = questions.request("x", settings, model, (system, "x"), {}, math.ceil(written))
    return _amount(prices, model, (len(system) + quoted) / LONG + 50, about.reply_tokens)


def _amount(prices: str | None, model: str, input_tokens: float, output_tokens: float) -> Amount:
    price = price_of(model, prices)
    dollars = price.of(input_tokens, output_tokens) if price else 0.0
    return Amount(1, input_tokens, output_tokens, dollars)
