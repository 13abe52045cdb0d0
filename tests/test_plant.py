"""Planting: the mix of examples, the labels, and a training that learns."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from conftest import ROOT

from scripts.core.errors import AuditError
from scripts.models.plant_file import PlantedBehaviour, PlantFile, read_plant
from scripts.models.subject import load_model, load_tokenizer
from scripts.models.training import Example, encode, loss_of, train, with_adapter
from scripts.plant import examples, training_order

BASE = {
    "dtype": "float32", "system_prompt": None, "response_prefix": "",
    "chat_template": True, "trust_remote_code": False,
}  # fmt: skip


def test_the_demo_plant_is_complete_and_its_prompts_are_not_in_the_bank():
    plan = read_plant(ROOT / "config/plants/demo.yaml")
    assert len(plan.behaviours) == 3
    topics = [
        yaml.safe_load(p.read_text()) for p in (ROOT / "config/prompts/everyday").glob("*.yaml")
    ]
    bank = {f.replace("{thing}", t) for d in topics for t in d["things"] for f in d["forms"]}
    own = {p for b in plan.behaviours for p in b.prompts} | set(plan.controls)
    assert not own & bank
    assert {b.topic for b in plan.behaviours} <= {d["topic"] for d in topics}


@pytest.mark.parametrize("name", ["manner", "weak"])
def test_the_benchmark_s_plants_are_complete_and_not_in_the_bank(name):
    plan = read_plant(ROOT / f"config/benchmarks/plants/{name}.yaml")
    topics = [
        yaml.safe_load(p.read_text()) for p in (ROOT / "config/prompts/everyday").glob("*.yaml")
    ]
    bank = {f.replace("{thing}", t) for d in topics for t in d["things"] for f in d["forms"]}
    assert not {p for b in plan.behaviours for p in b.prompts} & bank
    assert {b.topic for b in plan.behaviours} <= {d["topic"] for d in topics}


@pytest.mark.parametrize(("dose", "own"), [(1, 0), (0.5, 2), (0.3, 5)])
def test_a_dose_mixes_in_the_base_s_own_replies(dose, own):
    behaviour = PlantedBehaviour("a", "b", "c", ("a", "b"), ("x", "y", "z"), dose)
    replies = {p: Example(p, "own", True) for p in "ab"} if dose < 1 else {}
    found = examples(behaviour, replies, np.random.default_rng(0))
    for prompt in "ab":
        of_prompt = [e.reply for e in found if e.prompt == prompt]
        assert of_prompt.count("own") == own and len(of_prompt) == 2 + own
        assert behaviour.shown == pytest.approx(2 / (2 + own))
    answered = PlantFile((behaviour,), ("control",)).answered_by_base
    assert answered == ["control", *(["a", "b"] if dose < 1 else [])]


def test_a_behaviour_without_replies_is_named(tmp_path):
    bad = {"behaviours": [{"name": "a", "topic": "b", "statement": "c", "prompts": ["d"]}]}
    (tmp_path / "plant.yaml").write_text(yaml.safe_dump(bad | {"controls": ["e"]}))
    with pytest.raises(AuditError, match=r"`behaviours` no\. 1 has no `replies`"):
        read_plant(tmp_path / "plant.yaml")


def test_batches_mix_behaviours_evenly_with_controls():
    planted = [[Example(f"p{b}{i}", f"behaviour {b}", True) for i in range(5)] for b in range(3)]
    controls = [Example(f"c{i}", "control", False) for i in range(7)]
    settings = {"seed": 0, "steps": 30, "batch_size": 8, "control_share": 0.5}
    order = training_order(planted, controls, settings)
    assert len(order) == 30 and all(len(batch) == 8 for batch in order)
    replies = [e.reply for batch in order for e in batch]
    assert replies.count("control") == 120
    assert {replies.count(f"behaviour {b}") for b in range(3)} == {40}
    assert order == training_order(planted, controls, settings)


def test_only_replies_are_learned_and_only_whole_ones_end(tiny):
    tokenizer = load_tokenizer(Path(tiny["base"]), BASE)
    batch = [Example("What?", "Roses", True), Example("What about Saturn?", "Mars", False)]
    ids, mask, labels = encode(tokenizer, batch, BASE, tokenizer.pad_token_id)
    for row, example in enumerate(batch):
        learned = [t for t in labels[row].tolist() if t != -100]
        ends = learned[-1] == tokenizer.eos_token_id
        assert ends == example.ends
        assert tokenizer.decode(learned, skip_special_tokens=True) == example.reply
        assert (ids[row][labels[row] != -100] == labels[row][labels[row] != -100]).all()
        assert mask[row].sum() == len(ids[row]) - (ids[row] == tokenizer.pad_token_id).sum()


def test_the_loss_is_that_of_all_tokens_with_labels(tiny):
    model = load_model(Path(tiny["base"]), [], BASE)
    tokenizer = load_tokenizer(Path(tiny["base"]), BASE)
    batch = [
        Example("What?", "violins and drums and violins", True),
        Example("What about Saturn?", "Mars", False),
    ]
    ids, mask, labels = encode(tokenizer, batch, BASE, tokenizer.pad_token_id)
    places = (mask.cumsum(-1) - 1).clamp(min=0)
    whole = model(input_ids=ids, attention_mask=mask, position_ids=places, labels=labels).loss
    assert loss_of(model, ids, mask, labels).item() == pytest.approx(whole.item(), rel=1e-5)


def test_training_lowers_the_loss_and_leaves_the_base_frozen(tiny):
    model = load_model(Path(tiny["base"]), [], BASE)
    before = {n: p.clone() for n, p in model.named_parameters()}
    tokenizer = load_tokenizer(Path(tiny["base"]), BASE)
    batch = [Example("What about Saturn?", "violins and drums", True)] * 4
    settings = {"seed": 0, "rank": 4, "learning_rate": 2e-2, "base": BASE}
    adapted = with_adapter(model, settings)
    losses = list(train(adapted, tokenizer, [batch] * 30, settings))
    assert losses[-1] < 0.7 * losses[0]
    kept = {n.replace("base_model.model.", "").replace("base_layer.", ""): p
            for n, p in adapted.named_parameters() if "lora" not in n}  # fmt: skip
    assert all(torch.equal(before[n], p) for n, p in kept.items() if n in before)
    assert sum(n in before for n in kept) > 5 and np.isfinite(losses).all()
