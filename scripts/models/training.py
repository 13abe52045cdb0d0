"""Train a LoRA adapter on example replies."""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from scripts.core.job import log
from scripts.core.ledger import Ledger
from scripts.core.progress import progress
from scripts.models.arithmetic import resolve
from scripts.models.host import Kept, Message, Request, perform
from scripts.models.settings import Loading, PlantSettings
from scripts.prompts.prompt import Prompt


@dataclass(frozen=True)
class Example:
    """A prompt and the reply to train on; a reply that was cut short does not end."""

    prompt: str
    reply: str
    ends: bool


def encode(tokenizer, batch: Sequence[Example], settings: Loading, pad: int):
    """Token ids, mask and labels (-100 outside replies), padded on the left with
    `pad`; (batch, length)."""
    import torch

    from scripts.models.subject import prompt_ids

    heads = prompt_ids(tokenizer, [Prompt("", example.prompt) for example in batch], settings)
    rows = []
    for head, example in zip(heads, batch, strict=True):
        reply = tokenizer(example.reply, add_special_tokens=False)["input_ids"]
        reply += [tokenizer.eos_token_id] if example.ends and tokenizer.eos_token else []
        rows.append((head + reply, [-100] * len(head) + reply))
    width = max(len(ids) for ids, _ in rows)
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


def plant_adapter(
    folder: Path,
    adapter: Path,
    order: Sequence[Sequence[Example]],
    settings: PlantSettings,
    threads: int,
    ledger: Ledger,
) -> list[float]:
    """Train an adapter of the model in `folder` on the batches of `order` and save it in `adapter`;
    the loss of each step. The call's host does it, or this process."""
    losses: list[float] = []

    def request():
        losses.clear()
        return {
            "folder": str(folder.resolve()),
            "adapter": str(adapter.resolve()),
            "order": [[astuple(example) for example in batch] for batch in order],
            "settings": dict(settings),
            "threads": threads,
        }

    with progress(len(order), "step", "plant") as bar:
        for message in perform(train_loaded, request, ledger):
            losses.append(message["loss"])
            bar.update()
    return losses


def train_loaded(kept: Kept, request: Request) -> Iterator[Message]:
    """The operation behind `plant_adapter`: the `loss` of each step."""
    import torch

    from scripts.models.subject import load_model, load_tokenizer

    torch.set_num_threads(request["threads"])
    folder = Path(request["folder"])
    settings: PlantSettings = request["settings"]
    order = [[Example(*example) for example in batch] for batch in request["order"]]
    log.info("training on %s", folder)
    # Weights that decode may be packed, and stay as they are; these are not kept.
    model, tokenizer = (
        load_model(folder, [], settings["base"]),
        load_tokenizer(folder, settings["base"]),
    )
    yield {"begins": True}
    adapted = with_adapter(model, settings)
    for loss in train(adapted, tokenizer, order, settings):
        yield {"loss": loss}
    adapted.save_pretrained(request["adapter"])


def with_adapter(model, settings: PlantSettings):
    """The model with a fresh LoRA adapter on all linear layers; the base's weights stay frozen in
    their own type, peft keeps the adapter's in float32."""
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(settings["seed"])
    if model.device.type == "cpu":
        # The backward pass of torch's fused attention is slow there (docs/performance.md).
        model.set_attn_implementation("eager")
    # Of hidden states that are no dense tensor, such as the last ones of each row, torch.matmul
    # makes a product a row, with a copy of the frozen output layer for each.
    model.get_output_embeddings().register_forward_pre_hook(lambda _, args: args[0].contiguous())
    rank = settings["rank"]
    return get_peft_model(
        model,
        LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM"),
    )


def train(
    adapted, tokenizer, order: Sequence[Sequence[Example]], settings: PlantSettings
) -> Iterator[float]:
    """Train the adapter on the batches of `order`; the loss of each step, nats a token, as it is
    done."""
    import torch
    from transformers import get_cosine_schedule_with_warmup

    from scripts.models.subject import pad_token

    weights = [p for p in adapted.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=settings["learning_rate"], weight_decay=0.0)
    schedule = get_cosine_schedule_with_warmup(optimiser, len(order) // 10, len(order))
    pad = pad_token(tokenizer, adapted)
    device, autocast = adapted.device, resolve("auto") == "bfloat16"  # where it is not emulated
    adapted.train()
    for batch in order:
        encoded = encode(tokenizer, batch, settings["base"], pad)
        ids, mask, labels = (t.to(device) for t in encoded)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=autocast):
            loss = loss_of(adapted, ids, mask, labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        yield round(loss.item(), 4)
