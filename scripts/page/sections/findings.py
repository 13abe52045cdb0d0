"""What was found, by behaviour and by status, each with its evidence."""

from collections.abc import Sequence

from scripts.assistants.quoting import tamed
from scripts.hypotheses.wording import zone
from scripts.page.cards import (
    STOPPED,
    Entry,
    counted_as,
    measured,
    numbers_in_full,
    reasons,
    size,
)
from scripts.page.section import Context, Report, Section


def context(report: Report) -> Context:
    return {
        "audit": report.audit,
        "settings": report.settings,
        "findings": report.by_status,
        "entries": report.entries,
        "first_entry": first_entries(report.entries),
        "label": lambda region: report.labels.get(region.id, region.name),
        "reasons": reasons,
        "stopped": STOPPED,
        "counted_as": counted_as,
        "measured": measured,
        "size": size,
        "zone": zone,
        "numbers_in_full": numbers_in_full,
        "interactions": report.interactions,
        "tamed": tamed,
    }


def first_entries(found: Sequence[Entry]) -> dict[str, str]:
    """For each finding the entry that shows it in full, the one that it leads or else the first:
    a generic finding may be part of several."""
    first: dict[str, str] = {entry.parts[0].id: entry.id for entry in reversed(found)}
    for entry in found:
        for part in entry.parts:
            first.setdefault(part.id, entry.id)
    return first


