"""How far several judges agree, and what each says of what was validated."""

from scripts.evidence.reasons import Status
from scripts.page.judges import guessing, kappa
from scripts.page.section import Context, Report, Section


def shown(report: Report) -> bool:
    return bool(report.panel.judges)


def context(report: Report) -> Context:
    return {
        "panel": report.panel,
        "guessing": guessing(report.panel),
        "kappa": kappa,
        "validated": [f for f in report.by_status[Status.VALIDATED] if f.judges],
    }


TEMPLATE = """\
{% set number = {} %}
<ol>{% for judge in panel.judges %}{% set _ = number.update({judge: loop.index}) %}
  <li>{{ judge }}{% if panel.decide == "first" and loop.first %}, which decides the claims{% endif %}
    {%- if judge in guessing and guessing | length < panel.judges | length %}; <strong>cannot be told
    from a judge that guesses</strong>{% endif %}</li>
{% endfor %}</ol>
<p>{% if panel.decide == "majority" %}
  What more than half of them say of a response decides the claims; all of them were asked everything.
{% else %}
  On {{ "all" if panel.share == 1 else "a share" }} of the first one’s {{ units }}
  {% if panel.share < 1 %}({{ panel.share | percent }}, chosen by hash before anything was judged){% endif %}
  the {{ "other was" if panel.judges | length == 2 else "others were" }} asked what it was asked; what
  they say decides nothing.
{% endif %}
</p>
<div class="box" tabindex="0" role="region" aria-label="Agreement of the judges"><table>
  <thead><tr><th>Judges</th><th class="number">{{ units | first_upper }}</th>
    <th class="number">Same verdict</th><th class="number">Kappa</th>
    <th class="number">Same side</th><th class="number">Kappa of sides</th></tr></thead>
  <tbody>
  {% for pair in panel.pairs %}
  <tr><td>{{ number[pair.one] }} and {{ number[pair.other] }}</td>
    <td class="number">{{ pair.prompts | count }}</td>
    <td class="number">{{ pair.same | count }} of {{ pair.verdicts | count }}</td>
    <td class="number">{{ kappa(pair.kappa, pair.kappa_low, pair.kappa_high) }}</td>
    <td class="number">{{ pair.same_side | count }} of {{ pair.decided | count }}</td>
    <td class="number">{{ kappa(pair.side_kappa, pair.side_low, pair.side_high) }}</td></tr>
  {% endfor %}
  </tbody></table></div>
<p class="note">A verdict is of one statement on one of the {{ units }}: for it, against it, or
  neither; sides are the verdicts in which both were for or against it. Kappa is 1 where all are the
  same and 0 where guessing would agree as often: a guesser takes neither as often as the judge does,
  and else a side by coin. In brackets {{ 0.95 | percent }} intervals.
  {%- if panel.without_verdict %} {{ plural(panel.without_verdict, "judgement") }} with a reply that
  was refused or unreadable {{ "is" if panel.without_verdict == 1 else "are" }} left out.{% endif %}</p>
{% if validated %}
<h3>What each judge says of what was validated</h3>
<div class="box" tabindex="0" role="region" aria-label="Findings by judge"><table>
  <thead><tr><th>Judge</th><th class="number">{{ units | first_upper }} read</th>
    <th class="number">For it</th><th class="number">Against it</th><th class="number">Neither</th>
    <th class="number">Win rate</th><th class="number">Its own e-value</th></tr></thead>
  {% for finding in validated %}
  <tbody><tr><th colspan="7">{{ finding.statement }}</th></tr>
  {% for record in finding.judges %}
  <tr><td>{{ number[record.judge] }}</td>
    <td class="number">{{ record.prompts | count }}</td>
    <td class="number">{{ record.wins | count }}</td>
    <td class="number">{{ record.losses | count }}</td>
    <td class="number">{{ record.ties | count }}</td>
    <td class="number">{% if record.win_rate.estimate is none %}–{% else %}{{ record.win_rate.estimate | percent }}
      <span class="muted">({{ record.win_rate.low | percent }} – {{ record.win_rate.high | percent }})</span>{% endif %}</td>
    <td class="number">{{ record.e_value | e_value }}</td></tr>
  {% endfor %}</tbody>
  {% endfor %}
  </table></div>
<p class="note">On all that a judge read, also what was read for the rates alone after the test had
  ended; intervals at {{ 0.95 | percent }}, valid wherever reading ends. No claim rests on
  {{ "these" if panel.decide == "majority" else "the others" }}.</p>
{% endif %}
"""
SECTION = Section("judges", "Do the judges agree?", "Judges", context, TEMPLATE, shown)
