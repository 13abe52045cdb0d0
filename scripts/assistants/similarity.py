"""What was planted beside what was found, as a language model compares them."""

from collections.abc import Sequence

from scripts.assistants.client import BudgetSpent, Pool
from scripts.assistants.questions.similarity import similarity_question
from scripts.assistants.roles import Role
from scripts.core.job import log
from scripts.evidence.reasons import Status
from scripts.hypotheses.finding import Finding
from scripts.hypotheses.similarity import NOT_COMPARED, Similarities, Similarity
from scripts.models.plant_file import PlantedBehaviour

COMPARED = 20  # findings that a request compares with a behaviour


def similarities_of(
    pool: Pool, role: Role, planted: Sequence[PlantedBehaviour], findings: Sequence[Finding]
) -> Similarities:
    """How far each validated finding describes each planted behaviour, by their statements alone.
    No claim rests on it."""
    validated = [f for f in findings if f.status == Status.VALIDATED]
    if not planted:
        return NOT_COMPARED
    parts = [
        (behaviour, validated[start : start + COMPARED])
        for behaviour in planted
        for start in range(0, len(validated), COMPARED)
    ]
    questions = [
        similarity_question(role, b.statement, b.topic, [f.statement for f in some])
        for b, some in parts
    ]
    try:
        answers = pool.ask(questions)
    except BudgetSpent:
        answers = []
    scores = tuple(
        Similarity(behaviour=behaviour.name, finding=some[place].id, score=score)
        for (behaviour, some), answer in zip(parts, answers, strict=False)
        for place, score in sorted((answer.value or {}).items())
    )
    unscored = len(planted) * len(validated) - len(scores)
    if unscored:
        log.warning(
            "%d of %d pairs of a planted behaviour and a finding have no score: %s",
            unscored,
            unscored + len(scores),
            "replies could not be used" if answers else "the budget of the assistant has ended",
        )
    return Similarities(asked=role.title, scores=scores, unscored=unscored)
