"""Adapters load completely and as PEFT would load them, or are refused in a true sentence."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import (
    AdaptionPromptConfig,
    BeftConfig,
    CPTConfig,
    IA3Config,
    LilyConfig,
    LoraConfig,
    PeftModel,
    PolyConfig,
    PrefixTuningConfig,
    PromptEncoderConfig,
    PromptTuningConfig,
    get_peft_model,
)
from peft.tuners.lora.layer import Linear as LoraLinear
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

from scripts.core.errors import AuditError
from scripts.models import adapter as headers
from scripts.models.adapter import CONFIG, PICKLED, WEIGHTS, check_adapter
from scripts.models.generation import generate
from scripts.models.linear import pack_weights
from scripts.models.subject import load_model, virtual_tokens

SETTINGS = {"dtype": "float32", "trust_remote_code": False, "chat_template": True}
SMALL = {
    "vocab_size": 97, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "initializer_range": 0.5,
    "eos_token_id": 1, "pad_token_id": 0, "bos_token_id": 2,
}  # fmt: skip
EXPERTS = {"moe_intermediate_size": 16, "num_experts": 4, "num_experts_per_tok": 2}
IDS = torch.tensor([[3, 4, 5, 6, 7, 8]])


def saved(folder: Path, family: str = "llama", lora: dict | None = None, **more) -> tuple:
    """Folders of a tiny random model and of a LoRA adapter for it that changes what it says."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **SMALL | more))
    model.save_pretrained(folder / "base")
    lora = lora or {"target_modules": ["q_proj", "v_proj"]}
    tuned = get_peft_model(
        model,
        LoraConfig(r=2, lora_alpha=16, init_lora_weights=False, task_type="CAUSAL_LM", **lora),
    )
    tuned.save_pretrained(folder / "adapter")
    return folder / "base", folder / "adapter"


def renamed(adapter: Path, rename) -> None:
    """Give the adapter's tensors other names; those renamed to None are left out."""
    tensors = load_file(adapter / WEIGHTS)
    named = {rename(name): tensor for name, tensor in tensors.items()}
    named.pop(None, None)
    save_file(named, adapter / WEIGHTS)


@pytest.mark.parametrize(
    ("family", "more", "lora"),
    [
        ("llama", {}, {"target_modules": ["q_proj", "v_proj"]}),
        ("llama", {}, {"target_modules": "all-linear"}),
        ("llama", {}, {"target_modules": ["q_proj"], "layers_to_transform": [1]}),
        ("llama", {}, {"target_modules": ["q_proj"], "use_dora": True}),
        ("llama", {}, {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]}),
        ("llama", {"tie_word_embeddings": True}, {"target_modules": ["q_proj", "lm_head"]}),
        ("llama", {"tie_word_embeddings": True}, {"target_modules": ["q_proj", "embed_tokens"]}),
        ("gpt2", {"n_embd": 32, "n_head": 4, "n_layer": 2}, {"target_modules": ["c_attn"]}),
        ("qwen3_moe", EXPERTS, {"target_parameters": ["mlp.experts.gate_up_proj"],
                                "target_modules": ["q_proj"]}),
    ],
    ids=["lora", "all-linear", "one-layer", "dora", "modules-to-save", "tied-head",
         "tied-embedding", "transposed", "experts"],
)  # fmt: skip
def test_an_adapter_does_what_peft_makes_it_do(tmp_path, family, more, lora):
    base, adapter = saved(tmp_path, family, lora, **more)
    check_adapter(base, adapter)
    with torch.inference_mode():
        found = load_model(base, [adapter], SETTINGS)(IDS).logits
        plain = AutoModelForCausalLM.from_pretrained(base).eval()
        before = plain(IDS).logits
        wanted = PeftModel.from_pretrained(plain, adapter).eval()(IDS).logits
    assert torch.allclose(found, wanted, atol=1e-3)
    assert not torch.allclose(found, before, atol=0.1)


def test_what_headers_show_is_not_put_to_peft(tmp_path, monkeypatch):
    base, adapter = saved(tmp_path)
    monkeypatch.setattr(headers.importlib.util, "find_spec", lambda _: pytest.fail("not needed"))
    check_adapter(base, adapter)


