"""Themes: what the validated findings say together, for the top of the report."""

from collections.abc import Mapping, Sequence
from typing import Any

from scripts.assistants.client import BudgetSpent, Pool
from scripts.assistants.questions import themes_question


def themes_of(
    pool: Pool, model: str, findings: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Titles and summaries with the ids of the validated findings that they rest on; none where
    fewer than two were validated or the model gives no answer. They claim nothing of their own."""
    validated = [f for f in findings if f["status"] == "validated"]
    if len(validated) < 2:
        return []
    statements = [f["statement"] for f in validated]
    try:
        (answer,) = pool.ask([themes_question(pool.settings, model, statements)])
    except BudgetSpent:
        return []
    return [
        theme | {"findings": [validated[place]["id"] for place in theme["findings"]]}
        for theme in answer.value or ()
    ]