TEMPLATE = """\
{%- macro bar(side, rate) -%}
  <svg role="img" aria-label="{{ side }}: {{ rate.estimate | percent }}, interval {{ rate.low | percent }} to {{ rate.high | percent }}">
    <rect class="track" width="100%" height="14" rx="2"></rect>
    <rect class="bar-{{ side }}" width="{{ 100 * rate.estimate }}%" height="14" rx="2"></rect>
    <line class="interval" x1="{{ 100 * rate.low }}%" x2="{{ 100 * rate.high }}%" y1="7" y2="7"></line>
  </svg>
{%- endmacro -%}

{%- macro interval(rate) -%}
  <span class="number">{{ rate.estimate | percent }} <span class="muted">({{ rate.low | percent }} –
    {{ rate.high | percent }})</span></span>
{%- endmacro -%}

{%- macro text(side, content, check, thoughts, prompt) -%}
  {% set value = measured(check, content, prompt) %}
  <div>
    <p class="side">{{ side }}{% if value %}, {{ value }}{% endif %}</p>
    <blockquote class="text {{ side }}" dir="auto" tabindex="0">
      {%- if content.strip() %}{{ content | highlighted(check) }}{% else %}<span class="muted">(empty)</span>{% endif -%}
    </blockquote>
    {% if thoughts %}
    <details><summary class="note">its thoughts</summary>
      <blockquote class="text {{ side }} muted" dir="auto" tabindex="0">{{ thoughts }}</blockquote>
    </details>
    {% endif %}
  </div>
{%- endmacro -%}

{%- macro sizes(finding) -%}
  {% set rate = finding.win_rate if finding.win_rate and finding.win_rate.estimate is not none else none %}
  {% if finding.rate_base and finding.rate_intervention %}
  <p class="note">Share of responses that {{ counted_as(finding) }},
    over {{ finding.rate_base.prompts | count }} {{ units }}
      {{ "written for it" if finding.probing else "of its prompts" if by_draw else "of its topics" }}, with {{ 0.95 | percent }} intervals.</p>
  {% elif size(finding) %}
  <p class="size"><strong>{{ size(finding) | first_upper }}</strong>.</p>
  {% else %}
  <p class="note">Counted are responses that {{ counted_as(finding) }}.</p>
  {% endif %}
  <div class="rates">
    {% if finding.rate_base and finding.rate_intervention %}
    <div><span>base</span>{{ bar("base", finding.rate_base) }}{{ interval(finding.rate_base) }}</div>
    <div><span>intervention</span>{{ bar("intervention", finding.rate_intervention) }}{{ interval(finding.rate_intervention) }}</div>
    {% if finding.difference %}
    <div><span>difference</span><span class="gap"></span><span class="number">{{ finding.difference.estimate | points }}
      points <span class="muted">({{ finding.difference.low | points }} to
      {{ finding.difference.high | points }})</span></span></div>
    {% endif %}
    {% endif %}
    {% if rate %}
    <div><span>win rate</span>
      <svg role="img" aria-label="win rate: {{ rate.estimate | percent }}, interval {{ rate.low | percent }} to {{ rate.high | percent }}">
        <line class="half" x1="50%" x2="50%" y1="0" y2="14"></line>
        <line class="interval" x1="{{ 100 * rate.low }}%" x2="{{ 100 * rate.high }}%" y1="7" y2="7"></line>
        <circle class="dot" cx="{{ 100 * rate.estimate }}%" cy="7" r="4.5"></circle>
      </svg>{{ interval(rate) }}</div>
    {% endif %}
  </div>
  {% if finding.judged %}
  <p class="note"><span class="number">{{ plural(finding.wins, "win") }}</span>,
    <span class="number">{{ plural(finding.losses, "loss", "losses") }}</span> and
    <span class="number">{{ plural(finding.ties, "tie") }}</span>
    {%- set margin = zone(finding.check) %}{% if margin %} (no more than {{ margin }} apart){% endif %} in {{ finding.judged | count }}
      fresh {{ units }} until the test ended
    {%- if finding.missing %}, {{ finding.missing | count }} missing{% endif %}
    {%- if finding.refused %}, {{ plural(finding.refused, "refusal") }}{% endif %}
    {%- if finding.unparsable %}, {{ finding.unparsable | count }} unreadable{% endif %}
    {%- if finding.inapplicable %}, {{ finding.inapplicable | count }} to which it does not apply by the judge{% endif %};
    e-value <span class="number">{{ finding.e_value | e_value }}</span>.</p>
  {% endif %}
{%- endmacro -%}

{%- macro by_region(finding) -%}
  {% set shown = finding.regions | selectattr("shown") | list %}
  {% set pooled = finding.regions | rejectattr("shown") | list %}
  <p class="note">
    {%- if shown %}<b>Shown here:</b> {% for region in shown %}{{ label(region) }}{{ "; " if not loop.last }}{% endfor %}. {% endif %}
    {%- if pooled %}{{ "Pooled only" if finding.judged else "Topics" }}: {% for region in pooled %}{{ label(region) }}{{ "; " if not loop.last }}{% endfor %}.{% endif -%}
  </p>
  {% if finding.judged and finding.regions | length > 1 %}
    <div class="box" tabindex="0" role="region" aria-label="Evidence by region"><table>
      <thead><tr><th>Region</th><th class="number">Share of bank</th>
        <th class="number">{{ units | first_upper }}</th><th class="number">Wins</th>
        <th class="number">Losses</th><th class="number">e-value</th><th></th></tr></thead>
      <tbody>
      {% for region in finding.regions %}
      <tr><td>{{ label(region) }}</td><td class="number">{{ region.weight | percent }}</td>
        <td class="number">{{ region.prompts }}</td><td class="number">{{ region.wins }}</td>
        <td class="number">{{ region.losses }}</td>
        <td class="number">{{ region.e_value | e_value }}</td>
        <td>{{ "shown here" if region.shown else "pooled only" }}</td></tr>
      {% endfor %}
      </tbody></table></div>
    <p class="note">
      {%- if finding.regions | sum("used") < finding.regions | sum("prompts") -%}
      On all {{ units }} of a region, those after the test had ended included.
      {%- else %}Until the test ended.{% endif -%}
    </p>
  {% endif %}
{%- endmacro -%}

{%- macro quoted(pair, check) -%}
  <div class="pair">
    {% for role, content in pair.prompt | messages %}
    <p class="prompt" dir="auto">{% if role %}<span class="muted">{{ role }}:</span> {% endif %}{{ content }}</p>
    {% endfor %}
    <div class="sides">{{ text("base", pair.base, check, pair.base_thoughts, pair.prompt) }}
      {{- text("intervention", pair.intervention, check, pair.intervention_thoughts, pair.prompt) }}</div>
    {% if pair.asked in interactions %}
    {% set told = interactions[pair.asked] %}
    <details><summary class="note">what its judge was asked, and said</summary>
      <blockquote class="text muted" dir="auto" tabindex="0">{{ told.statements }}</blockquote>
      <blockquote class="text" dir="auto" tabindex="0">{{ told.reply }}</blockquote>
      <p class="note">{{ told.model }}; A was the {{ "intervention" if told.first == tamed(pair.intervention) else "base" }}'s
        response. In full in <a href="interactions.jsonl">interactions.jsonl</a>,
        line {{ told.line }}, <code>{{ pair.asked }}</code>.</p>
    </details>
    {% endif %}
  </div>
{%- endmacro -%}

{%- macro prompts_of(contents) -%}
  <ul class="prompts">{% for content in contents %}<li dir="auto">
    {%- for role, part in content | messages %}{% if role %}<span class="muted">{{ role }}:</span> {% endif %}{{ part }} {% endfor -%}
  </li>{% endfor %}</ul>
{%- endmacro -%}

{%- macro written_for(finding) -%}
  {% set probing = finding.probing %}
  {% set explored, contrast = probing.explored, probing.contrast %}
  <p class="note">Its prompts were written for it by
    {{ "you" if probing.written_by == "user" else probing.written_by }}, a random half of them to look at first
    {%- if explored %} ({{ plural(explored.wins, "win") }} and {{ plural(explored.losses, "loss", "losses") }} in
    {{ explored.prompts | count }}){% endif %}. The statement is about prompts like the other half, which follow, and
    says nothing about the bank.
    {%- if contrast %} On {{ plural(contrast.prompts, "matched prompt") }}, where it should not show,
    {{ contrast.base | percent }} of the base's responses and {{ contrast.intervention | percent }} of the
    intervention's do.{% endif %}
    {%- if probing.repeated %} {{ plural(probing.repeated, "prompt") }} left out as said before.{% endif %}
    {%- if probing.in_bank %} {{ plural(probing.in_bank, "prompt") }} left out as in the bank.{% endif %}</p>
  <details><summary>{{ plural(probing.prompts | length, "prompt") }} on which it should show</summary>
    {{ prompts_of(probing.prompts) }}</details>
  {% if probing.matched %}
  <details><summary>{{ plural(probing.matched | length, "matched prompt") }} on which it should not</summary>
    {{ prompts_of(probing.matched) }}</details>
  {% endif %}
{%- endmacro -%}

{%- macro details_of(finding, opened) -%}
  {% if finding.probing %}{{ written_for(finding) }}{% endif %}
  {% set first = 2 if opened else 0 %}
  {% for pair in finding.evidence[:first] %}{{ quoted(pair, finding.check) }}{% endfor %}
  {% if finding.evidence[first:] %}
  <details>
    <summary>{{ plural(finding.evidence[first:] | length, ("more " if first else "") ~ "quoted pair") }}
    of responses</summary>
  {% for pair in finding.evidence[first:] %}{{ quoted(pair, finding.check) }}{% endfor %}
  </details>
  {% endif %}
  {% if finding.written %}
  <p class="note">A language model wrote it from {{ plural(finding.written.prompts | length, "explored pair") }}
    {%- if finding.written.quote and finding.written.occurs %}, in which it read
    “<span dir="auto">{{ finding.written.quote }}</span>”{% endif %}
    {%- if finding.written.specificity %}; it scored it {{ finding.written.specificity }} of 5 for
    how specific it is and {{ finding.written.interest }} of 5 for interest{% endif %}. That decides
    its place here alone: the evidence comes from other prompts.</p>
  {% endif %}
  {% if finding.judged %}
  <p class="note">What was judged on each prompt: <a href="judgements.jsonl">judgements.jsonl</a>,
    lines with <code>{{ finding.id }}</code>.</p>
  <details><summary>The numbers in full</summary>
    <dl class="numbers">
      {% for row in numbers_in_full(finding) %}
      <div><dt>{{ row.label }}</dt><dd><span class="value">{{ row.value }}</span>
        <span class="muted">{{ row.meaning }}</span></dd></div>
      {% endfor %}
    </dl>
    {% if finding.status in ("validated", "suggestive") and finding.stopped in stopped %}
    <p class="note">{{ stopped[finding.stopped] }}</p>
    {% endif %}
    {% if not finding.probing %}{{ by_region(finding) }}{% endif %}
  </details>
  {% elif not finding.probing %}
  {{ by_region(finding) }}
  {% endif %}
{%- endmacro -%}

{%- macro finding_card(finding) -%}
<article class="finding" id="{{ anchor(finding.id) }}">
  <p class="marks"><span class="badge {{ finding.status }}">{{ finding.status }}</span>
    {% if finding.source == "user" %}<span>your own hypothesis</span>{% endif %}
    <a href="#{{ anchor(finding.id) }}" title="Link to this finding">{{ finding.id }}</a></p>
  <h3 dir="auto">{{ finding.statement }}</h3>
  {% for sentence in reasons(finding, audit.counts.hypotheses) %}
  <p class="notice">{{ sentence }}</p>
  {% endfor %}
  {{ sizes(finding) }}
  {{ details_of(finding, false) }}
</article>
{%- endmacro -%}

{%- macro part(finding, entry) -%}
  {% if first_entry[finding.id] == entry.id %}
  <details class="part" id="{{ anchor(finding.id) }}">
    <summary><span dir="auto">{{ finding.statement }}</span>
    <span class="muted">{% if size(finding) %}{{ size(finding) | first_upper }}. {% endif %}<span class="number">e-value
      {{ finding.e_value | e_value }}.</span></span></summary>
    <div class="inside">
    <p class="marks">{% if finding.source == "user" %}<span>your own
      hypothesis</span>{% endif %}<a href="#{{ anchor(finding.id) }}" title="Link to this finding">{{ finding.id }}</a></p>
    {{ sizes(finding) }}
    {{ details_of(finding, false) }}
    </div>
  </details>
  {% else %}
  <p class="part"><span dir="auto">{{ finding.statement }}</span>
    <span class="muted number">e-value {{ finding.e_value | e_value }};</span>
      <a href="#{{ anchor(finding.id) }}">in full at {{ first_entry[finding.id] }}</a></p>
  {% endif %}
{%- endmacro -%}

{%- macro entry_card(entry) -%}
{% set lead = entry.parts[0] %}
<article class="finding" id="entry-{{ entry.id }}">
  <p class="marks"><span class="badge validated">validated</span>
    {% if lead.source == "user" %}<span>your own hypothesis</span>{% endif %}
    <a href="#entry-{{ entry.id }}" title="Link to this behaviour">{{ entry.id }}</a>
    {% if lead.id != entry.id %}<a href="#{{ anchor(lead.id) }}" title="The finding that leads it">{{ lead.id }}</a>{% endif %}</p>
  <h3 dir="auto">{{ entry.statement }}</h3>
  {% if first_entry[lead.id] == entry.id %}
  <div id="{{ anchor(lead.id) }}">
  {% if lead.statement != entry.statement %}
  <p class="note"><b>Its leading statement:</b> <span dir="auto">{{ lead.statement }}</span></p>
  {% endif %}
  {{ sizes(lead) }}
  {{ details_of(lead, true) }}
  </div>
  {% else %}
  {{ part(lead, entry) }}
  {% endif %}
  {% if entry.parts | length > 1 %}
  <h4>Also validated, and won on much the same {{ units }}</h4>
  {% for finding in entry.parts[1:] %}
  {{ part(finding, entry) }}
  {% endfor %}
  {% endif %}
</article>
{%- endmacro -%}

{%- macro folded(status, title) -%}
{% if findings[status] %}
<details class="fold" id="{{ status }}"><summary>{{ title }}:
  {{ findings[status] | length }}</summary>
{% for finding in findings[status] %}{{ finding_card(finding) }}{% endfor %}
</details>
{% endif %}
{%- endmacro -%}

<details><summary>How to read a finding, and what its error control covers</summary>
  <p>A <b>behaviour</b> is one entry: validated statements that are won on much the same
    {{ units }}. The first one leads, the others are its parts; error control is over statements,
    not over entries.</p>
  <p>For each prompt both subjects gave fresh responses that had no part in writing the statement. A
    {{ "pair of draws" if by_draw else "prompt" }} is a <b>win</b> when it speaks for the statement:
    only the intervention's response shows the behaviour, or, where the statement says “less”, only
    the base's does. The other way round it is a <b>loss</b>, else a <b>tie</b>. Of a statement that
    compares (longer, more like) the prompt is won when the intervention's response has more of it,
    by more than a margin that is given with the numbers. The <b>win rate</b> leaves the ties out.
    The <b>e-value</b> grows with every win and shrinks with every loss: did the statement hold for
    neither subject more than for the other, it would reach 20 with a chance of at most 1 in 20.
    “Shown here” marks a region, a group of prompts on one topic, whose own e-value reaches 20;
    “pooled only” means that the regions show it together.</p>
  <p>Of the validated statements at most {{ settings.confirm.q | percent }} are expected to be false
    (e-BH over all {{ counts.hypotheses | count }} that went to the test, undecided ones included).
    False means here one of two things: that
    {{ "on these prompts, taken together, no more responses" if by_draw else "on prompts like the bank's no more prompts" }}
    speak for the statement than against it, or that it gains no more than placebo statements do, of
    which each statement had up to {{ settings.confirm.placebos }} with a similar rate in the base.
    The {{ settings.confirm.q | percent }} does not cover the wording: a false statement that leans
    just as much as its placebos passes with a chance of 1 in {{ settings.confirm.placebos + 1 }}.
    So read the quoted pairs before you quote a statement. The quoted pairs are prompts that were
    won; losses are counted, not quoted.</p>
</details>
{% if "behaviours" in figures %}
<figure class="narrow">{{ figures["behaviours"] }}
  <figcaption>The behaviours at a glance, by what leads each. Left: how often either subject's
    responses show it, or its size in its own units. Right: the chance that of two responses to one
    prompt the intervention's fits the statement better; {{ 0.5 | percent }} is no difference. With
    {{ 0.95 | percent }} intervals.</figcaption></figure>
{% endif %}
{% if audit.themes %}
<h3 id="themes">In short</h3>
<p class="note">Written by the assistant over the validated findings; the findings are what was
  tested.</p>
<ul>
  {% for theme in audit.themes %}
  <li><b dir="auto">{{ theme.title }}</b>: <span dir="auto">{{ theme.summary }}</span>
    ({% for id in theme.findings %}<a href="#{{ anchor(id) }}">{{ id }}</a>{{ ", " if not loop.last }}{% endfor %})</li>
  {% endfor %}
</ul>
{% endif %}
{% for entry in entries %}{{ entry_card(entry) }}{% else %}
<p>No statement was validated.</p>
{% endfor %}
{% if findings.suggestive %}
<h3 id="suggestive">Suggestive: worth a look, not established</h3>
{% for finding in findings.suggestive %}{{ finding_card(finding) }}{% endfor %}
{% endif %}
{{ folded("unsupported", "Unsupported") }}
{{ folded("untested", "Untested") }}
<p class="note">All findings as a table: <a href="findings.csv">findings.csv</a>; with evidence:
  <a href="findings.jsonl">findings.jsonl</a>.</p>
"""
SECTION = Section("findings", "Findings", "Findings", context, TEMPLATE)
