"""Audits judged by a panel of simulated models, through the product's own confirm stage.

    python -m benchmarks.panel [--audits 200] [--with-true 40] [--write]

Everything between a request and a finding is the product's: placebos, coins, requests, majority,
race, e-BH, gates, agreement. Only the pool is simulated: it answers each request by chance, and no
screen says how well, so that the races are those of a judge right with 80 %. 16 hypotheses in four
regions of 40 fresh prompts, one pair of each; four of them true, or none. A judge names the right
side of a true one with its accuracy and else the wrong side; of a false one and of a placebo it
says neither with a chance of 0.7 (`neither`) or never (`coins`), or else chooses a side by coin.
`leaning` judges answer a third of all statements for the longer text, which is the intervention's
on 90 % of the prompts, and a tenth of their replies are garbage. --write writes
docs/figures/panel.json.
"""

import argparse
import random
import re
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, cast

import numpy as np

from benchmarks.simulated_pool import SimulatedJudges
from scripts.assistants.client import Pool
from scripts.assistants.provider import Request
from scripts.assistants.roles import Budget, ConfirmRoles, Decide, Panel, Role
from scripts.core.files import write_json
from scripts.evidence.agreement import agreement
from scripts.evidence.reasons import Status
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.pairs import Pair
from scripts.judging.model_judges import confirm_with_models
from scripts.judging.settings import ClaimSettings
from scripts.page.judges import guessing
from scripts.prompts.region import Region
from scripts.workflow.sections import Confirm

FIGURES = Path(__file__).parents[1] / "docs" / "figures" / "panel.json"
REGIONS, PROMPTS, HYPOTHESES, TRUE = 4, 40, 16, 4
RIGHTS = (0.8, 0.7, 0.5)
RUNS = 300  # behind a coverage
TEXTS = re.compile(r"\[\[response ([AB]) (\w+)\]\]\n(.*?)\n\[\[/", re.S)
SHORT, LONG = "a short text", "a text that is a good deal longer than the other one"


@dataclass(frozen=True)
class Manner:
    """How simulated judges answer."""

    neither: float = 0.7
    longer: float = 0.0
    garbage: float = 0.0


MANNERS = {
    "neither": Manner(),
    "coins": Manner(neither=0.0),
    "leaning": Manner(longer=1 / 3, garbage=0.1),
}


class PanelOfManner(SimulatedJudges):
    """Judges that answer as badly as they are told."""

    def __init__(self, rights: dict[str, float], manner: Manner, seed: int):
        self.rights, self.manner, self.chance = rights, manner, random.Random(seed)
        super().__init__(manner.garbage, self.chance.random)

    def verdicts(self, request: Request) -> dict[str, str]:
        texts = {letter: text for letter, _, text in TEXTS.findall(request.prompt)}
        statements = request.prompt.rsplit("Statements:\n", 1)[1].split("\n")
        right = self.rights[request.role.model]
        return {
            str(n): self._verdict(statement, texts, right)
            for n, statement in enumerate(statements, 1)
        }

    def _verdict(self, statement: str, texts: dict[str, str], right: float) -> str:
        longest = max("AB", key=lambda letter: len(texts[letter]))
        if self.chance.random() < self.manner.longer:
            return longest
        intervention = next(letter for letter, text in texts.items() if "(i)" in text)
        if "true" in statement:
            other = "AB".replace(intervention, "")
            return intervention if self.chance.random() < right else other
        return "neither" if self.chance.random() < self.manner.neither else self.chance.choice("AB")


