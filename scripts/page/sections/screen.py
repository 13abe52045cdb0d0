"""Which hypotheses were eliminated before the test."""

from scripts.page.section import Context, Report, Section


def context(report: Report) -> Context:
    return {
        "eliminated": [row for row in report.screened if not row.goes_on],
        "writing": report.writing,
        "judges": report.audit.judges,
    }


TEMPLATE = """\
{% if writing.written %}
<p>The language model wrote {{ plural(writing.written, "difference") }}:
  {{ plural(writing.kept, "hypothesis", "hypotheses") }} were kept, {{ writing.repeated | count }} said what
  another one says, {{ writing.without_pairs | count }} cited no pair that shows them and were left out, and
  {{ writing.beyond | count }} were more than <code>propose.hypotheses</code>.
  {{ writing.not_quoted | count }} quoted words that stand in none of the pairs they cite; these come last.
  {{ writing.reworded | count }} were put into other words before they were tested.</p>
{% endif %}
{% if eliminated %}
<p>Before the test, each of {{ counts.proposed | count }} hypotheses met a few fresh prompts;
  {{ eliminated | length | count }} did not hold up there and cost no more.</p>
<details>
  <summary>{{ plural(eliminated | length, "eliminated hypothesis", "eliminated hypotheses") }}</summary>
<div class="box" tabindex="0" role="region" aria-label="Eliminated hypotheses"><table>
  <thead><tr><th>Hypothesis</th><th class="number">Wins</th><th class="number">Losses</th>
    <th class="number">Prompts</th></tr></thead>
  <tbody>
  {% for row in eliminated %}
  <tr><td dir="auto">{{ row.statement }}</td><td class="number">{{ row.screen.wins }}</td>
    <td class="number">{{ row.screen.losses }}</td>
    <td class="number">{{ row.screen.prompts }}</td></tr>
  {% endfor %}
  </tbody></table></div>
</details>
{% else %}
<p>No hypothesis was eliminated; {{ counts.proposed | count }} met the screen.</p>
{% endif %}
{% for judge in judges %}
<p>On screen prompts {{ judge.model }} was right in an estimated {{ judge.accuracy | percent }} of its
  answers on hypotheses that hold ({{ judge.judged | count }} answers; what is assumed where there are
  few is {{ judge.assumed | percent }}). Its test lets a hypothesis go as futile once wins are proven to
  exceed losses by less than
  {% if judge.delta.decided is defined %}{{ judge.delta.decided | percent }} of the prompts that it decides, or
  {{ judge.delta.all | percent }} of all{% else %}{{ judge.delta | percent }} of the prompts{% endif %}.
  That may cost a finding; it makes none false.</p>
{% endfor %}
"""
SECTION = Section("screen", "Eliminated in the screen", "Screen", context, TEMPLATE)
