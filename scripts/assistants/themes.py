"""Themes: what the validated findings say together, for the top of the report."""

from collections.abc import Mapping, Sequence

from scripts.assistants.client import BudgetSpent, Pool
from scripts.assistants.questions.themes import Example, Topic, themes_question
from scripts.assistants.roles import Role
from scripts.evidence.reasons import Status
from scripts.hypotheses.finding import Finding, Theme
from scripts.hypotheses.pairs import Pair

LEAST = 6  # validated findings: fewer are read as they are
PROMPTS = 2  # of each region that are shown


def themes_of(
    pool: Pool,
    role: Role,
    findings: Sequence[Finding],
    pairs: Sequence[Pair],
    texts: Mapping[str, str],
    focus: str | None = None,
) -> list[Theme]:
    """Titles and summaries with the ids of the validated findings that they rest on; none of a few
    findings, or where the model gives no answer. They claim nothing of their own.

    pairs: of the pool that tested them; texts: of its prompts; focus: what the reader asks above
    all.
    """
    validated = [f for f in findings if f.status == Status.VALIDATED]
    if len(validated) < LEAST:
        return []
    where = {region.id: region for finding in validated for region in finding.regions}
    names = {region: f"topic {number}" for number, region in enumerate(sorted(where), 1)}
    prompts: dict[str, dict[str, None]] = {region: {} for region in where}
    for pair in pairs:
        if pair.region in prompts and len(prompts[pair.region]) < PROMPTS:
            prompts[pair.region][pair.prompt] = None
    topics = {
        name: Topic(where[region].name, [texts[prompt] for prompt in prompts[region]])
        for region, name in names.items()
    }
    said = [described(finding, names) for finding in validated]
    examples = {
        number: Example(finding.evidence[0].base, finding.evidence[0].intervention)
        for number, finding in enumerate(validated, 1)
        if finding.evidence
    }
    try:
        (answer,) = pool.ask([themes_question(role, said, topics, examples, focus)])
    except BudgetSpent:
        return []
    return [
        Theme(title=title, summary=summary, findings=tuple(validated[n].id for n in places))
        for title, summary, places in answer.value or ()
    ]


def described(finding: Finding, topics: Mapping[str, str]) -> str:
    """A finding as data: what it says, how often either subject shows it, on what, and how many
    prompts decided."""
    said = finding.statement
    if finding.behaviour:
        said = f"the intervention model {finding.direction} often {finding.behaviour}"
    parts = [said]
    base, intervention, apart = finding.rate_base, finding.rate_intervention, finding.difference
    if base and intervention:
        rates = f"{base.estimate:.0%} of the base's responses, {intervention.estimate:.0%} of its"
        interval = f" (difference {apart.low:+.0%} to {apart.high:+.0%})" if apart else ""
        parts.append(rates + interval)
    if effect := finding.effect:
        means = f"{effect.intervention:.3g} instead of {effect.base:.3g} {effect.unit}"
        parts.append(f"{means} on average")
    parts.append(f"{finding.wins} prompts for it, {finding.losses} against it")
    parts.append(", ".join(topics[region.id] for region in finding.regions))
    return "; ".join(parts)
