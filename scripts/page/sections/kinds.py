"""What kinds of texts the subjects write, for looking."""

from collections.abc import Sequence

from scripts.checks.check import TextsCheck
from scripts.hypotheses.finding import Finding
from scripts.page.section import Context, Report, Section


def context(report: Report) -> Context:
    counts = (n for kind in report.kinds for n in (kind.base, kind.intervention))
    return {
        "kinds": report.kinds,
        "most_of_kind": max(counts, default=1) or 1,
        "of_kinds": findings_of_kinds(report.findings),
    }


def findings_of_kinds(findings: Sequence[Finding]) -> dict[int, list[Finding]]:
    """The findings on each kind of texts, by its number."""
    found: dict[int, list[Finding]] = {}
    for finding in findings:
        if isinstance(finding.check, TextsCheck):
            found.setdefault(finding.check.texts, []).append(finding)
    return found


TEMPLATE = """\
{%- macro count_bar(side, number) -%}
  <div><span>{{ side }}</span><svg role="img" aria-label="{{ side }}: {{ plural(number, "text") }}">
    <rect class="track" width="100%" height="10" rx="2"></rect>
    <rect class="bar-{{ side }}" width="{{ 100 * number / most_of_kind }}%" height="10" rx="2"></rect>
  </svg><span class="number">{{ plural(number, "text") }}</span></div>
{%- endmacro -%}

{%- macro kind_of_texts(kind) -%}
<div class="kind">
  <h4 dir="auto">{{ kind.name | join(", ") if kind.name else "no phrase of its own" }}</h4>
  <div class="rates">{{ count_bar("base", kind.base) }}{{ count_bar("intervention", kind.intervention) }}</div>
  {% for finding in of_kinds.get(kind.kind, []) %}
  <p class="note">Tested: <a href="#{{ anchor(finding.id) }}">{{ finding.status }}</a>.</p>
  {% endfor %}
  <details>
    <summary>{{ "Its most typical text" if kind.typical | length == 1 else "Its " ~ (kind.typical | length) ~ " most typical texts" }}</summary>
  {% for typical in kind.typical %}
  <p class="side">{{ typical.side }}, {{ labels.get(typical.region, typical.region) }}</p>
  <blockquote class="text {{ typical.side }}" dir="auto" tabindex="0">{{ typical.text if typical.text.strip() else "(empty)" }}</blockquote>
  {% endfor %}
  </details>
</div>
{%- endmacro -%}

{% if kinds %}
<p>The explored texts of both subjects, grouped by what they are like whatever they are about; those
  kinds first of which one subject writes more than the other. Each goes by phrases that set it
  apart. The groups are for looking: no claim rests on them, except where a kind was tested on fresh
  prompts and says so.</p>
{% for kind in kinds[:6] %}{{ kind_of_texts(kind) }}{% endfor %}
{% if kinds | length > 6 %}
<details class="fold"><summary>{{ plural(kinds | length - 6, "more kind") }}</summary>
{% for kind in kinds[6:] %}{{ kind_of_texts(kind) }}{% endfor %}
</details>
{% endif %}
{% else %}
<p>The explored texts were not grouped.</p>
{% endif %}
"""
SECTION = Section("kinds", "Kinds of texts", "Kinds of texts", context, TEMPLATE)
