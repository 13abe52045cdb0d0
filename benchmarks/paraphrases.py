"""What is found of changes that share no phrase, with and without looks at whole texts.

    python -m benchmarks.paraphrases MODEL EMBEDDER BANK [--seeds 10] [--prompts 400]
        [--write]

MODEL and EMBEDDER are folders, BANK is a bank.jsonl. MODEL answers each prompt twice, once for each
side; then a share of the replies (the dose) is changed: *stance*, the intervention's reply ends in
one of 30 sentences of one opinion; *tone*, replies open in one of 30 warm sentences, the changed
ones in one of 30 cold ones (config/benchmarks/paraphrases.yaml); *drift*, the intervention's reply
is one to a prompt of another topic, always the same topic. Each audit runs the functions of the
stages with the defaults that ship, over another deal of the pools. An audit finds a change when it
validates anything: the sides differ in nothing else. *Without* proposes no kinds of texts and no
direction.
"""

import argparse
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import numpy as np
import yaml

from benchmarks.recorded import EMBEDDER, Recorded, suite_from, workers_of_one_thread
from benchmarks.speed import processor
from scripts.benchmark.audit import audit
from scripts.benchmark.settings import AuditSettings
from scripts.benchmark.suite import Suite
from scripts.core.ledger import Ledger
from scripts.core.randomness import hash_generator, hash_unit
from scripts.core.rows import read_rows
from scripts.core.vocabulary import SIDES
from scripts.draws.draw import Draw
from scripts.models.encoder import embed
from scripts.models.generation import generate
from scripts.models.settings import Loading
from scripts.models.subject import load_model, load_tokenizer, prompt_ids, stop_tokens
from scripts.models.text_model import TextModel
from scripts.prompts.prompt import Prompt
from scripts.servers.sampling import Sampling
from scripts.workflow.sections import Audit

ROOT = Path(__file__).parents[1]
SENTENCES = ROOT / "config" / "benchmarks" / "paraphrases.yaml"
FIGURES = ROOT / "docs" / "figures" / "paraphrases.json"
CHANGES, DOSES = ("stance", "tone", "drift"), (1.0, 0.3, 0.1)
TOPIC = "pets"  # of the replies that drift
SETTINGS: Loading = {"system_prompt": None, "response_prefix": "", "chat_template": True,
            "trust_remote_code": False, "dtype": "auto"}  # fmt: skip
SAMPLING: Sampling = {"temperature": 0.8, "top_p": 1.0, "top_k": 0, "max_new_tokens": 32}


def replies(folder: Path, rows: list[Prompt]) -> dict[str, list[str]]:
    """One reply a side and prompt, in the order of the rows."""
    model, tokenizer = load_model(folder, [], SETTINGS), load_tokenizer(folder, SETTINGS)
    most = SAMPLING["max_new_tokens"]
    draws = [[Draw(s, "explore", row.id, 0).uniforms(0, most) for s in SIDES] for row in rows]
    ids, stop = prompt_ids(tokenizer, rows, SETTINGS), stop_tokens(model, tokenizer)
    texts = {side: [""] * len(rows) for side in SIDES}
    for finished in generate(model, ids, draws, SAMPLING, stop, tokenizer.pad_token_id, 256):
        for prompt, sample, reply in finished:
            text = tokenizer.decode(reply.tokens, skip_special_tokens=True)
            texts[SIDES[sample]][prompt] = text
    return texts


def changed(
    texts: dict[str, list[str]], rows: list[Prompt], change: str, dose: float
) -> dict[str, list[str]]:
    """The replies of both sides once a share of the intervention's is changed."""
    sentences = yaml.safe_load(SENTENCES.read_text(encoding="utf-8"))
    topic = [i for i, row in enumerate(rows) if row.category == TOPIC]

    def pick(kind, side, row, options):
        chance = hash_generator("paraphrase", kind, side, row.id)
        return options[int(chance.integers(len(options)))]

    found: dict[str, list[str]] = {side: [] for side in SIDES}
    for place, row in enumerate(rows):
        shows = hash_unit("dose", change, row.id) < dose
        base, intervention = (texts[side][place] for side in SIDES)
        if change == "tone":
            base = f"{pick('warm', 'base', row, sentences['warm'])} {base}"
            kind = "cold" if shows else "warm"
            intervention = f"{pick(kind, 'other', row, sentences[kind])} {intervention}"
        elif shows and change == "stance":
            intervention = f"{intervention} {pick('stance', '', row, sentences['stance'])}"
        elif shows:
            intervention = texts["intervention"][pick("drift", "", row, topic)]
        found["base"].append(base)
        found["intervention"].append(intervention)
    return found


def kinds_found(suite: Suite, settings: dict[str, Any], seed: int, whole: bool) -> list[str]:
    """The kinds of checks that an audit validates."""
    with patch.object(Recorded, "embedded", whole):
        outcome = audit(Recorded(suite), cast(AuditSettings, settings), seed, ready=True)
    return sorted({f.check.kind for f in outcome.validated if f.check})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("model", "embedder", "bank"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--prompts", type=int, default=400, help="of the bank, by hash")
    parser.add_argument("--write", action="store_true", help=f"write {FIGURES.name}")
    given = parser.parse_args()
    settings = Audit(base="base", intervention="intervention").model_dump()
    threads = os.cpu_count() or 1
    ledger = Ledger("embed", "benchmark")
    model = TextModel(given.embedder, "auto", Path("cache"), 32, threads, ledger)

    def encode(texts: list[str]) -> np.ndarray:
        return embed(texts, EMBEDDER, model)

    rows = sorted(read_rows(given.bank, Prompt), key=lambda row: row.id)[: given.prompts]
    texts = replies(given.model, rows)
    table = []
    with workers_of_one_thread(threads) as workers:
        for change in CHANGES:
            for dose in DOSES:
                both = changed(texts, rows, change, dose)
                suite = suite_from(
                    rows, {s: [[t] for t in both[s]] for s in SIDES}, settings, encode
                )
                row: dict[str, Any] = {"change": change, "dose": dose, "audits": given.seeds}
                for name, whole in (("with", True), ("without", False)):
                    n = given.seeds
                    given_to = ([suite] * n, [settings] * n, range(n), [whole] * n)
                    runs = list(workers.map(kinds_found, *given_to))
                    row[name] = sum(map(bool, runs))
                    row[f"{name}_by"] = dict(Counter(kind for run in runs for kind in run))
                table.append(row)
                print(row, flush=True)
    if given.write:
        record = {"processor": processor(), "prompts": len(rows), "rows": table}
        FIGURES.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
