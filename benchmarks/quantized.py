"""What four bits change of a model: an audit's findings, and how often greedy replies agree.

    snakemake four-bits --cores all --configfile config/quantized.yaml
    python -m benchmarks.quantized [FOLDER] [--write]

FOLDER is where the audit has run (this one unless said). Greedy replies of at most NEW_TOKENS
tokens to PROMPTS prompts, every so many of the bank, by base and intervention as the audit loads
them; they agree where all tokens are the same. `--write` keeps the figures in
docs/figures/quantized.json.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scripts.core.rows import read_rows
from scripts.core.version import ROOT
from scripts.draws.draw import Draw
from scripts.hypotheses.finding import Finding
from scripts.models.description import model_folder
from scripts.models.generation import generate
from scripts.models.linear import pack_weights
from scripts.models.settings import Loading
from scripts.models.subject import load_model, load_tokenizer, pad_token, prompt_ids, stop_tokens
from scripts.prompts.prompt import Prompt
from scripts.servers.sampling import Sampling

FIGURES = ROOT / "docs/figures/quantized.json"
PROMPTS, NEW_TOKENS, BATCH = 128, 32, 64
SAMPLING: Sampling = {"temperature": 0.0, "top_p": 1.0, "top_k": 0, "max_new_tokens": NEW_TOKENS}


def greedy(folder: Path, settings: Loading, prompts: list[Prompt]) -> dict[int, list[int]]:
    """Tokens of the greedy reply to each prompt, by its place."""
    model, tokenizer = load_model(folder, [], settings), load_tokenizer(folder, settings)
    ids = prompt_ids(tokenizer, prompts, settings)
    numbers = [[Draw("base", "greedy", p.id, 0).uniforms(0, NEW_TOKENS)] for p in prompts]
    stop, pad = stop_tokens(model, tokenizer), pad_token(tokenizer, model)
    model = pack_weights(model, BATCH)
    found: dict[int, list[int]] = {}
    for some in generate(model, ids, numbers, SAMPLING, stop, pad, BATCH):
        found |= {prompt: reply.tokens for prompt, _, reply in some}
        print(f"{len(found)} of {len(ids)} greedy replies", flush=True)
    return found


def agreement(base: dict[int, list[int]], other: dict[int, list[int]]) -> dict[str, Any]:
    """How many replies are equal, and how many tokens pairs have in common at their beginning."""
    common = [
        next((n for n, (a, b) in enumerate(zip(base[p], other[p], strict=False)) if a != b),
             min(len(base[p]), len(other[p])))
        for p in base
    ]  # fmt: skip
    return {
        "greedy_replies": len(base),
        "equal_replies": sum(base[p] == other[p] for p in base),
        "same_first_token": sum(n > 0 for n in common),
        "median_common_tokens": float(np.median(common)),
    }


def main(folder: Path, write: bool) -> None:
    torch.set_num_threads(2)
    place = folder / "results/audits/four-bits"
    audit = json.loads((place / "audit.json").read_text())
    made = {
        stage: [n for n in audit["keys"] if n["stage"] == stage] for stage in ("bank", "decode")
    }
    few_bits = {"quantization" in node["settings"]: node["settings"] for node in made["decode"]}
    settings = {"base": few_bits[False], "intervention": few_bits[True]}
    (model,) = [
        model_folder(path)
        for path in (folder / "results/model").glob("*/model.json")
        if "smollm2" in path.read_text()
    ]
    bank = read_rows(folder / f"results/bank/{made['bank'][0]['key']}/bank.jsonl", Prompt)
    prompts = bank[:: max(1, len(bank) // PROMPTS)][:PROMPTS]
    said = {side: greedy(folder / model, settings[side], prompts) for side in settings}
    findings = read_rows(place / "findings.jsonl", Finding)
    figures = {
        "machine": "two cores of an AMD EPYC (Zen 5) with AVX-512 bf16, shared with other work",
        "audit": audit["counts"],
        "validated": [f.statement for f in findings if f.status == "validated"],
        "next_token": audit["contrast"],
        **agreement(said["base"], said["intervention"]),
    }
    print(json.dumps(figures, indent=1, ensure_ascii=False))
    if write:
        FIGURES.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    given = [word for word in sys.argv[1:] if word != "--write"]
    main(Path(given[0] if given else "."), "--write" in sys.argv)
