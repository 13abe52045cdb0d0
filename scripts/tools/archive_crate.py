"""ro-crate-metadata.json: an archive described for machines, as a Workflow Run RO-Crate.

Profiles: Workflow RO-Crate 1.0 and Workflow Run RO-Crate 0.5 (https://w3id.org/ro/wfrun/workflow).
Dates and ids come from the content alone, so that equal archives have equal descriptions.
"""

import json
from collections.abc import Collection

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from scripts.core.files import JsonObject
from scripts.core.version import Commit

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
TERMS = "https://w3id.org/ro/terms/workflow-run/context"
UNKNOWN_DATE = "1970-01-01T00:00:00+00:00"  # without a commit; a date is required
FOLDERS = {
    "config": "Configurations and prompts", "docs": "Documentation", "envs": "Environments",
    "rules": "The workflow's rules", "scripts": "The workflow's scripts",
    "results": "Outputs of every stage", "logs": "Logs of the jobs and their measured times",
}  # fmt: skip
FILES = {
    "audit.yaml": "Configuration of the audit",
    "verify.py": "Checks this archive; needs Python alone",
    "requirements.lock": "Exact versions of all packages",
    "LICENSE": "Licence of the workflow",
}
PUBLISHED = {
    "report.html": "Report, for people",
    "findings.jsonl": "Hypotheses with their statuses and evidence",
    "findings.csv": "The same as a table",
    "judgements.jsonl": "What was judged of every hypothesis on every prompt",
    "behaviours.json": "Validated findings grouped into behaviours",
    "separability.json": "Whether the subjects can be told apart at all",
    "panel.json": "How far several judges agree",
    "audit.json": "Resolved configuration, keys, versions, hardware, counts",
    "regions.json": "Regions of the prompt bank",
    "rounds.jsonl": "Rounds of sampling",
    "costs.json": "Costs of each stage",
}


def crate(name: str, audit: JsonObject, files: Collection[str], code: Commit | None) -> bytes:
    """The description of an archive.

    audit: the published audit.json; files: all names in the archive; code: the workflow's commit.
    """
    made = ROCrate(version="1.1")
    made.metadata.extra_contexts.append(TERMS)
    made.name = f"Audit `{name}`"
    made.description = (
        f"What an intervention did to a language model: {audit['counts']['tested']} hypotheses "
        f"tested, {audit['counts']['validated']} validated, with every file behind them. "
        "`python3 verify.py` checks it."
    )
    made.datePublished = code.date if code else UNKNOWN_DATE
    made.license = "The workflow: Apache-2.0. The texts: as the licences of the audited models say."
    made.root_dataset["conformsTo"] = [
        made.add(
            ContextEntity(made, id_, {"@type": "CreativeWork", "name": title, "version": id_[-3:]})
        )
        for id_, title in PROFILES.items()
    ]
    workflow = made.add_workflow(
        dest_path="Snakefile",
        main=True,
        lang="snakemake",
        lang_version=audit["versions"].get("snakemake"),
        properties={"name": "Auto-Interventions", **({"version": str(code)} if code else {})},
    )
    entities = {}
    for folder, title in FOLDERS.items():
        if any(file.startswith(f"{folder}/") for file in files):
            made.add_dataset(dest_path=folder, properties={"name": title})
    banks = sorted(f for f in files if f.startswith("results/bank/") and f.endswith("bank.jsonl"))
    published = {f"results/audits/{name}/{file}": title for file, title in PUBLISHED.items()}
    titles = FILES | dict.fromkeys(banks, "Prompt bank") | published
    for file, title in titles.items():
        if file in files:
            entities[file] = made.add_file(dest_path=file, properties={"name": title})
    workflow["license"] = entities.get("LICENSE", "Apache-2.0")
    for kind, file in (("input", "audit.yaml"), ("output", f"results/audits/{name}/audit.json")):
        parameter = made.add_formal_parameter(
            name=kind, additionalType="File", identifier=f"#{kind}", valueRequired=True
        )
        workflow[kind] = parameter
        entities[file]["exampleOfWork"] = parameter
    action = made.add_action(
        workflow,
        identifier=f"#{audit['key']}",
        object=[entities[file] for file in ["audit.yaml", *banks]],
        result=[entities[file] for file in published if file in entities],
        properties={
            "name": f"Run of the audit `{name}`",
            "actionStatus": "http://schema.org/CompletedActionStatus",
        },
    )
    made.root_dataset["mentions"] = action
    document = made.metadata.generate()
    return (json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
