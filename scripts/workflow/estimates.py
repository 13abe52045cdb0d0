"""Say what audits would cost at most, before anything runs: draws, tokens, texts, requests, time.

An upper bound from the settings: all rounds are taken, as many regions as allowed turn out
promising, every reply is as long as it may be. What the record cache holds comes off it. What a
language model as assistant is asked is a range, with the worst case beside it.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scripts.assistants import author
from scripts.assistants.judge import prompt_texts
from scripts.assistants.quoting import LONGEST_TEXT
from scripts.core.files import read_json, read_jsonl
from scripts.core.rows import read_document
from scripts.models.plant_file import read_plant
from scripts.prompts.prompt import MOST_REGIONS, Prompt, region_count
from scripts.recordings.bank import BankReport
from scripts.workflow.at_hand import Made, bank_rows, recording
from scripts.workflow.bill import Bill, Sizes, confirm_bill, propose_bill, screen_bill, sizes
from scripts.workflow.speed import (
    Rates,
    arithmetic,
    measured_rates,
    rates_of,
)

Nodes = Mapping[tuple[str, str], Mapping[str, Any]]  # by stage and key
NOTHING = Bill()
SAMPLES_OF_A_PROMPT = 16  # rounds draw a prompt of a model no more often (scripts/plan.py)
NAMING_WORDS = 12  # embedded for the name of a region at most (scripts/regions.py)


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
    bill: Bill = NOTHING
    state: str = ""


def bank_size(bank: Mapping[str, Any], nodes: Nodes, results: Path) -> tuple[int, int] | None:
    """Prompts of a bank, and its texts where they are ready responses; None where that takes long.

    Raises BankError when the bank's sources cannot be used.
    """
    done = results / "bank" / bank["key"] / "bank.json"
    if done.is_file() and not bank["inputs"]:
        return read_document(done, BankReport).prompts, 0
    rows = _bank_rows(bank, nodes, results)
    return None if rows is None else (len(rows), sum(prompt.samples or 0 for prompt in rows))


def explore_draws(
    plan: Mapping[str, Any], loop: Mapping[str, Any], regions: int, bank: tuple[int, int] | None
) -> int:
    """Draws of one subject over all rounds at most."""
    if plan["ready"]:
        return min(bank[1], plan["recorded"]) if bank else 0
    draws = plan["pilot"] * regions + (loop["rounds"] - 1) * plan["draws"]
    draws = min(draws, plan["budget"])
    return min(draws, SAMPLES_OF_A_PROMPT * bank[0]) if bank else draws


def pool_draws(plan: Mapping[str, Any], regions: int, bank: tuple[int, int] | None) -> int:
    """Draws of one subject in the screen or confirm pool at most."""
    units = plan["prompts"] * regions
    return (min(units, bank[0]) if bank else units) * plan["samples"]


def units_of(regions: Mapping[str, Any], bank: tuple[int, int] | None) -> tuple[int, int] | None:
    """A bank's size as pieces of evidence, prompts or draws, and its texts (bank_size)."""
    if regions["unit"] == "prompt" or not bank:
        return bank
    return bank[1] or bank[0] * regions["samples"], bank[1]


def lines_of(audit: Mapping[str, Any], results: Path) -> list[Line]:
    """What each part of an audit costs at most, in the order of the data flow."""
    nodes = {(node["stage"], node["key"]): node for node in audit["nodes"]}
    of_stage: dict[str, list[Mapping[str, Any]]] = {}
    for node in audit["nodes"]:
        of_stage.setdefault(node["stage"], []).append(node)
    plans = {node["settings"]["pool"]: node for node in of_stage["plan"]}
    (regions,), (measure,), (propose,) = (of_stage[s] for s in ("regions", "measure", "propose"))
    (screen,), (confirm,), (bank,) = (of_stage[s] for s in ("screen", "confirm", "bank"))
    size = bank_size(bank, nodes, results)
    asked = regions["settings"]["regions"]
    cut = min(region_count(asked, size[0]), size[0]) if size else asked["count"] or MOST_REGIONS
    by_draw = regions["settings"]["unit"] == "draw"
    if by_draw and size:
        cut = size[0]
    local = propose["settings"]["assistant"] == "local"  # its hypotheses may be on all regions
    promising = cut if local else min(propose["settings"]["regions"], cut)
    units = units_of(regions["settings"], size)

    def decoded(plan, draws):
        """Tokens of both subjects, thoughts with them where they have a budget that is known; ready
        responses decode nothing."""
        sides = [
            nodes[tuple(plan["inputs"][side])]["settings"] for side in ("base", "intervention")
        ]
        return sum(draws * longest_reply(s) for s in sides if "sampling" in s)

    explored = explore_draws(plans["explore"]["settings"], measure["settings"], cut, size)
    if by_draw and units:
        pool = math.ceil(regions["settings"]["pools"]["explore"] * units[0] / cut)
        explored = min(explored, pool * cut)
    screened = pool_draws(plans["screen"]["settings"], promising, units)
    # A user's own hypotheses may concern any region, and are tested whatever they take.
    own = bool(screen["local"]["hypotheses"])
    tested = cut if own else promising
    budget = screen["settings"]["confirm"]
    most = math.inf if own or budget["ready"] else budget["draws"]
    confirmed = min(pool_draws(plans["confirm"]["settings"], tested, units), most)
    confirmed += plans["confirm"]["settings"]["everywhere"] * cut * (not budget["ready"])
    bills = _bills(propose, screen, confirm, plans, (promising, tested), most, nodes, bank, results)
    found = [_plant_line(node, results) for node in of_stage.get("plant", [])]
    found += [
        Line(
            "regions",
            regions["key"],
            texts=(size[0] if size else 0) + NAMING_WORDS * cut,
            state=_done(results / "regions" / regions["key"] / "regions.json"),
        ),
        Line(
            "explore",
            measure["key"],
            draws=2 * explored,
            tokens=decoded(plans["explore"], explored),
            texts=2 * explored,
            state=_done(*_last_rounds(results / "measure" / measure["key"])),
        ),
        *(
            [
                Line(
                    "propose",
                    propose["key"],
                    bill=bills["propose"],
                    state=_done(results / "propose" / propose["key"] / "hypotheses.jsonl"),
                )
            ]
            if bills
            else []
        ),
        Line(
            "screen",
            screen["key"],
            draws=2 * screened,
            texts=2 * screened,
            tokens=decoded(plans["screen"], screened),
            bill=bills.get("screen", NOTHING),
            state=_done(results / "screen" / screen["key"] / "hypotheses.jsonl"),
        ),
        Line(
            "confirm",
            confirm["key"],
            draws=2 * confirmed,
            texts=2 * confirmed,
            tokens=decoded(plans["confirm"], confirmed),
            bill=bills.get("confirm", NOTHING),
            state=_done(results / "confirm" / confirm["key"] / "findings.jsonl"),
        ),
    ]
    return found


