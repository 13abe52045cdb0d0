"""In how many waves a confirm stage asks its judge: how many batches it waits for.

    python -m benchmarks.batches

Twelve hypotheses of which four are true, in four regions of 24 confirm prompts, at the shipped
settings of the confirm stage, judged through the batch interface of tests/support/loopback.py by
a judge that is always right, and by one that answers one time in five by a coin. Writes
docs/figures/batches.json.
"""

import json
import random
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from scripts.assistants import batches
from scripts.assistants.client import Pool
from scripts.assistants.roles import Budget, ConfirmRoles, Role
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.pairs import Pair
from scripts.judging.model_judges import confirm_with_models
from scripts.prompts.region import Region
from scripts.workflow.sections import Confirm

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "docs" / "figures" / "batches.json"
RUNS, REGIONS, HYPOTHESES, TRUE = 5, 4, 12, 4
SHOWN = 0.5  # of the intervention's responses, by what is true
WORDS = ["river", "stone", "garden", "letter", "window", "engine", "forest", "market", "winter"]


def region(number: int) -> Region:
    name = f"topic {number}"
    return Region(f"r{number}", name, name, name, 1.0, 1 / REGIONS, 100, "", "prompt")


def pairs_of(marks: list[str], prompts: int, chance: random.Random) -> list[Pair]:
    """Texts of a few words; the intervention's hold the true marks as often as SHOWN."""
    found = []
    for where in range(REGIONS):
        for number in range(prompts):
            base, other = (" ".join(chance.choices(WORDS, k=6)) for _ in range(2))
            said = [mark for mark in marks[:TRUE] if chance.random() < SHOWN]
            found.append(Pair(f"p{where}-{number}", f"r{where}", base, " ".join([other, *said])))
    return found


def waves(accuracy: float, seed: int) -> int:
    """Batches that one confirm stage took."""
    from loopback import Loopback

    settings = Confirm()
    regions = {f"r{number}": region(number) for number in range(REGIONS)}
    marks = [f"mark{number}x" for number in range(HYPOTHESES)]
    pairs = pairs_of(marks, settings.prompts, random.Random(seed))
    hypotheses = [
        Hypothesis(
            id=f"h{mark}", statement=mark, direction="more", source="user",
            regions=tuple(regions), behaviour=f"mentions the word “{mark}”",
        )
        for mark in marks
    ]  # fmt: skip
    given: Any = settings.model_dump() | {"seed": seed, "evidence": 4, "unit": "prompt"}
    texts = {pair.prompt: f"A question, {pair.prompt}?" for pair in pairs}
    with Loopback(accuracy=accuracy) as server, tempfile.TemporaryDirectory() as cache:
        judge = Role("judge 1", "openai", "large", server.openai, batch=True)
        roles = ConfirmRoles(Budget(), (judge,), judge, judge, escalate="never")
        with Pool(roles, Path(cache)) as pool:
            confirm_with_models(pool, roles, hypotheses, pairs, texts, regions, given)
        return len(server.batched.batches)


def main() -> None:
    sys.path.insert(0, str(ROOT / "tests" / "support"))
    batches.PAUSES, batches.QUIET = (0.01, 0.02), 0.05
    found: dict[str, Any] = {"runs": RUNS}
    for name, accuracy in (("always_right", 1.0), ("coin_one_in_five", 0.8)):
        counts = [waves(accuracy, seed) for seed in range(RUNS)]
        found[name] = {"mean": statistics.mean(counts), "least": min(counts), "most": max(counts)}
        print(name, counts, flush=True)
    FIGURES.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
