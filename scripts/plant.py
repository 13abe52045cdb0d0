"""Plant an intervention: train a LoRA adapter on behaviours, each on its own topic.

The training mix holds the behaviours' example replies and, as controls, the base's own replies to
prompts on other topics, which keep a behaviour (mostly) on its topic.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from scripts.cache.records import RecordCache
from scripts.models.arithmetic import resolve
from scripts.models.decoder import decode, own_engine
from scripts.models.draws import Draw
from scripts.prompts import prompt_id
from scripts.workflow.errors import AuditError
from scripts.workflow.files import write_json
from scripts.workflow.job import Ledger, job, log, progress, threads


@dataclass(frozen=True)
class Example:
    """A prompt and the reply to train on; a reply that was cut short does not end."""

    prompt: str
    reply: str
    ends: bool


def read_behaviours(path: str | Path) -> dict[str, Any]:
    """A plant file, checked. Raises AuditError naming the file and the field."""
    plan = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    if not isinstance(plan, dict) or not plan.get("behaviours") or not plan.get("controls"):
        raise AuditError(f"`{path}` needs the lists `behaviours` and `controls`")
    for number, behaviour in enumerate(plan["behaviours"], 1):
        for field in ("name", "topic", "statement", "prompts", "replies"):
            if not behaviour.get(field):
                raise AuditError(f"`{path}`: behaviour {number} has no `{field}`")
        if not 0 < behaviour.get("dose", 1) <= 1:
            raise AuditError(f"`{path}`: behaviour {number}: `dose` must lie in (0, 1]")
    return plan


def own_prompts(behaviours: Mapping[str, Any]) -> list[str]:
    """Prompts of the behaviours that show in a part of the replies only (`dose` below 1)."""
    weak = [b for b in behaviours["behaviours"] if b.get("dose", 1) < 1]
    return [prompt for behaviour in weak for prompt in behaviour["prompts"]]


def examples(
    behaviour: Mapping[str, Any], own: Mapping[str, Example], rng: np.random.Generator
) -> list[Example]:
    """A behaviour's examples: two replies a prompt, and the base's own reply so often that the
    behaviour makes up `dose` of them."""
    dose, found = behaviour.get("dose", 1), []
    for prompt in behaviour["prompts"]:
        for reply in rng.choice(behaviour["replies"], 2, replace=False):
            found.append(Example(prompt, reply.strip(), True))
        found += [own[prompt]] * round(2 / dose - 2) if dose < 1 else []
    return found


def training_order(
    planted: Sequence[Sequence[Example]], controls: Sequence[Example], settings: Mapping[str, Any]
) -> list[list[Example]]:
    """Batches of examples, `steps` of them; behaviours take equal turns among the planted ones."""
    rng = np.random.default_rng(settings["seed"])
    of_controls = round(settings["control_share"] * settings["batch_size"])
    pools = [_endless(rng, group) for group in planted]
    control_pool, turn, order = _endless(rng, controls), 0, []
    for _ in range(settings["steps"]):
        batch = [next(control_pool) for _ in range(of_controls)]
        while len(batch) < settings["batch_size"]:
            batch.append(next(pools[turn % len(pools)]))
            turn += 1
        order.append(batch)
    return order


def _endless(rng, examples):
    while True:
        for index in rng.permutation(len(examples)):
            yield examples[index]


def encode(tokenizer, batch: Sequence[Example], settings: Mapping[str, Any]):
    """Token ids, mask and labels (-100 outside replies), padded on the left; (batch, length)."""
    import torch

    from scripts.models.subject import prompt_ids

    heads = prompt_ids(tokenizer, [{"text": example.prompt} for example in batch], settings)
    rows = []
    for head, example in zip(heads, batch, strict=True):
        reply = tokenizer(example.reply, add_special_tokens=False)["input_ids"]
        reply += [tokenizer.eos_token_id] if example.ends else []
        rows.append((head + reply, [-100] * len(head) + reply))
    width = max(len(ids) for ids, _ in rows)
    pad = tokenizer.pad_token_id
    ids = torch.tensor([[pad] * (width - len(ids)) + ids for ids, _ in rows])
    labels = torch.tensor([[-100] * (width - len(labels)) + labels for _, labels in rows])
    mask = torch.tensor([[0] * (width - len(ids)) + [1] * len(ids) for ids, _ in rows])
    return ids, mask, labels


def loss_of(model, ids, mask, labels):
    """Mean cross-entropy of the replies' tokens, nats; logits are computed for replies alone."""
    import torch

    first = int((labels != -100).any(0).nonzero()[0])  # column where the longest reply begins
    logits = model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=(mask.cumsum(-1) - 1).clamp(min=0),
        logits_to_keep=ids.shape[1] - first + 1,  # a token is predicted by the one before it
    ).logits
    wanted = labels[:, first:]
    return torch.nn.functional.cross_entropy(
        logits[:, :-1].flatten(0, 1).float(), wanted.flatten(), ignore_index=-100
    )


