"""Themes: what the validated findings say together, for the top of the report."""

from collections.abc import Sequence

from scripts.assistants.client import BudgetSpent, Pool
from scripts.assistants.questions import themes_question
from scripts.assistants.roles import Role
from scripts.evidence.reasons import Status
from scripts.hypotheses.finding import Finding, Theme


def themes_of(pool: Pool, role: Role, findings: Sequence[Finding]) -> list[Theme]:
    """Titles and summaries with the ids of the validated findings that they rest on; none where
    fewer than two were validated or the model gives no answer. They claim nothing of their own."""
    validated = [f for f in findings if f.status == Status.VALIDATED]
    if len(validated) < 2:
        return []
    statements = [f.statement for f in validated]
    try:
        (answer,) = pool.ask([themes_question(role, statements)])
    except BudgetSpent:
        return []
    return [
        Theme(title=title, summary=summary, findings=tuple(validated[n].id for n in places))
        for title, summary, places in answer.value or ()
    ]