def tuned(folder: Path, config, added: int = 0, **more) -> tuple[Path, Path]:
    """Folders of a tiny random model and of an adapter of any kind, all of whose weights are random
    ones. added: tokens that the model is given before."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model("llama", **SMALL | more))
    model.save_pretrained(folder / "base")
    if added:
        model.resize_token_embeddings(SMALL["vocab_size"] + added, mean_resizing=False)
    resaved = bool(added) and not config.modules_to_save
    adapted = get_peft_model(model, config)
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, 0.5, 0.5)
    adapted.save_pretrained(folder / "adapter", save_embedding_layers=resaved or "auto")
    return folder / "base", folder / "adapter"


TASK = {"task_type": "CAUSAL_LM"}
Q = {"target_modules": ["q_proj"], "r": 2, **TASK}


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize(
    "config",
    [
        LoraConfig(use_rslora=True, **Q),
        LoraConfig(alpha_pattern={"layers.0.self_attn.q_proj": 32}, **Q),
        LoraConfig(trainable_token_indices=[3, 4], **Q),
        IA3Config(
            target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"], **TASK
        ),
        PromptTuningConfig(num_virtual_tokens=4, **TASK),
        PromptEncoderConfig(num_virtual_tokens=4, encoder_hidden_size=16, **TASK),
        CPTConfig(cpt_token_ids=[3, 4], cpt_mask=[1, 1], cpt_tokens_type_mask=[1, 1], **TASK),
    ],
    ids=["rslora", "alpha-pattern", "trained-tokens", "ia3", "prompt-tuning", "p-tuning", "cpt"],
)
def test_adapters_of_every_kind_do_what_peft_makes_them_do(tmp_path, config, tied):
    base, adapter = tuned(tmp_path, config, tie_word_embeddings=tied)
    check_adapter(base, adapter)
    with torch.inference_mode():
        model = load_model(base, [adapter], SETTINGS)
        ahead = torch.tensor([virtual_tokens(model)], dtype=torch.long)
        found = model(torch.cat([ahead, IDS], dim=1)).logits
        plain = AutoModelForCausalLM.from_pretrained(base).eval()
        before = plain(IDS).logits
        wanted = PeftModel.from_pretrained(plain, adapter).eval()(IDS).logits
    assert found.shape == wanted.shape and torch.allclose(found, wanted, atol=1e-3)
    assert not torch.allclose(found[:, -IDS.shape[1] :], before, atol=0.1)


def test_prompt_tuned_subjects_decode_as_peft_does(tmp_path):
    base, adapter = tuned(tmp_path, PromptTuningConfig(num_virtual_tokens=4, **TASK))
    model = load_model(base, [adapter], SETTINGS)
    asked = [[3, 4, 5], [6, 7, 8, 9, 10]]
    greedy = {"temperature": 0, "top_p": 1.0, "top_k": 0, "max_new_tokens": 8}
    numbers = [[np.zeros(8)] for _ in asked]
    ids = [[*virtual_tokens(model), *prompt] for prompt in asked]
    found = {
        p: r for some in generate(model, ids, numbers, greedy, set(), 0, 4) for p, _, r in some
    }
    peft = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter).eval()
    for place, prompt in enumerate(asked):
        wanted = peft.generate(
            input_ids=torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt)),
            max_new_tokens=8, do_sample=False, eos_token_id=None, pad_token_id=0,
        )  # fmt: skip
        assert found[place].tokens == wanted[0, -8:].tolist()


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("saved", [None, ["embed_tokens", "lm_head"]], ids=["resized", "saved"])
def test_an_adapter_with_two_tokens_of_its_own_brings_their_embeddings(tmp_path, saved, tied):
    config = LoraConfig(modules_to_save=saved, **Q)
    base, adapter = tuned(tmp_path, config, added=2, tie_word_embeddings=tied)
    check_adapter(base, adapter)
    ids = torch.tensor([[3, 4, 97, 98, 7]])
    with torch.inference_mode():
        found = load_model(base, [adapter], SETTINGS)(ids).logits
        plain = AutoModelForCausalLM.from_pretrained(base).eval()
        plain.resize_token_embeddings(99, mean_resizing=False)
        wanted = PeftModel.from_pretrained(plain, adapter).eval()(ids).logits
    assert torch.allclose(found, wanted, atol=1e-3)


NEOX = {"intermediate_size": 48, "tie_word_embeddings": False}
GPT2 = {"n_embd": 32, "n_head": 4, "n_layer": 2}


@pytest.mark.parametrize(
    ("family", "shape", "target"),
    [("gpt_neox", NEOX, "query_key_value"), ("gpt2", GPT2, "c_attn")],
)
def test_embeddings_of_any_name_are_resized(tmp_path, family, shape, target):
    """`embed_in` and `embed_out` of Pythia, `wte` of GPT-2."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **SMALL | shape))
    model.save_pretrained(tmp_path / "base")
    model.eval().resize_token_embeddings(99, mean_resizing=False)
    tuned = get_peft_model(model, LoraConfig(r=2, target_modules=[target], **TASK)).eval()
    tuned.save_pretrained(tmp_path / "adapter", save_embedding_layers=True)
    check_adapter(tmp_path / "base", tmp_path / "adapter")
    ids = torch.tensor([[3, 4, 97, 98, 7]])
    with torch.inference_mode():
        found = load_model(tmp_path / "base", [tmp_path / "adapter"], SETTINGS)(ids).logits
        assert torch.allclose(found, model(ids).logits, atol=1e-3)


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_tokens_without_embeddings_get_the_mean_of_the_others(tmp_path, caplog, tied):
    """A padding token that was added, say: its adapter saves nothing for it."""
    base, adapter = saved(tmp_path, tie_word_embeddings=tied)
    plain = load_model(base, [adapter], SETTINGS)
    tokens = {"model": {"vocab": {f"t{n}": n for n in range(97)}}}
    added = tokens | {"added_tokens": [{"id": 97, "content": "[PAD]"}]}
    (adapter / "tokenizer.json").write_text(json.dumps(added))
    (adapter / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": {"98": {}}}))
    model = load_model(base, [adapter], SETTINGS)
    assert "has 2 tokens more than the model has embeddings for" in caplog.text
    rows = model.get_input_embeddings().weight
    assert torch.allclose(rows[97:], rows[:97].mean(dim=0).expand(2, -1))
    with torch.inference_mode():
        found, before = model(IDS).logits, plain(IDS).logits
        assert found.shape[-1] == 99 and torch.allclose(found[..., :97], before, atol=1e-4)
        assert model(torch.tensor([[97, 98]])).logits.isfinite().all()
    (base / "tokenizer.json").write_text(json.dumps(added))
    (base / "tokenizer_config.json").write_bytes((adapter / "tokenizer_config.json").read_bytes())
    assert load_model(base, [adapter], SETTINGS)(IDS).logits.shape[-1] == 97, "the model's own"
    assert load_model(base, [], SETTINGS)(IDS).logits.shape[-1] == 97


def test_tokens_that_are_trained_one_by_one_have_rows(tmp_path):
    base, adapter = saved(tmp_path, lora={"target_modules": ["q_proj"]})
    plain = AutoModelForCausalLM.from_pretrained(base)
    plain.resize_token_embeddings(99, mean_resizing=True)
    config = LoraConfig(trainable_token_indices=[97, 98], **Q)
    tuned = get_peft_model(plain, config)
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if "trainable_tokens_delta" in name:
                parameter.fill_(0.5)
    tuned.save_pretrained(adapter, save_embedding_layers=False)
    rows = load_model(base, [adapter], SETTINGS).get_input_embeddings().weight
    assert rows.shape[0] == 99 and torch.allclose(rows[97:], torch.tensor(0.5))


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (PrefixTuningConfig(num_virtual_tokens=4, **TASK), "PREFIX_TUNING"),
        (AdaptionPromptConfig(adapter_len=2, adapter_layers=1, **TASK), "ADAPTION_PROMPT"),
        (PolyConfig(**Q), "POLY"),
        (LoraConfig(alora_invocation_tokens=[3, 4], **Q), "activated LoRA"),
    ],
    ids=["prefix-tuning", "adaption-prompt", "poly", "alora"],
)
def test_what_cannot_be_decoded_is_refused_by_its_name_before_weights(tmp_path, config, kind):
    base, adapter = tuned(tmp_path, config)
    (base / "model.safetensors").write_bytes(b"never read")
    sentence = f"of the kind {kind}, which cannot be decoded here: .* texts as `responses`"
    for refused in (lambda: check_adapter(base, adapter),
                    lambda: load_model(base, [adapter], SETTINGS)):  # fmt: skip
        with pytest.raises(AuditError, match=sentence):
            refused()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"peft_type": "TELEPATHY"}, r"of the kind TELEPATHY, which PEFT \S+ does not know"),
        ({"peft_type": None}, "names no `peft_type`"),
    ],
)  # fmt: skip
def test_a_configuration_that_peft_does_not_know_is_a_sentence(tmp_path, given, sentence):
    base, adapter = saved(tmp_path)
    configured = json.loads((adapter / CONFIG).read_text()) | given
    (adapter / CONFIG).write_text(json.dumps(configured))
    with pytest.raises(AuditError, match=sentence):
        check_adapter(base, adapter)
    (base / "model.safetensors").write_bytes(b"never read")
    (base / "model.safetensors").rename(base / "model.bin")
    with pytest.raises(AuditError, match=sentence):
        load_model(base, [adapter], SETTINGS | {"pickled_weights": True})


