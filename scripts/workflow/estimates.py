"""What audits would cost at most, before anything runs, part by part; audit_plan.py bounds it.

What the record cache holds comes off it. What a language model as assistant is asked is a range,
with the worst case beside it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.assistants.banks import Wanted
from scripts.assistants.roles import ProposeRoles, read_roles
from scripts.assistants.settings import WriteSettings
from scripts.core.files import read_json
from scripts.core.settings import settings_as
from scripts.models.plant_file import read_plant
from scripts.prompts.prompt import NAMING_WORDS
from scripts.workflow.audit_plan import AuditPlan
from scripts.workflow.bill import Bill, Meter, sizes
from scripts.workflow.described import DescribedAudit, DescribedNode
from scripts.workflow.speed import Rates, arithmetic, measured_rates, rates_of

NOTHING = Bill()


@dataclass(frozen=True)
class Line:
    """What one part of an audit costs at most, both subjects together; `state` says why it may
    cost nothing: "done", or "shared" with an audit above."""

    part: str
    identity: str
    draws: int = 0
    tokens: int = 0
    texts: int = 0
    steps: int = 0
    perhaps: int = 0
    """Tokens more where subjects think of which that is not known yet."""
    bill: Bill = NOTHING
    state: str = ""


def lines_of(audit: DescribedAudit, results: Path) -> list[Line]:
    """What each part of an audit costs at most, in the order of the data flow."""
    plan = AuditPlan(audit, results)
    bills = plan.bills()

    def drawn(part: str, stage: str, draws: int, state: str) -> Line:
        return Line(
            part,
            plan.node(stage)["key"],
            draws=2 * draws,
            tokens=plan.decoded(draws),
            perhaps=plan.perhaps_decoded(draws),
            texts=2 * draws,
            bill=bills.get(stage, NOTHING),
            state=state,
        )

    def done(stage: str, file: str) -> str:
        return _done(plan.output(stage, file))

    found = [_plant_line(n, results) for n in audit["nodes"] if n["stage"] == "plant"]
    found += _written(audit, results)
    prompts = plan.bank.units if plan.bank else 0
    named = NAMING_WORDS * plan.regions
    state = done("regions", "regions.json")
    found.append(Line("regions", plan.node("regions")["key"], texts=prompts + named, state=state))
    measured = results / "measure" / plan.node("measure")["key"]
    found.append(drawn("explore", "measure", plan.explored, _done(*_last_rounds(measured))))
    if bills:
        state = done("propose", "hypotheses.jsonl")
        key = plan.node("propose")["key"]
        found.append(Line("propose", key, bill=bills["propose"], state=state))
    found.append(drawn("screen", "screen", plan.screened, done("screen", "hypotheses.jsonl")))
    if wanted := plan.probing:
        found.append(
            Line(
                "probe",
                plan.node("probe")["key"],
                draws=2 * wanted.draws,
                tokens=plan.decoded(wanted.draws),
                perhaps=plan.perhaps_decoded(wanted.draws),
                bill=bills.get("probe", NOTHING),
                state=done("confirm", "findings.jsonl"),
            )
        )
    found.append(drawn("confirm", "confirm", plan.confirmed, done("confirm", "findings.jsonl")))
    return found


def _written(audit: DescribedAudit, results: Path) -> list[Line]:
    """What writing the bank's prompts costs, a line each that a language model writes."""
    meter = Meter(sizes(None, None))
    found = []
    for node in audit["nodes"]:
        if node["stage"] == "write":
            settings = settings_as(WriteSettings, node["settings"], "write")
            roles = read_roles(ProposeRoles, settings["assistant"], node["local"]["access"])
            bill = meter.write(roles.author, Wanted.of(settings)).within(roles.budget)
            state = _done(results / "write" / node["key"] / "prompts.jsonl")
            found.append(Line("write", node["key"], bill=bill, state=state))
    return found


def _plant_line(node: DescribedNode, results: Path) -> Line:
    answered = len(read_plant(node["local"]["file"]).answered_by_base)
    settings = node["settings"]
    return Line(
        "plant",
        node["key"],
        tokens=answered * settings["control_tokens"],
        steps=settings["steps"],
        state=_done(results / "plant" / node["key"] / "plant.json"),
    )


def _done(*outputs: Path) -> str:
    return "done" if any(path.is_file() for path in outputs) else ""


def _last_rounds(measured: Path) -> list[Path]:
    return [path for path in measured.glob("round-*/round.json") if read_json(path)["stop"]]


def mark_shared(lines: Iterable[tuple[str, Line]]) -> list[tuple[str, Line]]:
    """Parts that an audit above has too are paid once."""
    seen: set[tuple[str, str]] = set()
    found = []
    for audit, line in lines:
        known = (line.part, line.identity) in seen
        found.append((audit, replace(line, state="shared") if known and not line.state else line))
        seen.add((line.part, line.identity))
    return found


def rates_here(results: Path, cache: Path) -> Rates:
    """Rates of the jobs that have run here; where some kind has not, by the machine's arithmetic,
    which is measured for it."""
    rates = measured_rates(results)
    if all(rates.jobs):
        return rates
    found = arithmetic(cache)
    return measured_rates(results, rates_of(found)) if found else rates
