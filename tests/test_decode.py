"""Decoding: draws depend on nothing but themselves, and come from the right distribution."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import chi2
from transformers.cache_utils import DynamicLayer

from benchmarks.exact import Subject, first_tokens, greedy_differences, surplus
from scripts.cache.records import RecordCache
from scripts.core.errors import AuditError
from scripts.core.ledger import Ledger
from scripts.decode import shard_of
from scripts.draws.draw import Draw
from scripts.models import generation
from scripts.models.adapter import weight_shapes
from scripts.models.attention import SingleQuery
from scripts.models.decoder import decode, own_engine
from scripts.models.generation import generate
from scripts.models.linear import PackedLinear, pack_weights
from scripts.models.sampler import choose
from scripts.models.subject import load_model, load_tokenizer, prompt_ids, stop_tokens
from scripts.prompts.prompt import Prompt

SETTINGS = {
    "dtype": "float32", "system_prompt": None, "response_prefix": "",
    "chat_template": True, "trust_remote_code": False,
    "subject": "0" * 64,
    "sampling": {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "max_new_tokens": 16},
}  # fmt: skip
PROMPTS = {
    f"{i:064x}": Prompt(f"{i:064x}", f"Tell me {'a lot ' * (i % 7)}about number {i}.")
    for i in range(24)
}


@pytest.fixture(scope="module")
def loaded(tiny):
    folder = Path(tiny["base"])
    return load_model(folder, [], SETTINGS), load_tokenizer(folder, SETTINGS)


def _decode(draws, loaded, cache, batch_size=8, settings=SETTINGS, ledger=None):
    ledger = ledger or Ledger("decode", "test")
    return decode(
        draws,
        PROMPTS,
        settings,
        0,
        own_engine(lambda: loaded, batch_size),
        RecordCache(cache),
        ledger,
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

    def refuse(*asked):
        raise AssertionError("a model was loaded for cached draws")

    again = decode(_draws(), PROMPTS, SETTINGS, 0, refuse, RecordCache(tmp_path), ledger)
    assert again == first
    assert (ledger.cache_hits, ledger.cache_misses, ledger.texts) == (48, 0, 0)
    assert ledger.saved_tokens == sum(r["tokens"] for r in first)


GREEDY = SETTINGS["sampling"] | {"temperature": 0}


def greedy(model, ids, stop, pad, batch_size) -> list[list[int]]:
    replies = generate(
        model, ids, [[np.zeros(16)]] * len(ids), GREEDY, stop, pad, batch_size
    )  # fmt: skip
    by_prompt = {prompt: reply.tokens for some in replies for prompt, _, reply in some}
    assert sorted(by_prompt) == list(range(len(ids)))
    return [by_prompt[i] for i in range(len(ids))]


def by_transformers(model, ids, stop) -> list[list[int]]:
    found = []
    for prompt in ids:
        out = model.generate(
            torch.tensor([prompt]), do_sample=False, max_new_tokens=16, eos_token_id=sorted(stop),
            attention_mask=torch.ones((1, len(prompt)), dtype=torch.long),
        )[0, len(prompt) :].tolist()  # fmt: skip
        found.append(out[: next((i for i, t in enumerate(out) if t in stop), len(out))])
    return found


@pytest.fixture(scope="module")
def subject(loaded):
    rows = [Prompt(name, f"{p.content} Or {n}?")
            for n in range(9) for name, p in PROMPTS.items()]  # fmt: skip
    return Subject(*loaded, rows, 32)


def test_greedy_decoding_equals_transformers_generate(subject, monkeypatch):
    monkeypatch.setattr(subject, "batch_size", 5)  # so that rows leave and enter all the time
    assert greedy_differences(subject, 16) == 0


def test_what_is_drawn_is_as_likely_as_the_model_makes_it(subject):
    assert abs(surplus(subject, len(PROMPTS), 8, 16)) < 4, "four standard errors"


def test_first_tokens_follow_the_softmax(subject):
    assert chi2.sf(*first_tokens(subject, 2, 10_000)) > 1e-3


def test_log_probabilities_are_the_models_own(subject):
    """Of the tokens with the one that stops, whatever sampling cuts off or sharpens."""
    sampling = SETTINGS["sampling"] | {"temperature": 0.5, "top_k": 20}
    numbers = [Draw("base", "explore", name, 0).uniforms(0, 16) for name in subject.names[:24]]
    ids, model = subject.ids[:24], subject.model
    given = (ids, [[some] for some in numbers], sampling, {subject.stop}, subject.pad, 7)
    plain, kept = (
        {prompt: reply for some in generate(model, *given, keep) for prompt, _, reply in some}
        for keep in (False, True)
    )
    for prompt, reply in kept.items():
        assert (reply.tokens, reply.finished) == (plain[prompt].tokens, plain[prompt].finished)
        assert plain[prompt].log_probability is None
        drawn = reply.tokens + [subject.stop] * reply.finished
        with torch.inference_mode():
            logits = model(torch.tensor([ids[prompt] + drawn])).logits[0, len(ids[prompt]) - 1 : -1]
        logs = logits.log_softmax(-1)[torch.arange(len(drawn)), drawn]
        assert reply.log_probability == pytest.approx(float(logs.sum()), abs=1e-3)


def test_records_hold_log_probabilities_when_asked(loaded, tmp_path):
    plain = _decode(_draws(1), loaded, tmp_path / "a")
    kept = _decode(
        _draws(1), loaded, tmp_path / "b", settings=SETTINGS | {"log_probabilities": True}
    )
    assert [r["text"] for r in kept] == [r["text"] for r in plain]
    assert not any("log_probability" in r for r in plain)
    assert all(r["log_probability"] < 0 for r in kept)


SMALL = {
    "vocab_size": 97, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "initializer_range": 0.5,
    "eos_token_id": 1, "pad_token_id": 0, "bos_token_id": 2,
}  # fmt: skip
FAMILIES = {
    "llama": {},
    "qwen2": {},
    "qwen3": {},
    "gemma": {},
    "gemma2": {"sliding_window": 8},  # attends eagerly, and partly to a window
    "gemma3_text": {"sliding_window": 8},
    "mistral": {"sliding_window": 64},
    "gpt_neox": {},
    # learned positions, just as many as are needed
    "gpt2": {"n_embd": 32, "n_head": 4, "n_layer": 3, "n_positions": 29},
    "bloom": {"n_head": 4, "n_layer": 3},  # positions as a bias
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_decodes_as_transformers_does(family):
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **SMALL | FAMILIES[family])
    model = AutoModelForCausalLM.from_config(config).eval()
    rng = np.random.default_rng(0)
    ids = [[3, 4, 5, *rng.integers(3, 97, size=n).tolist()] for n in rng.integers(1, 12, size=24)]
    # one stop token in ten, so that rows leave at different steps and others enter
    stop = set(range(10, 20))
    assert greedy(model, ids, stop, 0, 7) == by_transformers(model, ids, stop)
    assert model.config._attn_implementation != "single_query", "left as it was"


def test_a_recurrent_model_is_refused_by_name():
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model("mamba", vocab_size=97, hidden_size=16, num_hidden_layers=1)
    model = AutoModelForCausalLM.from_config(config)
    with pytest.raises(AuditError, match="mamba"):
        greedy(model, [[3], [4]], {1}, 0, 2)


@pytest.mark.parametrize("shared", [0, 4])
def test_attention_of_one_query_equals_scaled_dot_product(shared):
    rng = torch.Generator().manual_seed(0)
    query = torch.randn(5, 6, 1, 8, generator=rng)
    first, second = DynamicLayer(), [torch.randn(5, 2, 9, 8, generator=rng) for _ in range(2)]
    first.update(*(torch.randn(1, 2, shared, 8, generator=rng) for _ in range(2)))
    whole = [
        torch.cat([part.expand(5, -1, -1, -1), own], 2).repeat_interleave(3, 1)
        for part, own in zip([first.keys, first.values], second, strict=True)
    ]
    mask = torch.rand(5, 1, 1, 9, generator=rng) < 0.7
    mask[..., 0] = True
    seen = torch.cat([torch.ones(5, 1, 1, shared, dtype=torch.bool), mask], -1)
    wanted = torch.nn.functional.scaled_dot_product_attention(query, *whole, attn_mask=seen)
    attend, layer = SingleQuery(), torch.nn.Module()
    attend.prefix, layer.layer_idx = [first] if shared else (), 0
    found, _ = attend(layer, query, *second, torch.where(mask, 0.0, -torch.inf))
    assert torch.allclose(found, wanted.transpose(1, 2), atol=1e-5)
    assert attend.layers == {0}


@pytest.mark.parametrize(("dtype", "close"), [("bfloat16", 0.02), ("float32", 1e-4)])
def test_packed_weights_decode_as_plain_ones(tiny, dtype, close):
    """Where the processor has no products of a type nothing is packed, and both are one."""
    folder, typed = Path(tiny["base"]), SETTINGS | {"dtype": dtype}
    tokenizer, plain = load_tokenizer(folder, SETTINGS), load_model(folder, [], typed)
    packed = pack_weights(load_model(folder, [], typed), 8)
    kinds = Counter(type(module) for module in packed.modules())
    assert kinds[torch.nn.Linear] * kinds[PackedLinear] == 0, "all or none"
    has = dtype == "float32" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    assert bool(kinds[PackedLinear]) == (has and torch.backends.mkldnn.is_available())
    ids = prompt_ids(tokenizer, list(PROMPTS.values()), SETTINGS)
    for prompt in ids:
        both = [model(torch.tensor([prompt])).logits.float() for model in (plain, packed)]
        assert torch.allclose(*both, atol=close, rtol=close)
    stop = stop_tokens(plain, tokenizer)
    replies = [greedy(model, ids, stop, tokenizer.pad_token_id, 5) for model in (plain, packed)]
    same = sum(a == b for a, b in zip(*replies, strict=True))
    print(f"{same} of {len(ids)} greedy replies are the same")
    assert same > 0.8 * len(ids)


def test_packing_leaves_other_precisions_alone(tiny):
    model = load_model(Path(tiny["base"]), [], SETTINGS).half()
    assert PackedLinear not in {type(module) for module in pack_weights(model, 8).modules()}


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


def test_exhausted_memory_halves_the_batch_and_goes_on(loaded, tmp_path, monkeypatch, caplog):
    wanted = _decode(_draws(), loaded, tmp_path / "a")
    admit = generation._Batch.admit

    def burst(self, entering, uniforms):
        if len(self.who) + len(entering) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return admit(self, entering, uniforms)

    monkeypatch.setattr(generation._Batch, "admit", burst)
    found = _decode(_draws(), loaded, tmp_path / "b", 8)
    assert [r["text"] for r in found] == [r["text"] for r in wanted]
    assert "going on with 2 sequences" in caplog.text


def test_exhausted_memory_of_one_sequence_names_the_remedy(loaded, tmp_path, monkeypatch):
    def burst(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(generation._Batch, "admit", burst)
    with pytest.raises(AuditError, match=r"lower the subject's `sampling\.max_new_tokens`"):
        _decode(_draws(), loaded, tmp_path)


def test_a_subject_without_a_chat_template_says_so(loaded, tiny, tmp_path):
    _, tokenizer = loaded
    import copy

    bare = copy.deepcopy(tokenizer)
    bare.chat_template = None
    bare.save_pretrained(tmp_path)
    with pytest.raises(AuditError, match="chat_template: false"):
        load_tokenizer(tmp_path, SETTINGS)


def test_weight_shapes_are_read_from_headers(tiny):
    shapes = weight_shapes(Path(tiny["base"]))
    assert shapes["model.layers.0.self_attn.q_proj.weight"] == (32, 32)


@pytest.mark.parametrize(("bits", "kind"), [("int8", "Linear8bitLt"), ("int4", "Linear4bit")])
def test_quantised_weights_decode(tiny, tmp_path, bits, kind):
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)  # blocks of 64 weights are quantised together: no narrower model will do
    config = AutoConfig.from_pretrained(tiny["base"], hidden_size=64, intermediate_size=128)
    config.head_dim = 16
    AutoModelForCausalLM.from_config(config).save_pretrained(folder := tmp_path / "wide")
    tokenizer, texts = load_tokenizer(Path(tiny["base"]), SETTINGS), {}
    for quantization in ("none", bits):
        model = load_model(folder, [], SETTINGS | {"quantization": quantization})
        kinds = {type(module).__name__ for module in model.modules()}
        assert "Linear" in kinds and (kind in kinds) == (quantization == bits)
        records = _decode(_draws(1), (model, tokenizer), tmp_path / quantization)
        texts[quantization] = [record["text"] for record in records]
    assert texts[bits] != texts["none"] and all(texts[bits])
