"""What the audit cost, by stage and by the role of an assistant."""

from scripts.page.section import Context, Report, Section

STAGES = (
    "model", "plant", "responses", "write", "bank", "regions", "contrast", "plan", "decode", "embed", "measure",
    "propose", "screen", "probe", "confirm", "report",
)  # fmt: skip


def context(report: Report) -> Context:
    full = report.costs.total.full
    order = {stage: place for place, stage in enumerate(STAGES)}
    return {
        "costs": report.costs,
        "stages": sorted(report.costs.stages, key=lambda stage: order.get(stage, 99)),
        "assisted": bool(full.requests or full.dollars),
    }


TEMPLATE = """\
<p>“Spent” is what the call that wrote this page computed itself; “full” is what it takes from
  empty, cached work included.</p>
<div class="box" tabindex="0" role="region" aria-label="Costs by stage"><table>
  <thead><tr><th>Stage</th><th class="number">Time spent</th><th class="number">Time full</th>
    <th class="number">Texts spent</th><th class="number">Texts full</th><th class="number">Tokens
    spent</th><th class="number">Tokens full</th>
    {%- if assisted %}<th class="number">Requests full</th><th class="number">US $ spent</th>
      <th class="number">US $ full</th>{% endif %}</tr></thead>
  {% macro cost(name, row) %}
  <tr><td>{{ name }}</td><td class="number">{{ row.spent.wall_seconds | duration }}</td>
    <td class="number">{{ row.full.wall_seconds | duration }}</td>
    <td class="number">{{ row.spent.texts | count }}</td>
    <td class="number">{{ row.full.texts | count }}</td>
    <td class="number">{{ row.spent.tokens | count }}</td>
    <td class="number">{{ row.full.tokens | count }}</td>
    {%- if assisted %}<td class="number">{{ row.full.requests.values() | sum | count }}</td>
      <td class="number">{{ "%.2f" | format(row.spent.dollars) }}</td>
      <td class="number">{{ "%.2f" | format(row.full.dollars) }}</td>{% endif %}</tr>
  {% endmacro %}
  <tbody>{% for name in stages %}{{ cost(name, costs.stages[name]) }}{% endfor %}</tbody>
  <tfoot>{{ cost("total", costs.total) }}</tfoot>
</table></div>
<p class="note">Times of all jobs of a stage together; this page's own is not among them.</p>
{% if assisted %}
<h3>The assistant, by stage and role</h3>
<div class="box" tabindex="0" role="region" aria-label="The assistant's requests"><table>
  <thead><tr><th>Stage</th><th>Role</th><th>Model</th><th class="number">Requests</th>
    <th class="number">Tokens in</th><th class="number">Tokens out</th><th class="number">US $</th>
    <th class="number">Paid now</th><th class="number">From the cache</th><th class="number">Tried
    again</th><th class="number">Mended</th><th class="number">Second chances</th>
    <th class="number">Refused</th><th class="number">Unreadable</th><th class="number">Cut off</th>
    <th class="number">Lost</th></tr></thead>
  {% macro asked(name, row) %}
  {% for role, used in row.full.roles.items() %}
  {% set now = row.spent.roles.get(role) %}
  <tr><td>{{ name }}</td>
    <td>{{ role }}</td>
    <td>{{ used.title }}</td>
    <td class="number">{{ used.requests | count }}</td>
    <td class="number">{{ used.input_tokens | count }}</td>
    <td class="number">{{ used.output_tokens | count }}</td>
    <td class="number">{{ "%.4f" | format(used.dollars) }}</td>
    <td class="number">{{ (now.requests if now else 0) | count }}</td>
    <td class="number">{{ (now.cache_hits if now else 0) | count }}</td>
    <td class="number">{{ used.retries | count }}</td>
    <td class="number">{{ used.mended | count }}</td>
    <td class="number">{{ used.second_chances | count }}</td>
    <td class="number">{{ used.refused | count }}</td>
    <td class="number">{{ used.unparsable | count }}</td>
    <td class="number">{{ used.truncated | count }}</td>
    <td class="number">{{ used.lost | count }}</td></tr>
  {% endfor %}
  {% endmacro %}
  <tbody>{% for name in stages %}{{ asked(name, costs.stages[name]) }}{% endfor %}</tbody>
  <tfoot>{{ asked("total", costs.total) }}</tfoot>
</table></div>
<p class="note">Requests, tokens and dollars as from empty, at the prices of the day; mended replies
  came in another form than asked for and were read all the same; refused, unreadable, cut off (at
  the limit of tokens) and lost are requests that brought no verdict, most after a second
  chance.</p>
{% endif %}
"""
SECTION = Section("costs", "Costs", "Costs", context, TEMPLATE)