def one(decide: str, manner: Manner, true: int, seed: int) -> dict[str, float]:
    """One audit."""
    chance = random.Random(seed)
    names = [f"r{n}" for n in range(REGIONS)]
    regions = {
        name: Region(name, name, name, name, 1.0, 1 / REGIONS, PROMPTS, "m", "prompt")
        for name in names
    }
    hypotheses = []
    for n in range(HYPOTHESES):
        said, where = f"is {'true' if n < true else 'false'} no. {n}", (names[n % REGIONS],)
        hypotheses.append(Hypothesis(
            id=f"h{n}", behaviour=said, direction="more", statement=said, regions=where,
            source="assistant",
        ))  # fmt: skip
    pairs = []
    for region in names:
        for n in range(PROMPTS):
            texts = [SHORT, LONG]
            longer = chance.random() < 0.9 if manner.longer else chance.random() < 0.5
            base, intervention = texts if longer else texts[::-1]
            pairs.append(Pair(f"{seed}-{region}-{n}", region, base, f"{intervention} (i)"))
    judges = tuple(Role(f"judge {n}", "openai", f"m{n}") for n in range(1, len(RIGHTS) + 1))
    rights = dict(zip((judge.model for judge in judges), RIGHTS, strict=True))
    cheap = Role("cheap", "openai", "m1")
    panel = Panel(cast(Decide, decide))
    roles = ConfirmRoles(Budget(), judges, cheap, cheap, "never", panel=panel)
    defaults = Confirm()
    settings: ClaimSettings = {
        "q": defaults.q, "delta": defaults.delta, "placebos": defaults.placebos, "evidence": 1,
        "seed": seed, "unit": "prompt",
    }  # fmt: skip
    pool = PanelOfManner(rights, manner, seed)
    texts_of = {pair.prompt: "A question?" for pair in pairs}
    findings, _, report = confirm_with_models(
        cast(Pool, pool), roles, hypotheses, pairs, texts_of, regions, settings
    )
    validated = [int(f.id[1:]) for f in findings if f.status == Status.VALIDATED]
    false = sum(n >= true for n in validated)
    return {
        "any_false": float(false > 0),
        "false_share": false / max(1, len(validated)),
        "power": sum(n < true for n in validated) / true if true else 0.0,
        "requests": float(pool.asked.total()),
        "guesser_named": float(guessing(report) == ["m3"]),
    }


def coverage(runs: int) -> dict[str, Any]:
    """How often the interval of kappa covers it, over many settings: two judges, half or all of the
    statements on a prompt true, where a share of the prompts is hard for both."""
    found: list[float] = []
    for prompts, (of_prompt, true), rights, hard in product(
        (8, 12, 20, 50, 150), ((1, 1), (4, 2), (4, 1)), ((0.8, 0.7), (0.8, 0.5), (0.95, 0.95)),
        (0.0, 0.3),
    ):  # fmt: skip
        chance, covered = random.Random(len(found)), 0
        truth = _kappa(of_prompt, true, rights, hard)
        for _ in range(runs):
            verdicts = []
            for prompt in range(prompts):
                is_hard = chance.random() < hard
                for number in range(of_prompt):
                    one, other = (_sign(number < true, r, is_hard, chance) for r in rights)
                    verdicts.append((str(prompt), one, other))
            kappa = agreement(verdicts).kappa
            covered += kappa.low <= truth <= kappa.high
        found.append(round(covered / runs, 3))
    return {"settings": len(found), "runs": runs, "least": min(found), "most": max(found)}


def _sign(true: bool, right: float, is_hard: bool, chance: random.Random) -> int:
    if true:
        return 1 if chance.random() < (0.5 if is_hard else right) else -1
    return 0 if chance.random() < Manner().neither else chance.choice([-1, 1])


def _kappa(of_prompt: int, true: int, rights: tuple[float, float], hard: float) -> float:
    """What kappa is by the judges' chances."""
    one, other = rights
    tie, false = Manner().neither, of_prompt - true
    alike = (1 - hard) * (one * other + (1 - one) * (1 - other)) + hard / 2
    same = (true * alike + false * (tie**2 + (1 - tie) ** 2 / 2)) / of_prompt
    ties = false * tie / of_prompt
    by_chance = ties**2 + (1 - ties) ** 2 / 2
    return (same - by_chance) / (1 - by_chance)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--audits", type=int, default=200, help="without a true hypothesis")
    parser.add_argument("--with-true", type=int, default=40, help="with true ones")
    parser.add_argument("--write", action="store_true", help=f"write {FIGURES.name}")
    given = parser.parse_args()
    rows = []
    # Without a true one the first judge's claims are those of a judge alone.
    lines = [(name, "majority", 0, given.audits) for name in MANNERS]
    lines += [
        (name, decide, TRUE, given.with_true)
        for name, decide in product(MANNERS, ("first", "majority"))
    ]
    for judges, decide, true, number in lines:
        audits = [one(decide, MANNERS[judges], true, seed) for seed in range(number)]
        means = {name: round(float(np.mean([a[name] for a in audits])), 4) for name in audits[0]}
        rows.append({"judges": judges, "decide": decide, "true": true, "audits": number, **means})
        print(rows[-1], flush=True)
    covered = coverage(RUNS)
    print(covered)
    if given.write:
        found = {"accuracies": list(RIGHTS), "audits": rows, "kappa": covered}
        write_json(FIGURES, {"schema": 1, **found})


if __name__ == "__main__":
    main()
