"""The JSON schema of each file format, from the type that it is written and read through."""

import json
import re
from pathlib import Path

from scripts.assistants.interactions import Interaction
from scripts.assistants.usage import Usage
from scripts.core.ledger import Ledger
from scripts.core.rows import json_schema
from scripts.divergence.contrast import Contrast
from scripts.divergence.round import ReportedRound, Round
from scripts.draws.draw import PlannedDraw
from scripts.draws.generation import Generation
from scripts.hypotheses.finding import Behaviours, Finding, Themes
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.judgement import Judgement
from scripts.hypotheses.probe import Probe
from scripts.hypotheses.similarity import Similarities
from scripts.hypotheses.writing import Writing
from scripts.judging.calibration import Calibration
from scripts.judging.panel import PanelReport
from scripts.judging.separability import Separability
from scripts.page.audit_summary import AuditSummary
from scripts.page.costs import Costs
from scripts.page.findings_table import FindingRow
from scripts.prompts.pools import DealtPrompt
from scripts.prompts.prompt import Prompt
from scripts.prompts.region import ExploredRegions, RegionDivergence, Regions
from scripts.prompts.written import Authored, AuthoredPrompt
from scripts.recordings.bank import BankReport
from scripts.recordings.files import RecordedPrompt, RecordedResponse
from scripts.recordings.recording import RecordingReport

SCHEMAS = Path(__file__).parents[2] / "config" / "schemas"
# By the file's place below results/; of a JSONL file or a table the schema is that of a line.
FORMATS: dict[str, type] = {
    "responses/responses.jsonl": RecordedResponse,
    "responses/prompts.jsonl": RecordedPrompt,
    "responses/report.json": RecordingReport,
    "write/prompts.jsonl": AuthoredPrompt,
    "write/written.json": Authored,
    "bank/bank.jsonl": Prompt,
    "bank/bank.json": BankReport,
    "regions/regions.json": Regions,
    "regions/prompts.jsonl": DealtPrompt,
    "contrast/contrast.json": Contrast,
    "plan/step.jsonl": PlannedDraw,
    "decode/shard.jsonl": Generation,
    "measure/round.json": Round,
    "measure/regions.jsonl": RegionDivergence,
    "propose/hypotheses.jsonl": Hypothesis,
    "propose/writing.json": Writing,
    "propose/interactions.jsonl": Interaction,
    "screen/hypotheses.jsonl": Hypothesis,
    "screen/screened.jsonl": Hypothesis,
    "screen/calibration.json": Calibration,
    "probe/probes.jsonl": Probe,
    "probe/prompts.jsonl": Prompt,
    "confirm/findings.jsonl": Finding,
    "confirm/judgements.jsonl": Judgement,
    "confirm/themes.json": Themes,
    "confirm/similarities.json": Similarities,
    "propose/usage.json": Usage,
    "decode/ledger.json": Ledger,
    "audits/rounds.jsonl": ReportedRound,
    "audits/regions.json": ExploredRegions,
    "audits/audit.json": AuditSummary,
    "audits/findings.jsonl": Finding,
    "audits/findings.csv": FindingRow,
    "audits/judgements.jsonl": Judgement,
    "audits/interactions.jsonl": Interaction,
    "audits/behaviours.json": Behaviours,
    "audits/separability.json": Separability,
    "audits/panel.json": PanelReport,
    "audits/costs.json": Costs,
}


def schema_file(name: str) -> Path:
    """Where the schema of a format lies."""
    return SCHEMAS / (re.sub(r"\W", "-", name) + ".schema.json")


def schema_text(kind: type) -> str:
    """The schema as it is written (2020-12)."""
    version = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(version | json_schema(kind), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, kind in FORMATS.items():
        schema_file(name).write_text(schema_text(kind), encoding="utf-8")