@pytest.mark.parametrize(
    "config",
    [
        LoraConfig(lora_bias=True, **Q),
        LilyConfig(**Q),
        BeftConfig(target_modules=["v_proj"], **TASK),
    ],
    ids=["lora-bias", "lily", "beft"],
)
def test_what_cannot_be_merged_stays_beside_the_weights(tmp_path, config):
    base, adapter = tuned(tmp_path, config)
    check_adapter(base, adapter)
    model = load_model(base, [adapter], SETTINGS)
    plain = AutoModelForCausalLM.from_pretrained(base).eval()
    before = greedy_tokens(plain, [3, 4, 5], [])
    wanted = PeftModel.from_pretrained(plain, adapter).eval()
    with torch.inference_mode():
        assert torch.allclose(model(IDS).logits, wanted(IDS).logits, atol=1e-3)
    packed = greedy_tokens(pack_weights(model, 4), [3, 4, 5], [])
    assert packed == greedy_tokens(wanted, [3, 4, 5], []) != before
    with pytest.raises(AuditError, match="cannot follow one that is not merged"):
        load_model(base, [adapter, adapter], SETTINGS)


def test_what_peft_does_not_merge_is_a_sentence(tmp_path, monkeypatch):
    base, adapter = tuned(tmp_path, LoraConfig(**Q))
    monkeypatch.setattr(LoraLinear, "merge", lambda *_, **__: raised(NotImplementedError("not it")))
    with pytest.raises(AuditError, match=r"adapter` cannot be merged into .*: not it; name"):
        load_model(base, [adapter], SETTINGS)


