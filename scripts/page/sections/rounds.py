"""What each round of sampling drew, and why sampling stopped."""

from collections.abc import Sequence

from scripts.divergence.round import Ending, ReportedRound
from scripts.page.numbers import count
from scripts.page.section import Context, Report, Section

WORDS = {
    Ending.BUDGET: "the rounds took all draws that they may ({draws} of each subject)",
    Ending.ROUNDS: "the rounds are done ({rounds})",
    Ending.EXHAUSTED: "nothing is left to draw: every draw of the explore pool is taken",
    Ending.CONVERGENCE: "the picture has settled: promising regions, clusters and silhouette are "
    "stable",
}


def context(report: Report) -> Context:
    return {"rounds": report.rounds, "ending": why_sampling_stopped(report.rounds)}


def why_sampling_stopped(rounds: Sequence[ReportedRound]) -> str | None:
    """As the end of a sentence; None where nobody knows."""
    last = rounds[-1] if rounds else None
    if last is None or last.stop is None:
        return None
    return WORDS[last.stop].format(draws=count(last.draws), rounds=len(rounds))


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
