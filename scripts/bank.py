"""TEMPORARY until the real one lands."""
import hashlib, json, unicodedata, yaml
from pathlib import Path
class BankError(ValueError):
    pass
def prompt_id(p):
    t = unicodedata.normalize("NFC", p) if isinstance(p, str) else json.dumps(p)
    return hashlib.sha256(t.encode()).hexdigest()
def check_sources(s): pass
def source_files(s):
    p = Path(s["path"])
    return sorted(p.rglob("*.yaml")) if p.is_dir() else [p]
def prompts_of(local):
    rows = {}
    for s in local["sources"]:
        for f in source_files(s):
            d = yaml.safe_load(f.read_text())
            for thing in d["things"]:
                for form in d["forms"]:
                    t = form.replace("{thing}", thing)
                    rows.setdefault(prompt_id(t), {"id": prompt_id(t), "text": t, "topic": d["topic"]})
    return list(rows.values()), {"prompts": len(rows)}
if __name__ == "__main__":
    from scripts.workflow.job import job
    from scripts.workflow.files import write_json, write_jsonl
    with job(snakemake) as ledger:
        rows, report = prompts_of(snakemake.params.local)
        write_jsonl(snakemake.output.bank, rows)
        write_json(snakemake.output.report, report)
