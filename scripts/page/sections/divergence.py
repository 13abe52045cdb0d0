"""How far the subjects' texts differ in each region."""

from scripts.page.figures import FALSE_DISCOVERIES, standing_out
from scripts.page.section import Context, Report, Section


def context(report: Report) -> Context:
    return {
        "regions": sorted(report.regions, key=lambda r: (-r.divergence, r.id)),
        "strong": standing_out(report.regions),
        "false_discoveries": FALSE_DISCOVERIES,
    }


TEMPLATE = """\
<p>A region is a group of prompts on one topic. Its divergence is how well a classifier tells the
  two subjects' responses apart on prompts it has not seen, in units of the spread between prompts;
  0 means not at all. It chose where to look and is no claim by itself.</p>
<figure class="narrow">{{ figures["divergence"] }}
  <figcaption>Drawn strong: p-values that pass {{ false_discoveries | percent }} after Benjamini and
    Hochberg over all {{ regions | length }} regions.</figcaption></figure>
<details><summary>All regions as a table</summary>
<div class="box" tabindex="0" role="region" aria-label="Regions"><table>
  <thead><tr><th>Typical words</th><th>Category</th><th class="number">Share of bank</th>
    <th class="number">Prompts</th><th class="number">Divergence</th><th class="number">p</th>
    <th class="number">Energy</th></tr></thead>
  <tbody>
  {% for region in regions %}
  <tr{% if region.id in strong %} class="strong"{% endif %}><td>{{ region.name }}</td>
    <td>{{ region.category or "–" }}</td><td class="number">{{ region.weight | percent }}</td>
    <td class="number">{{ region.prompts | count }}</td>
    <td class="number">{{ "%.2f" | format(region.divergence) | replace("-", "−") }} ±
    {{ "%.2f" | format(1.96 * region.error) }}</td>
    <td class="number">{{ region.p | decimal(2) }}</td>
    <td class="number">{{ "%.3f" | format(region.energy) | replace("-", "−") }}</td></tr>
  {% endfor %}
  </tbody></table></div>
<p class="note">Share of bank: the region's known weight. Prompts: how many were drawn from. Energy:
  energy distance of the two subjects' embeddings, near 0 when alike.</p>
</details>
"""
SECTION = Section("divergence", "Divergence by region", "Divergence", context, TEMPLATE)
