"""What was planted on purpose, and which validated findings name it, by the plant file's checks;
and how alike a language model finds their statements.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scripts.core.rows import ROW
from scripts.evidence.reasons import Status
from scripts.hypotheses.finding import Finding
from scripts.hypotheses.judgement import Judgement, deciding
from scripts.hypotheses.pairs import Pair
from scripts.hypotheses.similarity import Similarity
from scripts.models.plant_file import PlantedBehaviour

MOST = 0.5  # of the prompts that a finding is won on, the intervention must show the behaviour
PART = 0.25  # of those judged that show the behaviour, the finding must be won on


@dataclass(frozen=True, slots=True)
class Alike:
    """A validated finding beside a planted behaviour."""

    __pydantic_config__ = ROW

    finding: str
    """Its id."""
    score: int
    """How far it describes the behaviour, 1 to 100, as a language model says."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """A planted behaviour on the fresh prompts."""

    __pydantic_config__ = ROW

    name: str
    """As the plant file has it."""
    statement: str
    """As the plant file has it."""
    base: float | None
    """Share of the prompts on which the base shows it at all by its check, 0 to 1; none without a
    check."""
    intervention: float | None
    """Share on which the intervention does."""
    findings: list[str]
    """Ids of the validated findings that name it by its check."""
    similar: list[Alike]
    """Validated findings by how alike a language model finds them, the most alike first."""


def recovered(
    planted: Iterable[PlantedBehaviour],
    findings: Iterable[Finding],
    judgements: Iterable[Judgement],
    pairs: Sequence[Pair],
    scores: Sequence[Similarity] = (),
) -> list[Recovered]:
    """What became of each behaviour that has a check or scores; pairs: of the fresh prompts, of all
    regions.

    A finding names a behaviour when it is won where the intervention shows it: on MOST of the
    prompts that it is won on, and on PART of those that show it and that were judged, by who
    decides the claims.
    """
    validated = [f for f in findings if f.status == Status.VALIDATED]
    judged: dict[str, set[str]] = {f.id: set() for f in validated}
    won: dict[str, set[str]] = {f.id: set() for f in validated}
    for judgement in deciding(judgements):
        name = judgement.hypothesis
        if name in judged:
            judged[name].add(judgement.prompt)
            if judgement.signs[0] > 0:
                won[name].add(judgement.prompt)
    prompts = {pair.prompt for pair in pairs}
    found = []
    for behaviour in planted:
        similar = [Alike(s.finding, s.score) for s in scores if s.behaviour == behaviour.name]
        similar.sort(key=lambda alike: -alike.score)
        if (pattern := behaviour.pattern) is None:
            if similar:
                told = behaviour.name, behaviour.statement
                found.append(Recovered(*told, None, None, [], similar))
            continue
        base = {p.prompt for p in pairs if pattern.search(p.base)}
        shown = {p.prompt for p in pairs if pattern.search(p.intervention)}
        names = [f.id for f in validated if _names(won[f.id], shown, shown & judged[f.id])]
        found.append(
            Recovered(
                behaviour.name,
                behaviour.statement,
                len(base) / max(1, len(prompts)),
                len(shown) / max(1, len(prompts)),
                names,
                similar,
            )
        )
    return found


def _names(won: set[str], shown: set[str], judged: set[str]) -> bool:
    """judged: prompts that show the behaviour and were judged."""
    both = len(won & shown)
    return bool(both) and both >= MOST * len(won) and both >= PART * len(judged)
