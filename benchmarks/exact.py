"""Does the decoder sample what the model says? Against the model itself, in float32.

    python -m benchmarks.exact MODEL BANK

MODEL is the folder of a model with one stop token, BANK a bank.jsonl. Three comparisons: greedy
replies to 200 prompts with those of transformers' `generate`, token by token; the frequencies of
20,000 first tokens with the exact softmax (chi-square); the log-probability of drawn tokens with
its expectation given what came before, in standard errors. They are written to
results/benchmarks/exact.json.
"""

import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.stats import chi2, chisquare, norm

from benchmarks.speed import RESULTS, record
from scripts.core.rows import read_rows
from scripts.draws.draw import Draw
from scripts.models.generation import generate
from scripts.models.settings import Loading
from scripts.models.subject import load_model, load_tokenizer, prompt_ids, stop_tokens
from scripts.prompts.prompt import Prompt
from scripts.servers.sampling import Sampling

SETTINGS: Loading = {"dtype": "float32", "system_prompt": None, "response_prefix": "",
            "chat_template": True, "trust_remote_code": False}  # fmt: skip
PROMPTS, NEW_TOKENS, BATCH = 200, 32, 64
FIXED, FIRST_TOKENS = 10, 2000  # prompts, and first tokens drawn of each
OFTEN = 5  # expected draws, below which tokens are counted together
SAMPLES = 4  # of each prompt whose log-probabilities are looked at


class Subject:
    """A model with one stop token, prompts as token ids, and what `generate` needs beside them."""

    def __init__(self, model, tokenizer, prompts: Sequence[Prompt], batch_size: int):
        self.model, self.batch_size = model, batch_size
        self.names, self.ids = [p.id for p in prompts], prompt_ids(tokenizer, prompts, SETTINGS)
        (self.stop,) = stop_tokens(model, tokenizer)  # of several, no reply says which ended it
        self.pad = tokenizer.pad_token_id

    def replies(self, prompts: int, samples: int, steps: int, temperature: float):
        """(prompt, tokens with the stop token) of so many draws of each of the first prompts."""
        sampling: Sampling = {
            "temperature": temperature,
            "top_p": 1.0,
            "top_k": 0,
            "max_new_tokens": steps,
        }
        draws = [
            [Draw("base", "explore", name, s).uniforms(0, steps) for s in range(samples)]
            for name in self.names[:prompts]
        ]
        for some in generate(
            self.model, self.ids[:prompts], draws, sampling, {self.stop}, self.pad, self.batch_size
        ):
            for prompt, _, reply in some:
                yield prompt, reply.tokens + [self.stop] * reply.finished


@torch.inference_mode()
def greedy_differences(subject: Subject, steps: int) -> int:
    """Prompts whose greedy reply of at most so many tokens is not that of transformers'
    `generate`."""
    by_length = defaultdict(list)  # so that nothing is padded
    for prompt, ids in enumerate(subject.ids):
        by_length[len(ids)].append(prompt)
    theirs = {}
    for prompts in by_length.values():
        given = torch.tensor([subject.ids[p] for p in prompts])
        out = subject.model.generate(
            given, attention_mask=torch.ones_like(given), do_sample=False,
            max_new_tokens=steps, eos_token_id=subject.stop, pad_token_id=subject.pad,
        )[:, given.shape[1] :].tolist()  # fmt: skip
        for prompt, tokens in zip(prompts, out, strict=True):
            end = tokens.index(subject.stop) + 1 if subject.stop in tokens else len(tokens)
            theirs[prompt] = tokens[:end]
    ours = dict(subject.replies(len(subject.ids), 1, steps, 0.0))
    return sum(ours[prompt] != theirs[prompt] for prompt in theirs)


@torch.inference_mode()
def first_tokens(subject: Subject, prompts: int, samples: int) -> tuple[float, int]:
    """Chi-square of the first tokens' frequencies and its degrees of freedom."""
    counts: dict[int, list[int]] = defaultdict(list)
    for prompt, tokens in subject.replies(prompts, samples, 1, 1.0):
        counts[prompt] += tokens[:1]
    statistic, freedom = 0.0, 0
    for prompt, tokens in counts.items():
        logits = subject.model(torch.tensor([subject.ids[prompt]])).logits[0, -1]
        expected = logits.double().softmax(-1).numpy() * len(tokens)
        seen = np.bincount(tokens, minlength=len(expected))
        often = expected >= OFTEN
        both = [np.append(some[often], some[~often].sum()) for some in (seen, expected)]
        statistic += chisquare(both[0], both[1] * both[0].sum() / both[1].sum()).statistic
        freedom += int(often.sum())
    return float(statistic), freedom


@torch.inference_mode()
def surplus(subject: Subject, prompts: int, samples: int, steps: int) -> float:
    """Log-probability of what is drawn beyond its expectation, in standard errors."""
    beyond = variance = 0.0
    for prompt, tokens in subject.replies(prompts, samples, steps, 1.0):
        whole = torch.tensor([subject.ids[prompt] + tokens])
        logits = subject.model(whole).logits[0, len(subject.ids[prompt]) - 1 : -1]
        logs = logits.double().log_softmax(-1)
        expected = (logs.exp() * logs).sum(-1)
        beyond += float((logs[torch.arange(len(tokens)), tokens] - expected).sum())
        variance += float(((logs.exp() * logs**2).sum(-1) - expected**2).sum())
    return beyond / variance**0.5


def main(folder: str, bank: str) -> None:
    torch.set_num_threads(2)
    place = Path(folder)
    model, tokenizer = load_model(place, [], SETTINGS), load_tokenizer(place, SETTINGS)
    subject = Subject(model, tokenizer, read_rows(bank, Prompt)[:PROMPTS], BATCH)
    differences = greedy_differences(subject, NEW_TOKENS)
    print(f"greedy replies that differ: {differences} of {len(subject.ids)}", flush=True)
    statistic, freedom = first_tokens(subject, FIXED, FIRST_TOKENS)
    chance = float(chi2.sf(statistic, freedom))
    print(f"first tokens: chi-square {statistic:.0f} of {freedom}, p {chance:.3f}", flush=True)
    errors = surplus(subject, BATCH, SAMPLES, NEW_TOKENS)
    print(f"log-probability: {errors:+.2f} standard errors, p {2 * norm.sf(abs(errors)):.3f}")
    record(
        RESULTS.with_name("exact.json"), prompts=len(subject.ids), greedy_differences=differences,
        first_tokens=FIXED * FIRST_TOKENS, first_tokens_p=chance, log_probability_errors=errors,
    )  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
