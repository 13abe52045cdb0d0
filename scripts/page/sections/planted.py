"""What was planted on purpose, and what of it was found."""

from scripts.page.section import Context, Report, Section


def context(report: Report) -> Context:
    checked = [row for row in report.planted if row.base is not None]
    return {
        "planted": report.planted,
        "checked": len(checked),
        "named": sum(bool(row.findings) for row in checked),
        "similarities": report.similarities,
    }


TEMPLATE = """\
<p>The intervention was trained to show
  {{ plural(planted | length, "behaviour") }} on purpose;
  {{ named }} of {{ "them" if checked == planted | length else "the " ~ checked ~ " with a check" }}
  {{ "is" if named == 1 else "are" }} named by a validated finding.</p>
<div class="box" tabindex="0" role="region" aria-label="Planted behaviours"><table>
  <thead><tr><th>Behaviour</th><th class="number">Base</th><th class="number">Intervention</th>
    <th>Named by</th>
    {% if similarities.asked %}<th>Most alike</th>
    <th class="number">Score</th>{% endif %}</tr></thead>
  <tbody>
  {% for row in planted %}
  <tr><td><b>{{ row.name }}</b>: <span dir="auto">{{ row.statement }}</span></td>
    {% if row.base is none %}<td class="number">–</td>
    <td class="number">–</td>
    <td>no check</td>{% else %}<td class="number">{{ row.base | percent }}</td>
    <td class="number">{{ row.intervention | percent }}</td>
    <td>{% for id in row.findings %}<a href="#{{ anchor(id) }}">{{ id }}</a>
      {{- ", " if not loop.last }}{% else %}nothing{% endfor %}</td>{% endif %}
    {% if similarities.asked %}{% if row.similar %}{% set best = row.similar | first %}
    <td><a href="#{{ anchor(best.finding) }}">{{ best.finding }}</a></td>
    <td class="number">{{ best.score }}</td>{% else %}<td>–</td><td class="number">–</td>
    {% endif %}{% endif %}</tr>
  {% endfor %}
  </tbody></table></div>
<p class="note">Base and intervention: on how many of the fresh prompts, of all topics, a response
  shows it by the check of the plant file. A finding names a behaviour when it is won where the
  intervention shows it: on at least half of the prompts that it is won on, and on at least a
  quarter of those in its topics that show it.
  {% if similarities.asked %}Most alike: the validated finding whose statement describes the
  behaviour best, and how far it does, from 1 (something else) to 100 (the same change), as
  <code>{{ similarities.asked }}</code> says, which saw the statements alone; all its scores are in
  audit.json.
  {% if similarities.unscored %}{{ plural(similarities.unscored, "pair") }} of a behaviour and a
  finding {{ "has" if similarities.unscored == 1 else "have" }} no score: the budget of the
  assistant had ended, or its replies could not be used.{% endif %}
  {% else %}Behaviours without a check are left out. A language model as assistant would also score
  how alike each behaviour and each finding are; here there is none.{% endif %}</p>
"""

SECTION = Section(
    "planted",
    "Planted on purpose",
    "Planted",
    context,
    TEMPLATE,
    lambda report: bool(report.planted),
)
