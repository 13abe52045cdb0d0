"""A language model judging pairs of responses: whole prompts, several hypotheses a request.

A `ModelJudge` is a function from what a race wants to Judgements. One with a cheap model and one
with a strong one can be put one after the other: each has its own coins and placebo draws.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from scripts.assistants.client import Answer, Pool
from scripts.assistants.questions import judge_question
from scripts.assistants.roles import Role
from scripts.core.randomness import hash_generator
from scripts.evidence.limits import TOGETHER
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.judgement import Judgement
from scripts.hypotheses.pairs import Pair
from scripts.prompts.prompt import Prompt, prompt_of

PLACEBO = "placebo "  # before the number of a placebo among the names in a request
Asked = Mapping[str, tuple[str, Sequence[str]]]  # region: (prompt, hypotheses)
Judged = dict[str, dict[str, Judgement | None]]  # region: {hypothesis: None where a reply was lost}


class ModelJudge:
    """One model that judges the pairs of one pool.

    hypotheses: by id, with `behaviour` and `direction`; placebos: statements by region; pairs: of a
    prompt, in the order of their samples; texts: of the prompts.
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
    ):
        self.pool, self.role, self.model, self.seed = pool, role, role.title, seed
        self._hypotheses = {h.id: h for h in hypotheses}
        self._placebos, self._pairs, self._texts = placebos, pairs, texts
        self._all: dict[str, tuple[float | None, ...]] = {}  # placebo scores, by prompt

    def __call__(self, asked: Asked) -> Callable[[], Judged]:
        """Have one prompt in each region judged, all of its samples, for the hypotheses named; the
        function given waits for it.

        Hypotheses share requests, and each request carries the placebo drawn for the prompt.
        Raises BudgetSpent before anything is sent.
        """
        parts, questions = [], []
        for region, (prompt, names) in asked.items():
            drawn, ordered = self._drawn(region, prompt), sorted(names)
            for start in range(0, len(ordered), TOGETHER):
                together = ordered[start : start + TOGETHER]
                statements = {name: self._hypotheses[name].behaviour or "" for name in together}
                if drawn is not None:
                    statements[f"{PLACEBO}{drawn}"] = self._placebos[region][drawn]
                parts.append((region, prompt, together, drawn))
                questions += self._questions(prompt, statements)
        waiting = self.pool.start(questions)

        def judged() -> Judged:
            answers = iter(waiting())
            found: Judged = {region: {} for region in asked}
            for region, prompt, together, drawn in parts:
                samples = [next(answers) for _ in self._pairs[prompt]]
                for name in together:
                    found[region][name] = self._judgement(name, region, prompt, samples, drawn)
            return found

        return judged

    def expect(self, requests: int) -> None:
        """Say that at most so many more requests come for each sample of a prompt."""
        samples = max((len(pairs) for pairs in self._pairs.values()), default=1)
        self.pool.expect(requests * samples)

    def all_placebos(
        self, prompts: Iterable[tuple[str, str]]
    ) -> dict[str, tuple[float | None, ...]]:
        """The score of every placebo on each (region, prompt), by prompt."""
        prompts = list(dict.fromkeys(prompts))
        fresh = [(region, prompt) for region, prompt in prompts if prompt not in self._all]
        questions = []
        for region, prompt in fresh:
            names = {f"{PLACEBO}{n}": s for n, s in enumerate(self._placebos[region])}
            questions += self._questions(prompt, names)
        answers = iter(self.pool.ask(questions))
        for region, prompt in fresh:
            samples = [next(answers) for _ in self._pairs[prompt]]
            count = len(self._placebos[region])
            self._all[prompt] = tuple(_score(f"{PLACEBO}{n}", samples) for n in range(count))
        return {prompt: self._all[prompt] for _, prompt in prompts}

    def _drawn(self, region: str, prompt: str) -> int | None:
        count = len(self._placebos.get(region, ()))
        chance = hash_generator("placebo", self.seed, region, prompt, self.model)
        return int(chance.integers(count)) if count else None

    def _questions(self, prompt: str, statements: Mapping[str, str]) -> list[Any]:
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

    def _judgement(
        self,
        name: str,
        region: str,
        prompt: str,
        samples: Sequence[Answer[dict[str, tuple[bool, bool]]]],
        drawn: int | None,
    ) -> Judgement | None:
        """One hypothesis on one prompt; a prompt of which a reply was lost is missing."""
        if any(sample.outcome == "lost" for sample in samples):
            return None
        shown = [s.value[name] for s in samples if s.value is not None]
        less = self._hypotheses[name].direction == "less"
        base, intervention = (sum(verdicts[i] for verdicts in shown) / len(samples) for i in (0, 1))
        placebos: list[float | None] = [None] * len(self._placebos.get(region, ()))
        if drawn is not None:
            score = _score(f"{PLACEBO}{drawn}", samples) or 0.0
            # A judge that leans to one side leans against a "less" as it leans for a "more".
            placebos[drawn] = -score if less else score
        if less:  # what is shown is the absence, as in the local assistant's checks
            answered = len(shown) / len(samples)
            base, intervention = answered - base, answered - intervention
        return Judgement(
            name,
            region,
            prompt,
            base,
            intervention,
            None,
            tuple(placebos),
            drawn,
            sum(s.outcome == "refused" for s in samples),
            sum(s.outcome in ("unparsable", "truncated") for s in samples),
            self.model,
            _telling(name, samples, (less, not less)),
        )


def _telling(name: str, samples: Sequence[Answer], wanted: tuple[bool, bool]) -> int:
    """The first sample with the wanted verdict, else the first of all."""
    verdicts = [sample.value and sample.value[name] for sample in samples]
    return verdicts.index(wanted) if wanted in verdicts else 0


def _score(name: str, samples: Sequence[Answer]) -> float | None:
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
