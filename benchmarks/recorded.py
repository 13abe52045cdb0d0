"""Audits of recorded pairs of outputs, and of copies whose sides are exchanged at random.

    python -m benchmarks.recorded MODEL FOLDER [--permuted 40] [--pair NAME ...] [--write]

MODEL is a sentence-transformers folder, FOLDER holds the files of the pairs (PAIRS). Each audit
runs the functions of the stages in this process, with the defaults that ship; vectors are kept in
cache/. The pairs of BY_DRAW have few prompts with many samples (`unit: draw`). In a permuted copy
the two sides of each prompt, or there of each draw, are exchanged by a coin: its subjects do not
differ, so that whatever is validated is a false discovery.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, cast

import numpy as np

from benchmarks.speed import processor
from scripts.benchmark.audit import AuditOutcome, audit
from scripts.benchmark.settings import AuditSettings
from scripts.benchmark.suite import Suite
from scripts.core.ledger import Ledger
from scripts.core.randomness import hash_unit
from scripts.core.vocabulary import SIDES
from scripts.models.encoder import embed
from scripts.models.text_model import TextModel
from scripts.prompts.prompt import Prompt, prompt_id
from scripts.prompts.settings import CutSettings
from scripts.readers.reading import Reading
from scripts.readers.settings import RecordingSettings
from scripts.regions import cut
from scripts.workflow.sections import Audit

EMBEDDER = "recorded"  # its name in the cache
FIGURES = Path(__file__).parents[1] / "docs" / "figures" / "recorded.json"
XSTEST, EM = "xstest/xstest_v2_completions_mistral", "em-audit/anchor_"
PAIRS = {
    "guard": (f"{XSTEST}instruct.csv", f"{XSTEST}guard.csv"),
    "misaligned": (f"{EM}base.jsonl", f"{EM}bad.jsonl"),
    "english": ("m-ifeval/en_gpt-4o-mini-2024-07-18.jsonl", "m-ifeval/en_o1-mini-2024-09-12.jsonl"),
    "french": ("m-ifeval/fr_gpt-4o-2024-08-06.jsonl", "m-ifeval/fr_gpt-4o-mini-2024-07-18.jsonl"),
    "japanese": (
        "m-ifeval/ja_gpt-4o-2024-08-06.jsonl",
        "m-ifeval/ja_qwen2.5-0.5b-instruct-gptq-int4.jsonl",
    ),
}
BY_DRAW = ("misaligned",)


def rows(path: Path) -> Iterator[tuple[str, str]]:
    """Prompts and responses of one file; those without a response are left out."""
    named = path.parent / "questions.csv"
    settings: RecordingSettings = {"path": str(path)}
    if named.is_file():
        settings["prompts"] = {"path": str(named)}
    for row in Reading(settings, "response"):
        if row.response is not None:
            yield row.prompt, row.response


def paired(folder: Path, pair: str) -> dict[str, dict[str, list[str]]]:
    """The responses of both sides by prompt, as many of each, of the prompts that both answer."""
    sides: list[dict[str, list[str]]] = []
    for path in PAIRS[pair]:
        found: dict[str, list[str]] = {}
        for prompt, response in rows(folder / path):
            found.setdefault(prompt.strip(), []).append(response)
        sides.append(found)
    base, intervention = sides
    return {
        prompt: dict(zip(SIDES, (base[prompt], intervention[prompt]), strict=True))
        for prompt in base
        if len(base[prompt]) == len(intervention.get(prompt, ()))
    }


@dataclass(frozen=True)
class Recorded:
    """A pair as simulated.audit takes a subject; `permuted` is the seed of the exchanged sides, or
    None."""

    suite: Suite
    permuted: int | None = None
    unit: str = "prompt"
    embedded = True

    def text(self, side: str, prompt: int, sample: int) -> str:
        return self.suite.texts[self._side(side, prompt, sample)][prompt][sample]

    def vector(self, side: str, prompt: int, sample: int) -> np.ndarray:
        return self.suite.vectors[self._side(side, prompt, sample)][prompt][sample]

    def _side(self, side: str, prompt: int, sample: int) -> str:
        unit = [self.suite.ids[prompt], *([sample] if self.unit == "draw" else [])]
        exchanged = self.permuted is not None and hash_unit("exchange", self.permuted, *unit) < 0.5
        return SIDES[1 - SIDES.index(side)] if exchanged else side


def read(
    folder: Path, pair: str, settings: dict[str, Any], seed: int, encode: Callable[..., np.ndarray]
) -> Suite:
    """The prompts, regions, texts and vectors of a pair."""
    found = paired(folder, pair)
    prompts = [Prompt(prompt_id(text), text) for text in found]
    least = min(len(sides[SIDES[0]]) for sides in found.values())
    texts = {s: [found[p.asked][s][:least] for p in prompts] for s in SIDES}
    return suite_from(prompts, texts, settings, encode, seed)


def suite_from(
    prompts: Sequence[Prompt],
    texts: dict[str, list[list[str]]],
    settings: dict[str, Any],
    encode: Callable[..., np.ndarray],
    seed: int = 0,
) -> Suite:
    """Prompts with as many texts each, by side, cut into regions and embedded."""
    vectors: dict[str, np.ndarray] = {}
    for side, of_side in texts.items():
        flat = encode([text for of_one in of_side for text in of_one]).astype(np.float16)
        vectors[side] = flat.reshape(len(prompts), len(of_side[0]), -1)
    asked: CutSettings = {
        "regions": settings["regions"], "pools": settings["pools"], "unit": settings["unit"],
        "seed": seed, "samples": len(texts[SIDES[0]][0]),
    }  # fmt: skip
    regions, rows = cut(prompts, encode([p.asked for p in prompts]), asked, encode)
    ids, region = [prompt.id for prompt in prompts], {row.id: row.region for row in rows}
    return Suite(
        ids, [""] * len(ids), regions, [region[i] for i in ids], texts, vectors,
        [prompt.asked for prompt in prompts],
    )  # fmt: skip


def shown(outcome: AuditOutcome) -> list[str]:
    """What a reader sees: the behaviours."""
    return [entry.statement for entry in outcome.entries]


def one(suite: Suite, settings: dict[str, Any], permuted: int | None) -> tuple[list[str], float]:
    """What one audit validates, and its seconds."""
    began = time.monotonic()
    seed = 0 if permuted is None else permuted
    subject = Recorded(suite, permuted, settings["unit"])
    outcome = audit(subject, cast(AuditSettings, settings), seed, ready=True)
    return shown(outcome), time.monotonic() - began


def workers_of_one_thread(count: int) -> ProcessPoolExecutor:
    """Processes for audits side by side; begun anew, since a fork would inherit locked threads."""
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--permuted", type=int, default=0, help="copies of each pair")
    parser.add_argument("--pair", nargs="*", choices=PAIRS, default=list(PAIRS))
    parser.add_argument("--write", action="store_true", help=f"write {FIGURES.name}")
    given = parser.parse_args()
    defaults = Audit(base="base", intervention="intervention").model_dump()
    threads = os.cpu_count() or 1
    ledger = Ledger("embed", "benchmark")
    model = TextModel(given.model, "auto", Path("cache"), 32, threads, ledger)

    def encode(texts: list[str]) -> np.ndarray:
        return embed(texts, EMBEDDER, model)

    found: dict[str, Any] = {}
    with workers_of_one_thread(threads) as workers:
        for pair in given.pair:
            settings = defaults | ({"unit": "draw"} if pair in BY_DRAW else {})
            suite = read(given.folder, pair, settings, 0, encode)
            validated, seconds = one(suite, settings, None)
            print(
                f"{pair}: {len(suite.ids)} prompts, {len(suite.regions)} regions, {seconds:.0f} s"
            )
            print(*(f"    {statement}" for statement in validated), sep="\n")
            n = given.permuted
            runs = list(workers.map(one, [suite] * n, [settings] * n, range(1, n + 1)))
            false = [statements for statements, _ in runs if statements]
            if runs:
                print(f"  {len(false)} of {len(runs)} permuted copies validate something: {false}")
            found[pair] = {"validated": validated, "permuted": len(runs), "false": len(false)}
    if given.write:
        record = {"processor": processor(), "pairs": found}
        FIGURES.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
