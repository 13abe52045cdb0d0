"""How to make the audit again, from what."""

import yaml

from scripts.core.files import JsonObject
from scripts.page.audit_summary import AuditSummary
from scripts.page.section import Context, Report, Section


def context(report: Report) -> Context:
    return {"audit": report.audit, "configuration": configuration(report.audit)}


def configuration(audit: AuditSummary) -> str:
    """The audit's configuration with every default, as YAML that the workflow takes as it is."""
    config = audit.config
    content: JsonObject = {}
    if config["subjects"]:
        content["subjects"] = config["subjects"]
    if config["bank"]:
        content["banks"] = {config["audit"]["bank"]: config["bank"]}
    if config["plants"]:
        content["plants"] = config["plants"]
    content["audits"] = {audit.audit: config["audit"]}
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=88)


TEMPLATE = """\
<p>Save the configuration below as <code>{{ audit.audit }}.yaml</code> in a clone of the workflow
  {%- if audit.versions.commit is defined %} at commit
    <code>{{ audit.versions.commit }}</code>{% endif %} and run:</p>
<pre tabindex="0">snakemake --cores all --configfile {{ audit.audit }}.yaml {{ audit.audit }}</pre>
<h4>Configuration, with every default</h4>
<pre tabindex="0">{{ configuration }}</pre>
<h4>Prompt bank</h4>
<p>{{ plural(audit.bank.prompts, "prompt") }}{% if audit.bank.categories %} in
  {{ audit.bank.categories | length }} categories{% endif %};
  {{ plural(audit.bank.duplicates, "duplicate") }} and {{ plural(audit.bank.empty, "empty one") }}
    left out.</p>
{% for part in audit.bank.written %}
<p dir="auto">{{ part.told }} They were written for this bank, not collected from people: what is
  claimed is about prompts like these.</p>
<details><summary>Prompts of each topic</summary>
<p dir="auto">{% for topic, number in part.topics.items() %}{{ topic }}
  {{ number | count }}{{ ", " if not loop.last }}{% endfor %}. Left
  out: {{ part.left_out }}.</p>
</details>
{% endfor %}
<h4>Draws</h4>
<p>{{ counts.draws_base | count }} of the base and {{ counts.draws_intervention | count }} of the
  intervention;
  by pool: {% for pool, number in counts.draws_by_pool.items() %}{{ pool }}
    {{ number | count }}{{ ", " if not loop.last }}{% endfor %}.</p>
<h4>Versions and machine</h4>
<p>{% for name, version in audit.versions.items() if name != "commit" %}{{ name }}
  {{ version }}{{ ", " if not loop.last }}{% endfor %}.
  This page was written on {{ audit.hardware.system }} ({{ audit.hardware.processor }}) with
    {{ audit.hardware.cores }} cores and {{ audit.hardware.memory_gib }} GiB of memory.</p>
<details><summary>Keys of all stages</summary>
<div class="box" tabindex="0" role="region" aria-label="Keys"><table>
  <thead><tr><th>Stage</th><th>Key</th><th>Outputs</th></tr></thead>
  <tbody>
  {% for node in audit.keys %}
  <tr>
    <td>{{ node.stage }}{% if node.settings.pool is defined %} ({{ node.settings.pool }}){% endif %}</td>
    <td><code>{{ node.key }}</code></td>
    <td><code>results/{{ node.stage }}/{{ node.key }}/</code></td></tr>
  {% endfor %}
  <tr><td>report</td><td><code>{{ audit.key }}</code></td>
    <td><code>results/report/{{ audit.key }}/</code></td></tr>
  </tbody></table></div>
</details>
"""
SECTION = Section("reproduce", "How to reproduce", "Reproduce", context, TEMPLATE)
