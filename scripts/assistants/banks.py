"""A language model writing the prompts of a bank, on topics that are given or that it names."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from scripts.assistants.client import Answer, BudgetSpent, Pool, Question
from scripts.assistants.questions.banks import prompts_question, topics_question
from scripts.assistants.roles import Role
from scripts.assistants.settings import WriteSettings
from scripts.checks.sameness import Distinct
from scripts.core.errors import AuditError
from scripts.core.randomness import hash_unit
from scripts.prompts.prompt import MOST_REGIONS, PROMPTS_A_REGION
from scripts.prompts.written import Authored, AuthoredPrompt, Shortfall

EACH = 20  # prompts that a request asks for
KNOWN = 60  # prompts of a topic that a request is told, not to be written again


class Wanted(NamedTuple):
    """What is to be written: so many prompts of a description, on topics, or on those that the
    author names where there are none; `passes` requests more for a topic, at most, where prompts
    are left out; `seed`: which of several such sets of prompts."""

    description: str | None
    topics: Sequence[str]
    prompts: int
    passes: int
    seed: int

    @classmethod
    def of(cls, settings: WriteSettings) -> "Wanted":
        """As the stage is told."""
        return cls(
            settings["description"],
            settings["topics"],
            settings["prompts"],
            settings["passes"],
            settings["seed"],
        )

    @property
    def topics_asked(self) -> int:
        """Topics that the author is asked to name, none where they are given: as many as there
        would be regions."""
        by_size = max(1, min(MOST_REGIONS, self.prompts // PROMPTS_A_REGION))
        return 0 if self.topics else by_size

    def shares(self, topics: int) -> list[int]:
        """Prompts of each of so many topics, about as many of every one."""
        least, more = divmod(self.prompts, topics)
        return [least + (place < more) for place in range(topics)]

    def waves(self, topics: int) -> int:
        """Requests for a topic at most, of so many topics."""
        return -(-max(self.shares(topics)) // EACH) + self.passes


def write_bank(pool: Pool, author: Role, wanted: Wanted) -> tuple[list[AuthoredPrompt], Authored]:
    """The prompts, topic by topic, and what became of what was asked for.

    What repeats another prompt, of whatever topic, is left out, counted, and asked for again. When
    the budget ends, what was written stays. Raises AuditError where that is nothing.
    """
    topics = list(wanted.topics) or _named(pool, author, wanted)
    writing, short = _Writing(author, wanted, topics), None
    pool.expect(wanted.waves(len(topics)) * len(topics))
    for _ in range(wanted.waves(len(topics))):
        if short or not (lacking := writing.lacking()):
            break
        answers = _asked(pool, [writing.question(topic) for topic in lacking])
        for topic, answer in zip(lacking, answers, strict=False):
            writing.take(topic, answer)
        if len(answers) < len(lacking):
            short = Shortfall.BUDGET
    if writing.lacking():
        short = short or Shortfall.PASSES
    return writing.rows, writing.report(short)


class _Writing:
    """What is written so far, topic by topic."""

    def __init__(self, author: Role, wanted: Wanted, topics: Sequence[str]):
        self._author, self._wanted = author, wanted
        self._shares = dict(zip(topics, wanted.shares(len(topics)), strict=True))
        self._rows: dict[str, list[AuthoredPrompt]] = {topic: [] for topic in topics}
        self._distinct, self._left_out = Distinct(), Counter[str]()
        self._asked = Counter[str]()

    @property
    def rows(self) -> list[AuthoredPrompt]:
        return [row for of_topic in self._rows.values() for row in of_topic]

    def lacking(self) -> list[str]:
        """The topics that have less than their share."""
        return [t for t, share in self._shares.items() if len(self._rows[t]) < share]

    def question(self, topic: str) -> Question[list[str]]:
        """What to ask for a topic, told of what it has: where that is much, of some by chance."""
        self._asked[topic] += 1
        part, seed = self._asked[topic], self._wanted.seed

        def turn(text: str) -> float:
            return hash_unit("bank", seed, part, text)

        known = [row.prompt for row in self._rows[topic]]
        if len(known) > KNOWN:
            known = sorted(known, key=turn)[:KNOWN]
        count = min(EACH, self._shares[topic] - len(self._rows[topic]))
        place = f"part {part} of set {seed + 1}"
        return prompts_question(self._author, topic, self._wanted.description, known, count, place)

    def take(self, topic: str, answer: Answer[list[str]]) -> None:
        """Keep what an answer brings that is new, as far as the topic needs it."""
        if answer.value is None:
            self._left_out["unanswered"] += 1
        for text in answer.value or ():
            if left_out := self._distinct.add(text) if text else "empty":
                self._left_out[left_out] += 1
            else:
                self._rows[topic].append(AuthoredPrompt(text, topic, answer.id))

    def report(self, short: Shortfall | None) -> Authored:
        """What became of it. Raises AuditError where nothing was written."""
        if not self.rows:
            raise AuditError(_nothing(self._author, short))
        return Authored(
            by=self._author.title,
            description=self._wanted.description,
            topics={topic: len(rows) for topic, rows in self._rows.items()},
            topics_by="user" if self._wanted.topics else "author",
            wanted=self._wanted.prompts,
            prompts=len(self.rows),
            repeated=self._left_out["repeated"],
            alike=self._left_out["alike"],
            empty=self._left_out["empty"],
            unanswered=self._left_out["unanswered"],
            short=short,
        )


def _asked(pool: Pool, questions: Sequence[Question[list[str]]]) -> list[Answer[list[str]]]:
    """The answers to as many of the questions, in their order, as the budget covers."""
    started = []
    for question in questions:
        try:
            started.append(pool.start([question]))
        except BudgetSpent:
            break
    return [answer for answers in started for answer in answers()]


def _named(pool: Pool, author: Role, wanted: Wanted) -> list[str]:
    """Topics that the author names. Raises AuditError where it names none."""
    question = topics_question(author, wanted.description or "", wanted.topics_asked)
    answers = _asked(pool, [question])
    if not answers:
        raise AuditError(_nothing(author, Shortfall.BUDGET))
    if answers[0].value is None:
        raise AuditError(
            f"the model `{author.model}` named no topics of a bank's description "
            f"({answers[0].outcome}); give `topics` beside it, or name another `author`"
        )
    return answers[0].value


def _nothing(author: Role, short: Shortfall | None) -> str:
    if short == Shortfall.BUDGET:
        return "the `budget` of a bank that is written does not cover a single request; raise it"
    return (
        f"the model `{author.model}` wrote no prompt that can be used: its replies were refused, "
        "unreadable, cut off or lost; say more in `description`, or name another `author`"
    )
