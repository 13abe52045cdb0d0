"""Does one prefill a prompt show where two subjects differ? The scan, measured against decoding.

    python -m benchmarks.likelihood MODEL ADAPTER BANK TOPIC [TOPIC …]

MODEL and ADAPTER are folders, BANK a bank.jsonl, TOPICs those that the adapter was planted on. For
every prompt of the bank: the Jensen-Shannon divergence (nats) of the two next-token distributions.
Prints it by topic, the chance that a planted prompt ranks above another (AUC), and what the scan
costs, in seconds and in texts that the same time would have decoded.
"""

import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from scripts.core.rows import read_rows
from scripts.models.generation import generate
from scripts.models.settings import Loading
from scripts.models.subject import load_model, load_tokenizer, prompt_ids, stop_tokens
from scripts.prompts.prompt import Prompt
from scripts.servers.sampling import Sampling

BATCH, NEW_TOKENS = 32, 24
SETTINGS: Loading = {"dtype": "bfloat16", "system_prompt": None, "response_prefix": "",
            "chat_template": True, "trust_remote_code": False}  # fmt: skip
SAMPLING: Sampling = {"temperature": 0.8, "top_p": 1.0, "top_k": 0, "max_new_tokens": NEW_TOKENS}


@torch.inference_mode()
def next_tokens(model, ids: list[list[int]], pad: int) -> torch.Tensor:
    """Next-token probabilities at temperature 1; (prompts, vocabulary), float32."""
    found = torch.empty((len(ids), model.config.vocab_size))
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    for start in range(0, len(ids), BATCH):
        rows = order[start : start + BATCH]
        width = max(len(ids[i]) for i in rows)
        batch = torch.tensor([[pad] * (width - len(ids[i])) + ids[i] for i in rows])
        mask = torch.tensor([[0] * (width - len(ids[i])) + [1] * len(ids[i]) for i in rows])
        places = (mask.cumsum(-1) - 1).clamp(min=0)
        out = model(input_ids=batch, attention_mask=mask, position_ids=places, logits_to_keep=1)
        found[rows] = out.logits[:, -1].float().softmax(-1)
    return found


def divergence(first: torch.Tensor, second: torch.Tensor) -> np.ndarray:
    """Jensen-Shannon divergence of each row's distributions (nats)."""
    middle = (first + second) / 2

    def kl(p):
        return torch.where(p > 0, p * (p / middle).log(), 0.0).sum(-1)

    return ((kl(first) + kl(second)) / 2).numpy()


def main(model: str, adapter: str, bank: str, *topics: str) -> None:
    torch.set_num_threads(2)
    prompts = read_rows(bank, Prompt)
    tokenizer = load_tokenizer(Path(model), SETTINGS)
    ids = prompt_ids(tokenizer, prompts, SETTINGS)
    found, scan = [], 0.0
    for adapters in ([], [Path(adapter)]):
        subject = load_model(Path(model), adapters, SETTINGS)
        began = time.monotonic()
        found.append(next_tokens(subject, ids, tokenizer.pad_token_id))
        scan += time.monotonic() - began
    rng = np.random.default_rng(0)
    streams = [[rng.random(NEW_TOKENS)] for _ in range(128)]
    began = time.monotonic()
    stop, pad = stop_tokens(subject, tokenizer), tokenizer.pad_token_id
    list(generate(subject, ids[:128], streams, SAMPLING, stop, pad, 128))
    rate = 128 / (time.monotonic() - began)
    scores = divergence(*found)
    by_topic = defaultdict(list)
    for prompt, score in zip(prompts, scores, strict=True):
        by_topic[prompt.category].append(score)
    for topic, values in sorted(by_topic.items(), key=lambda item: -np.mean(item[1])):
        mark = "*" if topic in topics else " "
        error = np.std(values) / len(values) ** 0.5
        print(f"{mark} {topic:28} {np.mean(values):.3f} ± {error:.3f}")
    planted = [prompt.category in topics for prompt in prompts]
    print(f"AUC {roc_auc_score(planted, scores):.3f}; scan of both subjects {scan:.0f} s, "
          f"the time of {scan * rate:.0f} texts of {NEW_TOKENS} tokens")  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
