"""How fast decoding is on a GPU, beside `generate` and beside what the device allows.

    python -m benchmarks.cuda

A model in the shape of Llama 3 8B with random weights in bfloat16, since speed depends on shapes
alone; prompts of random tokens, all beginning alike, four samples of each, 64 new tokens and no
stop. A step of so many rows must read every weight, every row's own keys and values and those that
all share once, and compute two operations a weight and row: its floor, prefill left out, is the
longer of the two at the rates of a large copy and of a large product, taken in the same run.
Medians of REPEATS turns go to results/benchmarks/cuda.json. Without a GPU the same is run on the
processor in the shape of SmolLM2-135M, which shows that the script works and is not recorded.
"""

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from benchmarks.speed import REPEATS, RESULTS, in_turns, record, seconds
from scripts.models.generation import generate
from scripts.servers.sampling import Sampling

CUDA = torch.cuda.is_available()
SHAPE = dict(zip(
    ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
     "num_key_value_heads", "vocab_size"),
    (4096, 14336, 32, 32, 8, 128256) if CUDA else (576, 1536, 30, 9, 3, 49152), strict=True,
))  # fmt: skip
BATCHES = (64, 128, 256, 512) if CUDA else (16,)  # of either side, the best of which counts
PROMPTS, SAMPLES, NEW_TOKENS = 2 * BATCHES[-1] // 4, 4, 64
SHARED, OWN = 32, 32  # tokens of a prompt: of the template, and its own at most
SQUARE = 8192 if CUDA else 1024
SAMPLING: Sampling = {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "max_new_tokens": NEW_TOKENS}
NEVER = -1  # a stop token that no model has


def timed(run) -> float:
    """Seconds of one call, its kernels' end included; the best of three."""

    def whole() -> None:
        run()
        if CUDA:
            torch.cuda.synchronize()

    return min(seconds(whole) for _ in range(3))


def floor(model, rows: int) -> float:
    """Seconds that the steps of all replies must take in batches of so many rows."""
    square = torch.ones((SQUARE, SQUARE), dtype=torch.bfloat16, device=model.device)
    copied = torch.empty_like(square)
    # a copy reads and writes
    bytes_a_second = 2 * square.nbytes / timed(lambda: copied.copy_(square))
    rate = 2 * SQUARE**3 / timed(lambda: square @ square)
    weights = sum(m.weight.numel() for m in model.modules() if isinstance(m, torch.nn.Linear))
    width = model.config.hidden_size // model.config.num_attention_heads
    cached = 4 * model.config.num_hidden_layers * model.config.num_key_value_heads * width
    # in the middle of a reply to a prompt of middle length; what is shared is there once
    tokens = SHARED + rows * (3 * OWN // 4 + NEW_TOKENS // 2)
    step = max(2 * weights * rows / rate, (2 * weights + tokens * cached) / bytes_a_second)
    return step * NEW_TOKENS * PROMPTS * SAMPLES / rows


def main() -> None:
    torch.manual_seed(0)
    device = "cuda" if CUDA else "cpu"
    with torch.device(device):
        config = AutoConfig.for_model("llama", **SHAPE, pad_token_id=0, eos_token_id=None)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).eval()
    rng = np.random.default_rng(0)
    begin = rng.integers(1, SHAPE["vocab_size"], SHARED).tolist()
    ids = [begin + rng.integers(1, SHAPE["vocab_size"], n).tolist()
           for n in rng.integers(OWN // 2, OWN + 1, PROMPTS)]  # fmt: skip
    numbers = [list(rng.random((SAMPLES, NEW_TOKENS))) for _ in ids]

    def ours(rows: int) -> None:
        count = 0
        for some in generate(model, ids, numbers, SAMPLING, {NEVER}, 0, rows):
            count += sum(len(reply.tokens) for *_, reply in some)
        assert count == PROMPTS * SAMPLES * NEW_TOKENS

    def theirs(rows: int) -> None:
        waiting = sorted(ids * SAMPLES, key=len)
        for start in range(0, len(waiting), rows):
            some = waiting[start : start + rows]
            given = torch.zeros((len(some), max(map(len, some))), dtype=torch.long)
            for row, prompt in enumerate(some):
                given[row, given.shape[1] - len(prompt) :] = torch.tensor(prompt)
            given = given.to(device)
            model.generate(
                given, attention_mask=(given != 0).long(), do_sample=True, temperature=1.0,
                top_p=1.0, top_k=0, max_new_tokens=NEW_TOKENS,
            )  # fmt: skip

    sides = {f"ours, batch {rows}": lambda rows=rows: ours(rows) for rows in BATCHES}
    sides |= {f"generate, batch {rows}": lambda rows=rows: theirs(rows) for rows in BATCHES}
    for run in sides.values():  # warm up
        run()
    taken = in_turns(sides, REPEATS if CUDA else 1)
    best = {
        side: min((taken[f"{side}, batch {rows}"], rows) for rows in BATCHES)
        for side in ("ours", "generate")
    }
    (took, rows), (other, _) = best["ours"], best["generate"]
    figures = {
        "tokens_a_second": round(PROMPTS * SAMPLES * NEW_TOKENS / took, 1),
        "batch": rows,
        "share_of_floor": round(floor(model, rows) / took, 3),
        "vs_generate": round(other / took, 2),
    }
    if CUDA:
        record(RESULTS.with_name("cuda.json"), device=torch.cuda.get_device_name(), **figures)
    else:
        print("not recorded, since there is no GPU:", figures)


if __name__ == "__main__":
    main()
