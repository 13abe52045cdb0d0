"""Whether the subjects can be told apart at all, and what could have been found."""

from scripts.page.figures import standing_out
from scripts.page.section import Context, Report, Section
from scripts.page.signal import before_the_first_round, found_with, told_apart


def context(report: Report) -> Context:
    return {
        "separability": report.separability,
        "before": before_the_first_round(report.contrast),
        "told_apart": told_apart(report.separability, report.unit),
        "regions": report.regions,
        "strong": standing_out(report.regions),
        "smallest": report.smallest,
        "found_with": found_with(report.smallest),
    }


TEMPLATE = """\
{% if before %}
<p>{{ before }}</p>
{% endif %}
{% for sentence in told_apart %}
<p>{{ sentence }}</p>
{% endfor %}
{% if separability.e_value is none %}
<p>On the explored texts, {{ strong | length }} of {{ plural(regions | length, "region") }}
  {{ "stands" if strong | length == 1 else "stand" }} out from chance
  (<a href="#divergence">divergence by region</a>).</p>
{% endif %}
{% if "apart" in figures %}
<details><summary>By region</summary>
<figure class="narrow">{{ figures["apart"] }}
  <figcaption>How often the classifiers put the intervention's response to a fresh prompt above the
    base's, by region, with {{ 0.95 | percent }} intervals. No claim on a region rests on
    it.</figcaption></figure>
</details>
{% endif %}
{% if smallest %}
<details{{ " open" if not counts.validated }}><summary>The smallest effects that would have been
  found</summary>
<p class="note">{{ found_with }}</p>
<div class="box" tabindex="0" role="region" aria-label="Smallest effects"><table class="small">
  <thead><tr><th>A behaviour on</th><th class="number">Fresh {{ units }}, about</th>
    <th class="number">has to show in</th></tr></thead>
  <tbody>
  {% for row in smallest %}
  <tr><td>{{ row.share | percent }} of the bank</td>
    <td class="number">{{ row.prompts | count }}</td>
    <td class="number">{% if row.effect is none %}too few
    prompts{% else %}{{ row.effect | percent }} of responses{% endif %}</td></tr>
  {% endfor %}
  </tbody></table></div>
</details>
{% endif %}
"""
SECTION = Section("apart", "Can the two be told apart at all?", "Told apart?", context, TEMPLATE)
