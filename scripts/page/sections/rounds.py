"""What each round of sampling drew, and why sampling stopped."""

from collections.abc import Mapping, Sequence
from typing import Any

from scripts.divergence.round import Ending
from scripts.page.numbers import count
from scripts.page.section import Report, Section

WORDS = {
    Ending.BUDGET: "the budget is spent ({draws} draws of each subject)",
    Ending.ROUNDS: "the rounds are done ({rounds})",
    Ending.EXHAUSTED: "nothing is left to draw: every draw of the explore pool is taken",
    Ending.CONVERGENCE: "the picture has settled: promising regions, clusters and silhouette are "
    "stable",
}


def context(report: Report) -> dict[str, Any]:
    return {"rounds": report.rounds, "ending": why_sampling_stopped(report.rounds)}


def why_sampling_stopped(rounds: Sequence[Mapping[str, Any]]) -> str | None:
    """As the end of a sentence; None where nobody knows."""
    if not rounds or not rounds[-1]["stop"]:
        return None
    return WORDS[rounds[-1]["stop"]].format(draws=count(rounds[-1]["draws"]), rounds=len(rounds))


TEMPLATE = """\
<figure class="narrow">{{ figures["rounds"] }}</figure>
<ol class="rounds">
{% for row in rounds %}
  <li><b>Round {{ row.round }}</b>: {{ plural(row.new_draws, "new draw") }} of each subject
    {%- if row.new_draws != row.draws %}, {{ row.draws | count }} so far{% endif %};
      {{ row.tokens | count }} tokens; {{ row.seconds | duration }} from empty.
    {% if row.promising %}
    <details><summary>{{ plural(row.promising | length, "promising region") }}</summary>
    {% for name in row.promising %}{{ labels.get(name, name) }}{{ "; " if not loop.last }}{% endfor %}.</details>
    {% else %}No promising region.{% endif %}</li>
{% endfor %}
</ol>
{% if ending %}<p>Sampling stopped: {{ ending }}.</p>{% endif %}
"""
SECTION = Section("rounds", "Rounds of sampling", "Rounds", context, TEMPLATE)
