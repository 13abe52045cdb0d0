"""What a language model that writes and judges will be asked, before it is: bounds from settings.

The range is for a judge that does not lean: from next to nothing found, to every hypothesis in
every region that is looked at, undecided to the last prompt, one reply in ten asked for again. In
the worst case each request is repeated once, the placebos are judged on every prompt, too, and
every statement and reply is as long as it may be.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from scripts.assistants import author as writing
from scripts.assistants import banks, probes, similarity
from scripts.assistants.author import Manner
from scripts.assistants.banks import Wanted
from scripts.assistants.questions.banks import PROMPTS, TOPICS, prompts_tokens, topics_tokens
from scripts.assistants.questions.form import request
from scripts.assistants.questions.judging import JUDGE, judge_tokens
from scripts.assistants.questions.placebos import RELATE, relate_tokens
from scripts.assistants.questions.probing import PROBE, probe_tokens
from scripts.assistants.questions.similarity import SIMILARITY, similarity_tokens
from scripts.assistants.questions.themes import THEMES, themes_tokens
from scripts.assistants.questions.writing import (
    MERGE,
    REVIEW,
    WRITE,
    merge_tokens,
    review_tokens,
    write_tokens,
)
from scripts.assistants.quoting import LONGEST_TEXT
from scripts.assistants.roles import (
    Budget,
    ConfirmRoles,
    Role,
    ScreenRoles,
    deciding_of,
    shares_read,
)
from scripts.assistants.usage import Amount
from scripts.evidence.request_counts import TOGETHER, requests
from scripts.judging.calibration import READ_BY_STRONG, reading_in_screen

SHORT, LONG = 6.0, 3.0  # characters a token, in texts that take few and many
STATEMENT = 300  # characters at most (quoting.one_line)
USUAL = 150  # characters at most where the 25 words are kept to that are asked for
REPEATED = 1.1, 2.0  # requests for each question, at the end of the range and in the worst case
MARKS = 120  # characters around a quoted text
CHARACTERS = 6.0  # of a subject's token on average, at most


@dataclass(frozen=True)
class Bill:
    """What a stage asks for before it is known: an amount at least, at most, and in the worst
    case."""

    low: Amount = field(default_factory=Amount)
    high: Amount = field(default_factory=Amount)
    worst: Amount = field(default_factory=Amount)

    def __add__(self, other: "Bill") -> "Bill":
        return Bill(self.low + other.low, self.high + other.high, self.worst + other.worst)

    def within(self, budget: Budget) -> "Bill":
        """As far as `assistant.budget` allows."""
        limit = budget.limit
        return Bill(self.low.at_most(limit), self.high.at_most(limit), self.worst.at_most(limit))


class Sizes(NamedTuple):
    """Most characters of a prompt and of a response."""

    prompt: float
    response: float


def sizes(prompt: float | None, new_tokens: float | None) -> Sizes:
    """Bounds on texts, from the longest prompt and the most tokens of a response; None is not
    known, which leaves what a request quotes at most."""
    written = None if new_tokens is None else CHARACTERS * new_tokens
    return Sizes(*(min(LONGEST_TEXT, size or LONGEST_TEXT) for size in (prompt, written)))


class Pool(NamedTuple):
    """What a hypothesis is judged on in a region, at most."""

    prompts: int
    samples: int  # of each prompt

    @property
    def pairs(self) -> int:
        return self.prompts * self.samples


class Probing(NamedTuple):
    """Hypotheses that prompts are written for, by the author and by the user, at most; prompts of
    either kind for each of them, and samples of those on which it should show."""

    written: int
    own: int
    prompts: int
    samples: int

    @property
    def draws(self) -> int:
        """Draws of each subject."""
        return (self.written + self.own) * self.prompts * (self.samples + 1)


class Compared(NamedTuple):
    """Planted behaviours, and findings that are compared with each of them, at most."""

    planted: int
    findings: int

    @property
    def requests(self) -> int:
        return self.planted * -(-self.findings // similarity.COMPARED)


NOTHING_PLANTED = Compared(0, 0)


@dataclass(frozen=True)
class Meter:
    """Counts what an assistant will be asked, from its roles and the sizes of what it reads."""

    text: Sizes

    def write(self, author: Role, wanted: Wanted) -> Bill:
        """Writing the prompts of a bank, and naming their topics."""
        topics = len(wanted.topics) or wanted.topics_asked
        share = max(wanted.shares(topics))
        about = len(wanted.description or "")
        shown = about + MARKS + min(share, banks.KNOWN) * STATEMENT
        one = self._most(author, PROMPTS, shown, prompts_tokens(min(banks.EACH, share)))
        most = one.times(topics * wanted.waves(topics))
        if wanted.topics_asked:
            most += self._most(author, TOPICS, about, topics_tokens(topics))
        usual, worst = REPEATED
        least = self._least(author, PROMPTS).times(-(-wanted.prompts // banks.EACH))
        return Bill(least, most.times(usual), most.times(worst))

    def propose(self, author: Role, regions: int, manner: Manner) -> Bill:
        """Writing hypotheses on at most so many regions."""
        least = self._least(author, WRITE)
        return _bill(
            least.times(manner.passes * min(1, regions)),
            lambda statement: self._written(author, regions, manner, 0, statement),
            Amount(),
        )

    def screen(
        self, roles: ScreenRoles, hypotheses: Sequence[int], pool: Pool, again: Manner | None
    ) -> Bill:
        """Judging in the screen pool, where who judges the claims reads a little, too, and a second
        cycle. hypotheses: how many concern each region at most."""
        cheap, author, regions = roles.cheap, roles.author, len(hypotheses)
        read = min(pool.prompts, READ_BY_STRONG)

        def asked(statement: int) -> Amount:
            judged = self._judged(cheap, hypotheses, pool.pairs, statement, placebos=0)
            for judge in reading_in_screen(roles):
                judged += self._judged(judge, hypotheses, read, statement, placebos=0)
            if author is None or again is None:
                return judged
            fresh = [again.of_a_region(regions)] * regions
            written = self._written(author, regions, again, again.hypotheses, statement)
            return judged + written + self._judged(cheap, fresh, pool.pairs, statement, placebos=0)

        return _bill(Amount(), asked, Amount())

    def _written(
        self, author: Role, regions: int, manner: Manner, before: int, statement: int
    ) -> Amount:
        """Writing, merging and reviewing; before: hypotheses that there are already."""
        shown = manner.pairs * (self.text.prompt + 2 * self.text.response + 3 * MARKS)
        told = shown + writing.KNOWN * statement
        write = self._most(author, WRITE, told, write_tokens(manner.each))
        requests = manner.requests(regions)
        fresh, total = manner.each * requests, Amount()
        of_pass = math.ceil(fresh / manner.passes)
        for step in range(manner.passes):
            for start in range(0, of_pass, writing.COMPARED):
                most = before + step * of_pass + min(start + writing.COMPARED, of_pass)
                tokens = merge_tokens(most)
                total += self._most(author, MERGE, most * statement, tokens)
        for _ in range(0, min(fresh, manner.hypotheses), writing.REVIEWED):
            quoted, tokens = writing.REVIEWED * statement, review_tokens(writing.REVIEWED)
            total += self._most(author, REVIEW, quoted, tokens)
        return total + write.times(requests)

    def probe(self, author: Role, roles: ConfirmRoles, wanted: Probing, placebos: int) -> Bill:
        """Writing prompts, reading the half that explores, and judging the other: all that decide
        the claims read the matched prompts, too, and the others a share of the rest."""
        most = min(probes.EACH, wanted.prompts)
        steps = -(-wanted.prompts // probes.EACH) + probes.SPARE
        matched = -(-wanted.prompts // 2)  # pairs of half the prompts
        shown, probed = matched * wanted.samples, wanted.written + wanted.own
        deciding = deciding_of(roles.judges, roles.panel)

        def read(role: Role, pairs: float, statement: int, placebos: int) -> Amount:
            return self._judged(role, [1], pairs, statement, placebos)

        def asked(statement: int) -> Amount:
            quoted = (probes.EXAMPLES + probes.KNOWN) * (self.text.prompt + MARKS) + statement
            write = self._most(author, PROBE, quoted, probe_tokens(most))
            of_one = read(roles.cheap, shown + matched, statement, 0)
            of_one += self._relate(roles.cheap, 1, placebos, statement)
            for judge, share in shares_read(roles.judges, roles.panel):
                of_one += read(judge, share * shown, statement, 1)
            for judge in deciding:
                of_one += read(judge, matched, statement, 1)
            return write.times(steps * wanted.written) + of_one.times(probed)

        lean = sum((read(judge, shown, STATEMENT, placebos) for judge in deciding), Amount())
        return _bill(Amount(), asked, lean.times(probed))

    def confirm(
        self,
        roles: ConfirmRoles,
        hypotheses: Sequence[int],
        pool: Pool,
        draws: float,
        placebos: int,
        compared: Compared = NOTHING_PLANTED,
    ) -> Bill:
        """Choosing placebos, judging in the confirm pool, rates, themes, and how alike findings and
        what was planted are. draws: pairs at most, over all regions."""
        whole = max(hypotheses, default=0)

        def within(hypotheses: Sequence[int], pairs: float) -> tuple[Sequence[int], float]:
            """Whatever regions the draws go to, the budget bounds them."""
            if len(hypotheses) * pairs > draws:
                return [max(hypotheses)], draws
            return hypotheses, pairs

        def read(pairs: float, statement: int) -> Amount:
            total = Amount()
            for judge, share in shares_read(roles.judges, roles.panel):
                one = self._judged(judge, *within(hypotheses, pairs), statement, 1)
                total += one.times(share)
            return total

        def asked(statement: int) -> Amount:
            judged = read(pool.pairs, statement)
            # The rates are the strong model's: on prompts that the cheap one read, or some had
            # left.
            rated = Pool(min(pool.prompts, roles.rate_prompts), pool.samples)
            rates = read(rated.pairs, statement)
            relate = self._relate(roles.cheap, whole, placebos, statement)
            themes = self._most(roles.themes, THEMES, whole * statement, themes_tokens(whole))
            shown = (1 + similarity.COMPARED) * statement
            tokens = similarity_tokens(similarity.COMPARED)
            alike = self._most(roles.themes, SIMILARITY, shown, tokens).times(compared.requests)
            return judged + rates + relate.times(len(hypotheses)) + themes + alike

        each, pairs = [1] * len(hypotheses), pool.pairs
        lean = sum(
            (
                self._judged(judge, *within(each, pairs), STATEMENT, placebos)
                for judge in deciding_of(roles.judges, roles.panel)
            ),
            Amount(),
        )
        return _bill(Amount(), asked, lean)

    def _relate(self, role: Role, hypotheses: int, placebos: int, statement: int) -> Amount:
        """Choosing the placebos of a region."""
        listed = (hypotheses + 5 * placebos) * statement
        return self._most(role, RELATE, listed, relate_tokens(5 * placebos))

    def _judged(
        self, role: Role, hypotheses: Sequence[int], pairs: float, statement: int, placebos: int
    ) -> Amount:
        """Judging so many pairs in each region, ten hypotheses a request."""
        total = Amount()
        for count in hypotheses:
            together = min(count, TOGETHER) + placebos
            quoted = self.text.prompt + 2 * self.text.response + 3 * MARKS + together * statement
            one = self._most(role, JUDGE, quoted, judge_tokens(together))
            total += one.times(requests(count) * pairs)
        return total

    def _least(self, role: Role, system: str) -> Amount:
        """A request that quotes next to nothing and is answered by nothing."""
        return self._amount(role, len(system) / SHORT, 1)

    def _most(self, role: Role, system: str, quoted: float, written: float) -> Amount:
        """A request that quotes so many characters and is answered in so many tokens at most."""
        most = math.ceil(written)
        about = request("x", role, (system, "x"), {}, most)
        return self._amount(role, (len(system) + quoted) / LONG + 50, about.reply_tokens)

    def _amount(self, role: Role, input_tokens: float, output_tokens: float) -> Amount:
        dollars = role.dollars(input_tokens, output_tokens)
        return Amount(1, input_tokens, output_tokens, dollars)


def _bill(low: Amount, asked: Callable[[int], Amount], worst: Amount) -> Bill:
    """asked: what is asked if statements have so many characters; worst: what may come on top."""
    usual, most = REPEATED
    return Bill(low, asked(USUAL).times(usual), (asked(STATEMENT) + worst).times(most))
