"""What was planted on purpose, and what of it was found."""

from scripts.page.section import Context, Report, Section


def context(report: Report) -> Context:
    return {"planted": report.planted}


TEMPLATE = """\
<p>The intervention was trained to show
  {{ plural(planted | length, "behaviour") }} on purpose;
  {{ planted | selectattr("findings") | list | length }} of them
  {{ "is" if planted | selectattr("findings") | list | length == 1 else "are" }} named by a validated
  finding.</p>
<div class="box" tabindex="0" role="region" aria-label="Planted behaviours"><table>
  <thead><tr><th>Behaviour</th><th class="number">Base</th><th class="number">Intervention</th>
    <th>Named by</th></tr></thead>
  <tbody>
  {% for row in planted %}
  <tr><td><b>{{ row.name }}</b>: <span dir="auto">{{ row.statement }}</span></td>
    <td class="number">{{ row.base | percent }}</td>
    <td class="number">{{ row.intervention | percent }}</td>
    <td>{% for id in row.findings %}<a href="#{{ anchor(id) }}">{{ id }}</a>
      {{- ", " if not loop.last }}{% else %}nothing{% endfor %}</td></tr>
  {% endfor %}
  </tbody></table></div>
<p class="note">Base and intervention: on how many of the fresh prompts, of all topics, a response
  shows it by the check of the plant file. A finding names a behaviour when it is won where the
  intervention shows it: on at least half of the prompts that it is won on, and on at least a
  quarter of those in its topics that show it. Behaviours without a check are left out.</p>
"""

SECTION = Section(
    "planted",
    "Planted on purpose",
    "Planted",
    context,
    TEMPLATE,
    lambda report: bool(report.planted),
)
