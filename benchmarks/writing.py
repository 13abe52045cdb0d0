"""What a second cycle of writing does: false discoveries without a difference, and what it adds.

    python -m benchmarks.writing

Audits through the product's own functions, from explored pairs to findings, at the shipped
settings: texts of words drawn by chance in four regions; the reader of tests/support/loopback.py
writes words that one side says more often and judges by looking for them, one verdict in five by a
coin. Without a difference, in 200 audits, and with 8 or 24 marks that the intervention says in one
region or two each, in 50; with and without the second cycle. Writes docs/figures/writing.json.
"""

import json
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.simulated_pool import SimulatedPool, T
from scripts.assistants.author import Manner, most_divergent, write_hypotheses
from scripts.assistants.client import Answer
from scripts.assistants.judge import ModelJudge, pairs_by_prompt
from scripts.assistants.provider import Request
from scripts.assistants.roles import Budget, ConfirmRoles, Role
from scripts.assistants.usage import RoleUsage
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.pairs import Pair
from scripts.judging.model_judges import confirm_with_models
from scripts.judging.screening import screened_by_model
from scripts.prompts.region import Region
from scripts.workflow.sections import Confirm, Propose, Screen

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "docs" / "figures" / "writing.json"
REGIONS, VOCABULARY, LENGTH = 4, 60, 12
EXPLORED = 24  # prompts a region
NULLS, PLANTED, MARKS, SHOWN = 200, 50, (8, 24), 0.7
ACCURACY = 0.8


class WordReader(SimulatedPool):
    """Asks the model behind the tests' loopback server, without a server."""

    def __init__(self, reader: Any):
        super().__init__()
        self._reader = reader
        self.usage: dict[str, RoleUsage] = {}

    def answer(self, request: Request, read: Callable[[str], T]) -> Answer[T]:
        return Answer("answered", read(self._reader.reply(request.system, request.prompt)))


class Outcome(NamedTuple):
    """Statements validated, those of them that are false, marks found, and tested ones that the
    second cycle wrote."""

    validated: int
    false: int
    marks: int
    later: int


def region(number: int) -> Region:
    name = f"topic {number}"
    return Region(f"r{number}", name, name, name, 1.0, 1 / REGIONS, 100, "", "prompt")


def pairs_of(pool: str, prompts: int, marks: int, chance: random.Random) -> list[Pair]:
    """Mark n is said in region n, and every other one in the next one, too."""
    words = ["".join(chr(97 + (n * 7 + k) % 26) for k in range(6)) for n in range(VOCABULARY)]
    found = []
    for where in range(REGIONS):
        here = [n for n in range(marks) if where in {n % REGIONS, (n + n // REGIONS) % REGIONS}]
        for number in range(prompts):
            base, other = (chance.choices(words, k=LENGTH) for _ in range(2))
            other = [*other, *(f"mark{chr(97 + n)}" for n in here if chance.random() < SHOWN)]
            name = f"{pool}{where}-{number}"
            found.append(Pair(name, f"r{where}", " ".join(base), " ".join(other)))
    return found


def audit(seed: int, marks: int, second_cycle: bool) -> Outcome:
    """One audit from explored pairs to findings."""
    from behaviour import Behaviour
    from reader import Reader

    chance, screen, settings = random.Random(seed), Screen(), Confirm()
    regions = {f"r{number}": region(number) for number in range(REGIONS)}
    explored, screened, confirmed = (
        pairs_of(pool, prompts, marks, chance)
        for pool, prompts in (("e", EXPLORED), ("s", screen.prompts), ("c", settings.prompts))
    )
    texts = {p.prompt: f"Question {p.prompt}?" for p in (*explored, *screened, *confirmed)}
    pool: Any = WordReader(Reader(Behaviour(accuracy=ACCURACY)))
    role = Role("author", "openai", "large", "http://localhost")
    manner = Manner.of(Propose().of_a_model())

    def judged(hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
        judge = ModelJudge(pool, role, hypotheses, {}, pairs_by_prompt(screened), texts, seed)
        return screened_by_model(hypotheses, screened, regions, screen.least_net, judge)

    first, _ = write_hypotheses(pool, role, explored, [*regions], regions, texts, manner, seed)
    rows = judged(first)
    later: list[Hypothesis] = []
    if second_cycle:
        later, _ = write_hypotheses(
            pool, role, explored, most_divergent(explored), regions, texts, manner.after(rows),
            seed, rows,
        )  # fmt: skip
        rows += judged(later)
    kept = [row for row in rows if row.goes_on]
    given: Any = settings.model_dump() | {"seed": seed, "evidence": 1, "unit": "prompt"}
    roles = ConfirmRoles(Budget(), (role,), role, role, escalate="never")
    findings, _, _ = confirm_with_models(pool, roles, kept, confirmed, texts, regions, given)
    valid = [f.behaviour or "" for f in findings if f.status == "validated"]
    true = [said for said in valid if "mark" in said]
    names = {h.id for h in later}
    return Outcome(
        len(valid), len(valid) - len(true), len(set(true)), sum(row.id in names for row in kept)
    )


def main() -> None:
    sys.path.insert(0, str(ROOT / "tests" / "support"))
    found: dict[str, Any] = {"accuracy": ACCURACY, "null_audits": NULLS, "audits": PLANTED}
    for name, again in (("one_cycle", False), ("two_cycles", True)):
        nulls = [audit(seed, 0, again) for seed in range(NULLS)]
        found[name] = {
            "null_audits_with_a_discovery": sum(o.validated > 0 for o in nulls),
            "null_hypotheses_of_the_second_cycle": sum(o.later for o in nulls),
        }
        for marks in MARKS:
            real = [audit(1000 + seed, marks, again) for seed in range(PLANTED)]
            found[name][f"marks_{marks}"] = {
                "found": round(sum(o.marks for o in real) / PLANTED, 2),
                "validated": sum(o.validated for o in real),
                "false": sum(o.false for o in real),
                "tested_of_the_second_cycle": round(sum(o.later for o in real) / PLANTED, 2),
            }
        print(name, found[name], flush=True)
    FIGURES.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