def longest_reply(subject: Mapping[str, Any]) -> int:
    """Tokens of a reply at most, from a subject's settings in decode."""
    reasoning = subject.get("reasoning")
    thoughts = reasoning["max_tokens"] if isinstance(reasoning, Mapping) else 0
    return subject["sampling"]["max_new_tokens"] + thoughts


def _bills(
    propose, screen, confirm, plans, regions, most_draws, nodes, bank, results
) -> dict[str, Bill]:
    """What the assistant is asked in each stage; nothing for the local one.

    Hypotheses that are written already count as they are, in their regions.
    """
    settings = propose["settings"]["assistant"]
    if settings == "local":
        return {}
    prices = propose["local"]["access"]["prices"]
    promising, tested = regions
    text = _text_sizes(plans["screen"], nodes, bank, results)
    most = propose["settings"]["hypotheses"]
    own = sum(
        sum(1 for line in open(path, "rb") if line.strip())  # noqa: SIM115
        for path in screen["local"]["hypotheses"]
    )
    written = _by_region(results / "propose" / propose["key"] / "hypotheses.jsonl")
    passed = _by_region(results / "screen" / screen["key"] / "hypotheses.jsonl")
    # Of one region no more are written; what is merged over regions was written in each.
    in_region = min(most, author.PASSES * author.EACH)
    screened = written if written is not None else [in_region] * promising
    confirmed = passed if passed is not None else [in_region + own] * tested

    def draws(pool):
        return plans[pool]["settings"]["prompts"], plans[pool]["settings"]["samples"]

    placebos = confirm["settings"]["placebos"]
    bills = {
        "propose": propose_bill(settings, prices, promising, text),
        "screen": screen_bill(settings, prices, screened, *draws("screen"), text),
        "confirm": confirm_bill(
            settings, prices, confirmed, *draws("confirm"), most_draws, placebos, text
        ),
    }
    return {stage: bill.within(settings["budget"]) for stage, bill in bills.items()}


def _by_region(path: Path) -> list[int] | None:
    """How many hypotheses concern each region, where they are known."""
    if not path.is_file():
        return None
    rows = [row for row in read_jsonl(path) if not row.get("beyond")]
    return list(Counter(region for row in rows for region in row["regions"]).values())


def _text_sizes(plan, nodes, bank, results: Path) -> Sizes:
    """Bounds on the texts that a request quotes, from the bank and the subjects' settings."""
    sides = [nodes[tuple(plan["inputs"][side])] for side in ("base", "intervention")]
    tokens = [s["settings"].get("sampling", {}).get("max_new_tokens") for s in sides]
    rows = _bank_rows(bank, nodes, results)
    prompt = max(map(len, prompt_texts(rows).values())) if rows else None
    named = [s["inputs"]["responses"] for s in sides if "responses" in s["inputs"]]
    if not named:
        return sizes(prompt, max(tokens))
    ready = [recording(_made(nodes[tuple(name)]), results) for name in named]
    if len(ready) < len(sides) or None in ready:
        return sizes(prompt, None)
    longest = max(report.longest for _, report in ready)
    return Sizes(sizes(prompt, None).prompt, min(LONGEST_TEXT, longest))


def _bank_rows(bank, nodes: Nodes, results: Path) -> list[Prompt] | None:
    """The prompts of a bank where they are read quickly."""
    sides = {side: _made(nodes[tuple(named)]) for side, named in bank["inputs"].items()}
    return bank_rows(_made(bank), sides, results)


def _made(node: Mapping[str, Any]) -> Made:
    return Made(node["key"], node["settings"], node["local"])


def _plant_line(node: Mapping[str, Any], results: Path) -> Line:
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
    seen, found = set(), []
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