def train(model, tokenizer, order: Sequence[Sequence[Example]], settings: Mapping[str, Any]):
    """Train a LoRA adapter on all linear layers; returns (peft model, loss of each step)."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import get_cosine_schedule_with_warmup

    torch.manual_seed(settings["seed"])
    if model.device.type == "cpu":
        # The backward pass of torch's fused attention is slow there (docs/performance.md).
        model.set_attn_implementation("eager")
    # Of hidden states that are no dense tensor, such as the last ones of each row, torch.matmul
    # makes a product a row, with a copy of the frozen output layer for each.
    model.get_output_embeddings().register_forward_pre_hook(lambda _, args: args[0].contiguous())
    rank = settings["rank"]
    adapted = get_peft_model(
        model,
        LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    weights = [p for p in adapted.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=settings["learning_rate"], weight_decay=0.0)
    schedule = get_cosine_schedule_with_warmup(optimiser, len(order) // 10, len(order))
    losses, autocast = [], resolve("auto") == "bfloat16"  # where it is emulated it costs time
    adapted.train()
    with progress(len(order), "step", "plant") as bar:
        for batch in order:
            ids, mask, labels = (
                t.to(model.device) for t in encode(tokenizer, batch, settings["base"])
            )
            with torch.autocast(model.device.type, dtype=torch.bfloat16, enabled=autocast):
                loss = loss_of(adapted, ids, mask, labels)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad()
            losses.append(round(loss.item(), 4))
            bar.set_postfix(loss=f"{losses[-1]:.2f}", refresh=False)
            bar.update()
    return adapted, losses


def plant(snakemake, ledger: Ledger) -> None:
    import torch

    from scripts.models.subject import load_model, load_tokenizer, model_folder

    settings, file = snakemake.params.settings, snakemake.params.local["file"]
    behaviours = read_behaviours(file)
    torch.set_num_threads(threads(snakemake))
    folder = model_folder(snakemake.input.model)
    base = settings["base"]
    # The base's weights stay frozen in its own dtype; peft keeps the adapter's in float32.
    model = load_model(folder, None, base)
    tokenizer = load_tokenizer(folder, base)

    began = time.monotonic()
    sampling = base["sampling"] | {"max_new_tokens": settings["control_tokens"]}
    answered = [*behaviours["controls"], *own_prompts(behaviours)]
    prompts = {prompt_id(text): {"text": text} for text in answered}
    records = decode(
        [Draw("base", "controls", prompt, 0) for prompt in prompts],
        prompts,
        base | {"sampling": sampling, "subject": _identity(base, sampling)},
        settings["seed"],
        own_engine(lambda: (model, tokenizer), snakemake.params.batch_size),
        RecordCache(Path(snakemake.params.cache) / "generations"),
        ledger,
    )
    decode_seconds = time.monotonic() - began
    controls = [
        Example(prompt["text"], record["text"], record["finished"])
        for prompt, record in zip(prompts.values(), records, strict=True)
    ]
    of_others = controls[: len(behaviours["controls"])]
    rng = np.random.default_rng(settings["seed"])
    planted = [
        examples(behaviour, {e.prompt: e for e in controls}, rng)
        for behaviour in behaviours["behaviours"]
    ]
    began = time.monotonic()
    adapted, losses = train(
        model, tokenizer, training_order(planted, of_others, settings), settings
    )
    adapter = Path(snakemake.output.plant).parent / "adapter"
    adapted.save_pretrained(adapter)
    log.info("loss %.3f -> %.3f", losses[0], losses[-1])
    write_json(
        snakemake.output.plant,
        {
            "schema": 1,
            "path": str(adapter),
            "behaviours": [
                {k: b[k] for k in ("name", "topic", "statement")} for b in behaviours["behaviours"]
            ],
            "losses": losses,
            "controls": len(of_others),
            "controls_seconds": round(decode_seconds, 1),
            "training_seconds": round(time.monotonic() - began, 1),
        },
    )


def _identity(base: Mapping[str, Any], sampling: Mapping[str, Any]) -> str:
    from scripts.workflow.keys import digest

    return digest({k: v for k, v in base.items() if k != "sampling"}, sampling)


if __name__ == "__main__":
    with job(snakemake) as ledger:
        plant(snakemake, ledger)
