"""How fast decoding is, beside `generate`, the prior protocol and the matrix products alone.

    python -m benchmarks.decode MODEL BANK

MODEL is a folder, BANK a bank.jsonl. Every side decodes 64 new tokens of the same prompts, four
samples each, in turns, REPEATS times; medians are printed and written to
results/benchmarks/speed.json. A ceiling is the time of one step's matrix products, at the same
batch, with nothing else: no attention, no norms, no sampling, no prefill. There are two: torch's
products of the weights as they are, which is what the share is of, and of packed weights, which
is what the sampler uses. A reply that stops early counts the tokens before its stop token, whatever
a side decodes beyond it.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import torch

from benchmarks.speed import REPEATS, record
from scripts.core.rows import read_rows
from scripts.draws.draw import Draw
from scripts.models.generation import generate
from scripts.models.linear import PackedLinear, pack_weights
from scripts.models.settings import Loading
from scripts.models.subject import load_model, load_tokenizer, prompt_ids, stop_tokens
from scripts.prompts.prompt import Prompt
from scripts.servers.sampling import Sampling

NEW_TOKENS, SAMPLES, PROMPTS = 64, 4, 64
ROWS = 256  # as `execution.batch_size` says if nothing is set
BATCHES = (64, 128, 256)  # of generate, the best of which counts
SETTINGS: Loading = {"system_prompt": None, "response_prefix": "", "chat_template": True,
            "trust_remote_code": False, "dtype": "auto"}  # fmt: skip
SAMPLING: Sampling = {"temperature": 0.8, "top_p": 1.0, "top_k": 0, "max_new_tokens": NEW_TOKENS}


def ours(model, tokenizer, prompts: list[Prompt]) -> int:
    """Tokens that the sampler decodes: each prompt prefilled once, all samples in one batch."""
    draws = [
        [Draw("base", "explore", prompt.id, s).uniforms(0, NEW_TOKENS) for s in range(SAMPLES)]
        for prompt in prompts
    ]
    ids = prompt_ids(tokenizer, prompts, SETTINGS)
    stop = stop_tokens(model, tokenizer)
    replies = generate(model, ids, draws, SAMPLING, stop, tokenizer.pad_token_id, ROWS)
    return sum(len(reply.tokens) for finished in replies for *_, reply in finished)


def theirs(model, tokenizer, prompts: list[Prompt], batch: int, **settings) -> int:
    """Tokens that transformers' `generate` decodes of the same prompts, sorted by length."""
    ids = sorted(prompt_ids(tokenizer, prompts, SETTINGS) * SAMPLES, key=len)
    uncounted = torch.tensor([tokenizer.pad_token_id, *stop_tokens(model, tokenizer)])
    count = 0
    for start in range(0, len(ids), batch):
        padded = tokenizer.pad({"input_ids": ids[start : start + batch]}, return_tensors="pt")
        out = model.generate(
            **padded, do_sample=True, temperature=0.8, top_p=1.0, top_k=0,
            max_new_tokens=NEW_TOKENS, pad_token_id=tokenizer.pad_token_id, **settings,
        )  # fmt: skip
        new = out[:, padded["input_ids"].shape[1] :]
        count += int((~torch.isin(new, uncounted)).sum())
    return count


@torch.inference_mode()
def ceiling(model) -> int:
    """Tokens of NEW_TOKENS steps that are nothing but every linear layer's matrix product."""
    layers = [m for m in model.modules() if isinstance(m, torch.nn.Linear | PackedLinear)]
    inputs = {
        w: torch.randn(ROWS, w, dtype=torch.bfloat16) for w in {m.weight.shape[1] for m in layers}
    }
    for _ in range(NEW_TOKENS):
        for layer in layers:
            layer(inputs[layer.weight.shape[1]])
    return ROWS * NEW_TOKENS


def rate(run: Callable[[], int]) -> float:
    """Tokens a second of one run."""
    began = time.monotonic()
    return run() / (time.monotonic() - began)


def main(folder: str, bank: str) -> None:
    torch.set_num_threads(2)
    tokenizer = load_tokenizer(Path(folder), SETTINGS)
    half, packed, full = (
        load_model(Path(folder), [], {**SETTINGS, "dtype": dtype})
        for dtype in ("bfloat16", "bfloat16", "float32")
    )
    packed = pack_weights(packed, ROWS)
    prompts = read_rows(bank, Prompt)[:PROMPTS]
    sides: dict[str, Callable[[], int]] = {
        "ours": lambda: ours(packed, tokenizer, prompts),
        "ceiling": lambda: ceiling(half),
        "ceiling of packed weights": lambda: ceiling(packed),
        # half of the prompts, since it is the slowest side
        "prior system (fp32, batch 64, no repeated bigram)": lambda: theirs(
            full, tokenizer, prompts[::2], 64, no_repeat_ngram_size=2
        ),
        **{
            f"generate, batch {size}": partial(theirs, half, tokenizer, prompts, size)
            for size in BATCHES
        },
    }
    rates: dict[str, list[float]] = {name: [] for name in sides}
    rate(sides["ours"])  # warm up
    for _ in range(REPEATS):
        for name, run in sides.items():
            rates[name].append(rate(run))
    found = {name: median(values) for name, values in rates.items()}
    best = max(found[f"generate, batch {b}"] for b in BATCHES)
    prior = next(value for name, value in found.items() if name.startswith("prior"))
    for name, value in found.items():
        print(f"{name:50} {value:8.0f} tokens/s   ours is {found['ours'] / value:.2f} times it")
    record(
        decode_tok_s=round(found["ours"], 1),
        decode_share_of_ceiling=round(found["ours"] / found["ceiling"], 3),
        decode_share_of_packed_ceiling=round(found["ours"] / found["ceiling of packed weights"], 3),
        decode_vs_generate=round(found["ours"] / best, 2),
        decode_vs_prior=round(found["ours"] / prior, 2),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