def raised(error: Exception):
    raise error


@pytest.mark.parametrize(
    ("rename", "sentence"),
    [
        (lambda name: f"module.{name}",
         r"8 of its keys name nothing in the model \(`module\.\S+`, `\S+`, `\S+`, …\) and 8 keys"),
        (lambda name: name.replace("model.model.", "model."), "8 of its keys .* and 8 keys"),
        (lambda name: name.replace("base_model.model.", ""), "8 of its keys .* and 8 keys"),
        (lambda name: None if "layers.1." in name else name,
         r"at all: 4 keys that it needs are missing \(`[^`]*layers\.1\.[^`]*`, `.*`, `.*`, …\);"),
        (lambda name: None if "1.self_attn.q_proj.lora_B" in name else name, "1 keys that it need"),
        (lambda name: None if "v_proj" in name else name, "4 keys that it needs"),
        (lambda name: name.replace("layers.1.self_attn.q_proj", "layers.2.self_attn.q_proj"),
         r"2 of its keys name nothing .*layers\.2.* and 2 keys"),
    ],
    ids=["prefix", "less", "bare", "layer", "half", "target", "other"],
)  # fmt: skip
def test_keys_that_load_as_nothing_are_listed(tmp_path, rename, sentence):
    base, adapter = saved(tmp_path)
    renamed(adapter, rename)
    for refused in (lambda: check_adapter(base, adapter),
                    lambda: load_model(base, [adapter], SETTINGS)):  # fmt: skip
        with pytest.raises(AuditError, match=sentence) as said:
            refused()
        assert "default" not in str(said.value) and "\n" not in str(said.value)


