"""A language model judging pairs of responses: whole prompts, several hypotheses a request.

A `ModelJudge` is a function from what a race wants to Judgements. One with a cheap model and one
with a strong one can be put one after the other: each has its own coins and placebo draws. Several
are a `Majority`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from scripts.assistants.client import Answer, Pool, Question
from scripts.assistants.questions.judging import Verdicts, judge_question
from scripts.assistants.roles import Role
from scripts.core.randomness import hash_generator
from scripts.evidence.request_counts import TOGETHER
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.judgement import Judgement
from scripts.hypotheses.pairs import Pair
from scripts.prompts.prompt import Prompt, prompt_of

PLACEBO = "placebo "  # before the number of a placebo among the names in a request
MAJORITY = "majority"  # what several judges are called as one
Asked = Mapping[str, tuple[str, Sequence[str]]]  # region: (prompt, hypotheses)
Judged = dict[str, dict[str, Judgement | None]]  # region: {hypothesis: None where a reply was lost}
Judging = Callable[[Asked], Callable[[], Judged]]  # from what is asked to a wait for Judgements
Answers = Sequence[Answer[Verdicts]]


class Judge(Protocol):
    """Who judges: a model, or several as one."""

    title: str

    def __call__(self, asked: Asked) -> Callable[[], Judged]: ...
    def expect(self, requests: int) -> None: ...
    def all_placebos(
        self, prompts: Iterable[tuple[str, str]]
    ) -> dict[str, tuple[float | None, ...]]: ...


class Part(NamedTuple):
    """What requests about one prompt have in common: up to ten hypotheses, and a placebo."""

    region: str
    prompt: str
    names: Sequence[str]
    drawn: int | None


class ModelJudge:
    """One model that judges the pairs of one pool.

    hypotheses: by id, with `behaviour` and `direction`; placebos: statements by region; pairs: of a
    prompt, in the order of their samples; texts: of the prompts; drawn_by: whose placebos it is
    asked, its own unless told.
    """

    def __init__(
        self,
        pool: Pool,
        role: Role,
        hypotheses: Iterable[Hypothesis],
        placebos: Mapping[str, Sequence[str]],
        pairs: Mapping[str, Sequence[Pair]],
        texts: Mapping[str, str],
        seed: int,
        drawn_by: str | None = None,
    ):
        self.pool, self.role, self.title, self.seed = pool, role, role.title, seed
        self._hypotheses = {h.id: h for h in hypotheses}
        self._placebos, self._pairs, self._texts = placebos, pairs, texts
        self._drawn_by = drawn_by or self.title
        self._all: dict[str, tuple[float | None, ...]] = {}  # placebo scores, by prompt
        self._samples = max(map(len, pairs.values()), default=1)

    def __call__(self, asked: Asked) -> Callable[[], Judged]:
        """Have one prompt in each region judged, all of its samples, for the hypotheses named; the
        function given waits for it.

        Hypotheses share requests, and each request carries the placebo drawn for the prompt.
        Raises BudgetSpent before anything is sent.
        """
        parts = self.parts(asked)
        waiting = self.pool.start(self.questions(parts))
        return lambda: self.judgements(parts, waiting(), self.title)

    def expect(self, requests: int) -> None:
        """Say that at most so many more requests come for each sample of a prompt."""
        self.pool.expect(requests * self._samples)

    def all_placebos(
        self, prompts: Iterable[tuple[str, str]]
    ) -> dict[str, tuple[float | None, ...]]:
        """The score of every placebo on each (region, prompt), by prompt."""
        prompts = list(dict.fromkeys(prompts))
        fresh = [(region, prompt) for region, prompt in prompts if prompt not in self._all]
        self._all |= self.placebo_scores(fresh, self.pool.ask(self.placebo_questions(fresh)))
        return {prompt: self._all[prompt] for _, prompt in prompts}

    def parts(self, asked: Asked) -> list[Part]:
        """What is asked, as it is shared out among requests."""
        found = []
        for region, (prompt, names) in asked.items():
            drawn, ordered = self._drawn(region, prompt), sorted(names)
            for start in range(0, len(ordered), TOGETHER):
                found.append(Part(region, prompt, ordered[start : start + TOGETHER], drawn))
        return found

    def questions(self, parts: Sequence[Part]) -> list[Question[Verdicts]]:
        """The requests for these, one for each sample of each."""
        found = []
        for region, prompt, names, drawn in parts:
            statements = {name: self._hypotheses[name].behaviour or "" for name in names}
            if drawn is not None:
                statements[f"{PLACEBO}{drawn}"] = self._placebos[region][drawn]
            found += self._questions(prompt, statements)
        return found

    def judgements(self, parts: Sequence[Part], given: Answers, title: str) -> Judged:
        """What the answers to `questions` say, of the judge who is called so."""
        answers = iter(given)
        found: Judged = {part.region: {} for part in parts}
        for part in parts:
            samples = [next(answers) for _ in self._pairs[part.prompt]]
            for name in part.names:
                found[part.region][name] = self._judgement(name, part, samples, title)
        return found

    def placebo_questions(self, prompts: Iterable[tuple[str, str]]) -> list[Question[Verdicts]]:
        """The requests for all placebos on each (region, prompt)."""
        questions = []
        for region, prompt in prompts:
            names = {f"{PLACEBO}{n}": s for n, s in enumerate(self._placebos[region])}
            questions += self._questions(prompt, names)
        return questions

    def placebo_scores(
        self, prompts: Iterable[tuple[str, str]], given: Answers
    ) -> dict[str, tuple[float | None, ...]]:
        """What the answers to `placebo_questions` say, by prompt."""
        answers, found = iter(given), {}
        for region, prompt in prompts:
            samples = [next(answers) for _ in self._pairs[prompt]]
            count = len(self._placebos[region])
            found[prompt] = tuple(_score(f"{PLACEBO}{n}", samples) for n in range(count))
        return found

    def _drawn(self, region: str, prompt: str) -> int | None:
        count = len(self._placebos.get(region, ()))
        chance = hash_generator("placebo", self.seed, region, prompt, self._drawn_by)
        return int(chance.integers(count)) if count else None

    def _questions(self, prompt: str, statements: Mapping[str, str]) -> list[Question[Verdicts]]:
        return [
            judge_question(
                self.role,
                (self._texts[prompt], prompt, sample),
                (pair.base, pair.intervention),
                statements,
                self.seed,
            )
            for sample, pair in enumerate(self._pairs[prompt])
        ]

    def _judgement(self, name: str, part: Part, samples: Answers, title: str) -> Judgement | None:
        """One hypothesis on one prompt; a prompt of which a reply was lost is missing."""
        if any(sample.outcome == "lost" for sample in samples):
            return None
        shown = [s.value[name] for s in samples if s.value is not None]
        less = self._hypotheses[name].direction == "less"
        base, intervention = (sum(verdicts[i] for verdicts in shown) / len(samples) for i in (0, 1))
        placebos: list[float | None] = [None] * len(self._placebos.get(part.region, ()))
        if part.drawn is not None:
            score = _score(f"{PLACEBO}{part.drawn}", samples) or 0.0
            # A judge that leans to one side leans against a "less" as it leans for a "more".
            placebos[part.drawn] = -score if less else score
        if less:  # what is shown is the absence, as in the local assistant's checks
            answered = len(shown) / len(samples)
            base, intervention = answered - base, answered - intervention
        return Judgement(
            name,
            part.region,
            part.prompt,
            base,
            intervention,
            None,
            tuple(placebos),
            part.drawn,
            sum(s.outcome == "refused" for s in samples),
            sum(s.outcome in ("unparsable", "truncated") for s in samples),
            title,
            _telling(name, samples, (less, not less)),
            inapplicable=sum(name in s.value.inapplicable for s in samples if s.value is not None),
            asked=tuple(sample.id for sample in samples),
        )


class Majority:
    """Several models as one judge, each asked everything, in an order of its own: a response shows
    a statement where more than half of them say so. All are asked about the same placebo.

    `own` are the judgements of each by itself, which decide nothing.
    """

    title = MAJORITY

    def __init__(self, members: Sequence[ModelJudge]):
        self._members, self._first, self._pool = members, members[0], members[0].pool
        self._all: dict[str, tuple[float | None, ...]] = {}
        self.own: list[Judgement] = []

    def __call__(self, asked: Asked) -> Callable[[], Judged]:
        """As of a ModelJudge. A reply that is lost to one is lost to all."""
        parts = self._first.parts(asked)
        waiting = self._pool.start([q for m in self._members for q in m.questions(parts)])

        def judged() -> Judged:
            of_members = self._shared_out(waiting())
            for member, answers in zip(self._members, of_members, strict=True):
                for of_region in member.judgements(parts, answers, member.title).values():
                    self.own += filter(None, of_region.values())
            together = [*map(as_one, zip(*of_members, strict=True))]
            return self._first.judgements(parts, together, self.title)

        return judged

    def expect(self, requests: int) -> None:
        """As of a ModelJudge."""
        self._first.expect(requests * len(self._members))

    def all_placebos(
        self, prompts: Iterable[tuple[str, str]]
    ) -> dict[str, tuple[float | None, ...]]:
        """As of a ModelJudge."""
        prompts = list(dict.fromkeys(prompts))
        fresh = [(region, prompt) for region, prompt in prompts if prompt not in self._all]
        answers = self._pool.ask([q for m in self._members for q in m.placebo_questions(fresh)])
        together = [*map(as_one, zip(*self._shared_out(answers), strict=True))]
        self._all |= self._first.placebo_scores(fresh, together)
        return {prompt: self._all[prompt] for _, prompt in prompts}

    def _shared_out(self, answers: Answers) -> list[Answers]:
        """The answers of each member, which were asked as many questions."""
        each = len(answers) // len(self._members)
        return [answers[n * each : (n + 1) * each] for n in range(len(self._members))]


def as_one(answers: Answers) -> Answer[Verdicts]:
    """The answers of several judges to one question as the majority's, with the first one's id. Who
    gave none says of no response that it shows anything; where most gave none, the answer is none
    either."""
    name_of_first = answers[0].id
    if any(answer.outcome == "lost" for answer in answers):
        return Answer("lost")
    given = [answer.value for answer in answers if answer.value is not None]
    if 2 * len(given) <= len(answers):
        reasons = Counter(answer.outcome for answer in answers if answer.value is None)
        return Answer(reasons.most_common(1)[0][0], id=name_of_first)

    def side(name: str, place: int) -> bool:
        return 2 * sum(shown[name][place] for shown in given) > len(answers)

    found = Verdicts({name: (side(name, 0), side(name, 1)) for name in given[0]})
    aside = Counter(name for shown in given for name in shown.inapplicable)
    found.inapplicable = {name for name, count in aside.items() if 2 * count > len(answers)}
    return Answer("answered", found, id=name_of_first)


def _telling(name: str, samples: Answers, wanted: tuple[bool, bool]) -> int:
    """The first sample with the wanted verdict, else the first of all."""
    verdicts = [sample.value and sample.value[name] for sample in samples]
    return verdicts.index(wanted) if wanted in verdicts else 0


def _score(name: str, samples: Answers) -> float | None:
    """Mean pair score of a placebo; samples without a verdict count 0. None where one was lost."""
    if any(sample.outcome == "lost" for sample in samples):
        return None
    shown = [s.value[name] for s in samples if s.value is not None]
    return sum(intervention - base for base, intervention in shown) / len(samples)


def pairs_by_prompt(pairs: Iterable[Pair]) -> dict[str, list[Pair]]:
    """The pairs of each prompt, in the order given: that of their samples."""
    found: dict[str, list[Pair]] = {}
    for pair in pairs:
        found.setdefault(pair.prompt, []).append(pair)
    return found


class PromptTexts(dict[str, str]):
    """The text of each prompt by its id, or by the name of one of its draws."""

    def __missing__(self, unit: str) -> str:
        prompt = prompt_of(unit)
        if prompt == unit:
            raise KeyError(unit)
        return self[prompt]


def prompt_texts(bank: Iterable[Prompt]) -> PromptTexts:
    """The text of each prompt of a bank; a dialogue as lines that begin with the role."""
    return PromptTexts((prompt.id, prompt.transcript) for prompt in bank)
