"""What each round of sampling drew, and why sampling stopped."""

from typing import Any

from scripts.page.section import Report, Section

ENDS = {
    "budget": "the budget is spent",
    "rounds": "the rounds are done",
    "exhausted": "nothing is left to draw",
    "convergence": "the picture has settled",
}


def context(report: Report) -> dict[str, Any]:
    return {"rounds": report.rounds, "stop_words": stop_words}


def stop_words(reason: str) -> str:
    """Why sampling stopped, as a sentence."""
    name, _, detail = reason.partition(": ")
    return f"Sampling stopped: {ENDS.get(name, name)}{f' ({detail})' if detail else ''}."


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
{% if rounds and rounds[-1].reason %}<p>{{ stop_words(rounds[-1].reason) }}</p>{% endif %}
"""
SECTION = Section("rounds", "Rounds of sampling", "Rounds", context, TEMPLATE)