def test_an_adapter_of_another_width_names_its_layer(tmp_path):
    base, _ = saved(tmp_path / "one")
    _, adapter = saved(tmp_path / "other", hidden_size=48)
    one = r"`\S+_proj\.lora_[AB]\.weight` \(\[\d+, \d+\], the model's \[\d+, \d+\]\)"
    sentence = rf"another architecture: \d of its weights have other sizes: {one}, {one}, {one}, …;"
    with pytest.raises(AuditError, match=sentence):
        check_adapter(base, adapter)


def test_an_adapter_for_layers_of_other_names_is_refused(tmp_path):
    base, _ = saved(tmp_path / "one")
    lora, size = {"target_modules": ["c_attn"]}, {"n_embd": 32, "n_head": 4, "n_layer": 2}
    _, adapter = saved(tmp_path / "other", "gpt2", lora, **size)
    with pytest.raises(AuditError, match=r"another architecture: .*c_attn"):
        check_adapter(base, adapter)


def test_a_saved_module_that_is_missing_is_named(tmp_path):
    base, adapter = saved(tmp_path, lora={"target_modules": ["q_proj"]})
    config = json.loads((adapter / "adapter_config.json").read_text())
    config["modules_to_save"] = ["lm_head"]
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(AuditError, match=r"1 keys that it needs are missing \(`.*lm_head.*`\)"):
        check_adapter(base, adapter)


def test_an_adapter_without_safetensors_says_what_to_do(tmp_path):
    base, adapter = saved(tmp_path)
    (adapter / WEIGHTS).rename(adapter / "adapter_model.bin")
    with pytest.raises(AuditError, match=r"adapter_model\.bin` alone.*`pickled_weights: true`"):
        check_adapter(base, adapter)
    (adapter / "adapter_model.bin").unlink()
    with pytest.raises(AuditError, match="has none"):
        check_adapter(base, adapter)


@pytest.mark.parametrize(
    "config", [LoraConfig(**Q), PromptTuningConfig(num_virtual_tokens=4, **TASK)]
)
def test_a_pickled_adapter_that_is_allowed_does_what_the_other_does(tmp_path, config):
    base, adapter = tuned(tmp_path, config)
    with torch.inference_mode():
        wanted = load_model(base, [adapter], SETTINGS)(IDS).logits
        torch.save(load_file(adapter / WEIGHTS), adapter / PICKLED)
        (adapter / WEIGHTS).unlink()
        found = load_model(base, [adapter], SETTINGS | {"pickled_weights": True})(IDS).logits
    assert torch.equal(found, wanted)


class Bomb:
    def __reduce__(self):
        return (print, ("code of the pickle runs",))


def test_code_in_a_pickle_is_not_run(tmp_path, capsys):
    base, adapter = saved(tmp_path)
    (adapter / WEIGHTS).unlink()
    torch.save({"bomb": Bomb()}, adapter / PICKLED)
    with pytest.raises(AuditError, match="holds more than tensors"):
        load_model(base, [adapter], SETTINGS | {"pickled_weights": True})
    assert "runs" not in capsys.readouterr().out


def adapters_of(folder: Path, *configs) -> tuple[Path, list[Path]]:
    """Folders of a tiny random model and of adapters, each trained on what those before it made."""
    torch.manual_seed(0)
    base, adapters = folder / "base", []
    shape = SMALL | {"hidden_size": 64, "head_dim": 16, "intermediate_size": 64}  # a block of NF4
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model("llama", **shape))
    model.save_pretrained(base)
    for number, config in enumerate(configs):
        adapted = get_peft_model(model, config)
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                torch.nn.init.normal_(parameter, 0.0, 0.3)
        adapters.append(folder / f"adapter-{number}")
        adapted.save_pretrained(adapters[-1])
        model = adapted.merge_and_unload() if not config.is_prompt_learning else model
    return base, adapters


