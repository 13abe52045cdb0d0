"""Where the explored texts lie, for looking."""

from collections.abc import Sequence

from scripts.page.figures import Point
from scripts.page.section import Context, Report, Section

SHOWN_POINTS = 6  # texts quoted beside the map, of each subject


def context(report: Report) -> Context:
    return {"points": report.points, "telling": telling_texts(report.points)}


def telling_texts(points: Sequence[Point]) -> dict[str, list[Point]]:
    """Of each subject the distinct texts that their score sets most apart from the other's."""
    found: dict[str, list[Point]] = {}
    for side, sign in (("base", 1), ("intervention", -1)):
        own = [point for point in points if point.side == side]
        order = sorted((sign * point.score, point.text, n) for n, point in enumerate(own))
        first: dict[str, Point] = {}
        for _, text, n in order:
            first.setdefault(text, own[n])
        found[side] = list(first.values())[:SHOWN_POINTS]
    return found


TEMPLATE = """\
<figure class="wide">
  <div class="box" tabindex="0" role="region" aria-label="Map of texts">{{ figures["map"] }}</div>
  <figcaption>{{ plural(points | length, "text") }} of the exploration, placed by t-SNE of their
    embeddings: near means alike, far apart means little. A group of one colour is something that
    only one subject writes. The score is that of a classifier which has not seen the text's prompt.
    The map is for looking; no claim rests on it.</figcaption></figure>
{% if points %}
<details><summary>The texts that tell the subjects apart most</summary>
  <div class="sides">
  {% for side, texts in telling.items() %}
  <div><h4>The {{ side }}'s, least like the
    {{ "intervention" if side == "base" else "base" }}'s</h4>
    {% for point in texts %}
    <p class="side">{{ side }}, {{ labels.get(point.region, point.region) }}, score
      {{ point.score | decimal(2) }}</p>
    <blockquote class="text {{ side }}" dir="auto">{{ point.text if point.text.strip() else "(empty)" }}</blockquote>
    {% endfor %}
  </div>
  {% endfor %}
  </div>
</details>
{% endif %}
"""
SECTION = Section("map", "Map of texts", "Map", context, TEMPLATE)
