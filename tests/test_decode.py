"""Decoding: draws depend on nothing but themselves, and come from the right distribution."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from scripts.cache.records import RecordCache
from scripts.decode import shard_of
from scripts.models import sampler
from scripts.models.adapter import weight_shapes
from scripts.models.decoder import decode
from scripts.models.draws import Draw
from scripts.models.sampler import batches, choose, generate
from scripts.models.subject import load_model, load_tokenizer, prompt_ids, stop_tokens
from scripts.workflow.errors import AuditError
from scripts.workflow.job import Ledger

SETTINGS = {
    "dtype": "float32", "system_prompt": None, "response_prefix": "",
    "chat_template": True, "trust_remote_code": False,
    "subject": "0" * 64,
    "sampling": {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "max_new_tokens": 16},
}  # fmt: skip
PROMPTS = {
    f"{i:064x}": {"text": f"Tell me {'a lot ' * (i % 7)}about number {i}."} for i in range(24)
}


@pytest.fixture(scope="module")
def loaded(tiny):
    from pathlib import Path

    folder = Path(tiny["base"])
    return load_model(folder, None, SETTINGS), load_tokenizer(folder, SETTINGS)


def _decode(draws, loaded, cache, batch_size=8, settings=SETTINGS, ledger=None):
    ledger = ledger or Ledger("decode", "test")
    return decode(
        draws, PROMPTS, settings, 0, lambda: loaded, RecordCache(cache), batch_size, ledger
    )


def _draws(samples=2, side="base"):
    return [Draw(side, "explore", p, s) for p in PROMPTS for s in range(samples)]


def test_shards_batches_and_order_do_not_change_draws(loaded, tmp_path):
    draws = _draws()
    whole = [r["text"] for r in _decode(draws, loaded, tmp_path / "a", 64)]
    by_draw = {}
    for shard in range(4):
        part = shard_of(draws, shard, 4)
        by_draw |= dict(zip(part, _decode(part, loaded, tmp_path / "b", 5), strict=True))
    backwards = _decode(draws[::-1], loaded, tmp_path / "c", 11)[::-1]
    flips = sum(a != by_draw[d]["text"] for a, d in zip(whole, draws, strict=True))
    flips += sum(a != b["text"] for a, b in zip(whole, backwards, strict=True))
    print(f"{flips} of {2 * len(draws)} draws differ by floating-point flips")
    assert flips <= 1
    assert len(set(whole)) > len(whole) / 2, "samples of a prompt must differ"


def test_sides_pools_and_seeds_draw_different_texts(loaded, tmp_path):
    base = [r["text"] for r in _decode(_draws(1), loaded, tmp_path / "a")]
    other = [r["text"] for r in _decode(_draws(1, "intervention"), loaded, tmp_path / "a")]
    assert sum(a == b for a, b in zip(base, other, strict=True)) <= 2


def test_cached_draws_load_no_model(loaded, tmp_path):
    first = _decode(_draws(), loaded, tmp_path)
    ledger = Ledger("decode", "test")

    def refuse():
        raise AssertionError("a model was loaded for cached draws")

    again = decode(_draws(), PROMPTS, SETTINGS, 0, refuse, RecordCache(tmp_path), 8, ledger)
    assert again == first
    assert (ledger.cache_hits, ledger.cache_misses, ledger.texts) == (48, 0, 0)
    assert ledger.saved_tokens == sum(r["tokens"] for r in first)


def test_greedy_decoding_equals_transformers_generate(loaded):
    model, tokenizer = loaded
    ids = prompt_ids(tokenizer, list(PROMPTS.values()), SETTINGS)
    greedy = SETTINGS["sampling"] | {"temperature": 0}
    replies = generate(
        model, ids, [[np.zeros(16)]] * len(ids), greedy, stop_tokens(model, tokenizer),
        tokenizer.pad_token_id,
    )  # fmt: skip
    for prompt, (reply,) in zip(ids, replies, strict=True):
        out = model.generate(
            torch.tensor([prompt]), do_sample=False, max_new_tokens=16,
            attention_mask=torch.ones((1, len(prompt)), dtype=torch.long),
        )[0, len(prompt) :].tolist()  # fmt: skip
        end = next((i for i, t in enumerate(out) if t in stop_tokens(model, tokenizer)), len(out))
        assert reply.tokens == out[:end]


def test_first_tokens_follow_the_softmax(loaded):
    model, tokenizer = loaded
    (ids,) = prompt_ids(tokenizer, [PROMPTS["0" * 64]], SETTINGS)
    logits = model(torch.tensor([ids])).logits[0, -1]
    draws = 20_000
    numbers = torch.tensor(np.random.default_rng(1).random(draws))
    tokens = choose(logits.expand(draws, -1), numbers, SETTINGS["sampling"])
    expected = logits.double().softmax(-1).detach().numpy() * draws
    counts = np.bincount(tokens.numpy(), minlength=len(expected))
    often = expected >= 5
    seen = np.append(counts[often], counts[~often].sum())
    wanted = np.append(expected[often], expected[~often].sum())
    assert chisquare(seen, wanted * seen.sum() / wanted.sum()).pvalue > 1e-3


def test_top_k_and_top_p_keep_what_they_should():
    logits = torch.log(torch.tensor([[0.4, 0.3, 0.2, 0.1]])).expand(2000, -1)
    numbers = torch.linspace(0, 1 - 1e-9, 2000, dtype=torch.float64)
    sampling = {"temperature": 1.0, "top_p": 1.0, "top_k": 2}
    counts = np.bincount(choose(logits, numbers, sampling), minlength=4) / 2000
    assert np.allclose(counts, [4 / 7, 3 / 7, 0, 0], atol=0.01)
    counts = np.bincount(
        choose(logits, numbers, sampling | {"top_p": 0.6, "top_k": 0}), minlength=4
    )
    assert np.allclose(counts / 2000, [4 / 7, 3 / 7, 0, 0], atol=0.01)
    greedy = choose(logits, numbers, sampling | {"temperature": 0})
    assert set(greedy.tolist()) == {0}


def test_exhausted_memory_names_the_setting_to_lower(loaded, monkeypatch):
    def burst(*_, **__):
        raise torch.OutOfMemoryError("no memory left")

    monkeypatch.setattr(sampler, "_generate", burst)
    with pytest.raises(AuditError, match=r"lower `execution\.batch_size`"):
        generate(None, [[1]], [[np.zeros(1)]], SETTINGS["sampling"], {0}, 1)


def test_batches_hold_every_prompt_once_and_respect_the_size():
    lengths, samples = [5, 9, 1, 7, 7, 3], [1, 2, 5, 1, 3, 2]
    found = list(batches(lengths, samples, 4))
    assert sorted(i for batch in found for i in batch) == list(range(6))
    assert all(sum(samples[i] for i in batch) <= 4 or len(batch) == 1 for batch in found)


def test_a_subject_without_a_chat_template_says_so(loaded, tiny, tmp_path):
    _, tokenizer = loaded
    import copy

    bare = copy.deepcopy(tokenizer)
    bare.chat_template = None
    bare.save_pretrained(tmp_path)
    with pytest.raises(AuditError, match="chat_template: false"):
        load_tokenizer(tmp_path, SETTINGS)


def test_weight_shapes_are_read_from_headers(tiny):
    from pathlib import Path

    shapes = weight_shapes(Path(tiny["base"]))
    assert shapes["model.layers.0.self_attn.q_proj.weight"] == (32, 32)