def greedy_tokens(model, prompt: list[int], virtual: list[int]) -> list[int]:
    settings = {"temperature": 0, "top_p": 1.0, "top_k": 0, "max_new_tokens": 12}
    ids = [[*virtual, *prompt]]
    (replies,) = generate(model, ids, [[np.zeros(12)]], settings, set(), 0, 4)
    return replies[0][2].tokens


@pytest.mark.parametrize(
    "second",
    [LoraConfig(r=3, target_modules=["v_proj", "up_proj"], **TASK),
     LoraConfig(use_dora=True, **Q),
     LoraConfig(modules_to_save=["lm_head"], **Q)],
    ids=["lora", "dora", "modules-to-save"],
)  # fmt: skip
def test_stacked_adapters_say_what_peft_by_hand_says(tmp_path, second):
    base, adapters = adapters_of(tmp_path, LoraConfig(**Q), second)
    found = load_model(base, adapters, SETTINGS)
    byhand = AutoModelForCausalLM.from_pretrained(base)
    texts = [greedy_tokens(byhand.eval(), [3, 4, 5], [])]
    for adapter in adapters:
        byhand = PeftModel.from_pretrained(byhand, adapter).merge_and_unload()
        texts.append(greedy_tokens(byhand.eval(), [3, 4, 5], []))
    assert greedy_tokens(found, [3, 4, 5], []) == texts[-1]
    assert len({tuple(text) for text in texts}) == 3, "each adapter changes the text"


def test_tokens_before_every_prompt_come_last(tmp_path):
    tuning = PromptTuningConfig(num_virtual_tokens=4, **TASK)
    base, adapters = adapters_of(tmp_path, LoraConfig(**Q), tuning)
    assert len(virtual_tokens(load_model(base, adapters, SETTINGS))) == 4
    with pytest.raises(AuditError, match=r"adapter-0` cannot follow .* put that one last"):
        load_model(base, adapters[::-1], SETTINGS)


@pytest.mark.parametrize("bits", ["int8", "int4"])
def test_beside_quantised_weights_plain_lora_is_stacked_as_a_sum(tmp_path, bits):
    base, adapters = adapters_of(tmp_path, LoraConfig(**Q), LoraConfig(**Q))
    told = SETTINGS | {"quantization": bits}
    with torch.inference_mode():
        plain = load_model(base, [], told)
        names = [f"model.layers.{n}.self_attn.q_proj" for n in (0, 1)]
        found = load_model(base, adapters, told)
        given = torch.randn(1, 3, 64)
        for name in names:
            wanted = plain.get_submodule(name)(given)
            for adapter in adapters:
                parts = load_file(adapter / WEIGHTS)
                a, b = (parts[f"base_model.model.{name}.lora_{x}.weight"] for x in "AB")
                wanted = wanted + given @ a.T @ b.T * 8 / 2
            layer = found.base_model.model.get_submodule(name)
            assert torch.allclose(layer(given), wanted, atol=1e-3)


def test_what_is_no_sum_is_not_stacked_beside_quantised_weights(tmp_path):
    base, adapters = adapters_of(tmp_path, LoraConfig(**Q), LoraConfig(use_dora=True, **Q))
    with pytest.raises(AuditError, match=r"adapter-1` does more than add to weights"):
        load_model(base, adapters, SETTINGS | {"quantization": "int4"})


def test_the_second_adapter_is_loaded_completely_or_not_at_all(tmp_path):
    base, adapters = adapters_of(tmp_path, LoraConfig(**Q), LoraConfig(**Q))
    renamed(adapters[1], lambda name: f"module.{name}")
    for bits in ("none", "int4"):
        with pytest.raises(AuditError, match=r"adapter-1` would be loaded in part") as said:
            load_model(base, adapters, SETTINGS | {"quantization": bits})
        assert "default" not in str(said.value)
