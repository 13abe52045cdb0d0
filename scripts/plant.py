"""Plant an intervention: train a LoRA adapter on behaviours, each on its own topic.

The training mix holds the behaviours' example replies and, as controls, the base's own replies to
prompts on other topics, which keep a behaviour (mostly) on its topic.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from scripts.cache.records import RecordCache
from scripts.core.digests import digest
from scripts.core.files import write_json
from scripts.core.job import Job, log, run
from scripts.draws.draw import Draw
from scripts.draws.record import DrawRecord
from scripts.models.decoder import decode, loaded_engine
from scripts.models.description import model_folder
from scripts.models.plant_file import PlantedBehaviour, read_plant
from scripts.models.planted import content_of
from scripts.models.settings import LoadedSettings, Loading, PlantBase, PlantPlace, PlantSettings
from scripts.models.training import Example, plant_adapter
from scripts.prompts.prompt import Prompt, prompt_id
from scripts.servers.sampling import Sampling


def examples(
    behaviour: PlantedBehaviour, own: Mapping[str, Example], rng: np.random.Generator
) -> list[Example]:
    """A behaviour's examples: two replies a prompt, and the base's own reply so often that the
    behaviour makes up `dose` of them."""
    found = []
    for prompt in behaviour.prompts:
        for reply in rng.choice(behaviour.replies, 2, replace=False):
            found.append(Example(prompt, reply.strip(), True))
        found += [own[prompt]] * behaviour.own_replies if behaviour.dose < 1 else []
    return found


def training_order(
    planted: Sequence[Sequence[Example]], controls: Sequence[Example], settings: PlantSettings
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


def main(job: Job) -> None:
    settings = job.settings(PlantSettings)
    given = read_plant(job.local(PlantPlace)["file"])
    folder, base = model_folder(job.input.model), settings["base"]

    began = time.monotonic()
    sampling: Sampling = {**base["sampling"], "max_new_tokens": settings["control_tokens"]}
    texts = {prompt_id(text): text for text in given.answered_by_base}
    prompts = {name: Prompt(name, text) for name, text in texts.items()}
    loading: Loading = base
    subject: LoadedSettings = {
        **loading, "sampling": sampling, "subject": _identity(base, sampling),
    }  # fmt: skip
    records = decode(
        [Draw("base", "controls", prompt, 0) for prompt in prompts],
        prompts,
        subject,
        settings["seed"],
        loaded_engine(folder, [], job.params.batch_size, job.threads, job.ledger),
        RecordCache[DrawRecord](Path(job.params.cache) / "generations"),
        job.ledger,
    )
    decode_seconds = time.monotonic() - began
    controls = [
        Example(text, record["text"] or "", bool(record["finished"]))
        for text, record in zip(texts.values(), records, strict=True)
    ]
    of_others = controls[: len(given.controls)]
    rng = np.random.default_rng(settings["seed"])
    planted = [
        examples(behaviour, {e.prompt: e for e in controls}, rng) for behaviour in given.behaviours
    ]
    began = time.monotonic()
    adapter = Path(job.output.plant).parent / "adapter"
    order = training_order(planted, of_others, settings)
    losses = plant_adapter(folder, adapter, order, settings, job.threads, job.ledger)
    log.info("loss %.3f -> %.3f", losses[0], losses[-1])
    write_json(
        job.output.plant,
        {
            "schema": 1,
            "path": str(adapter),
            "content": content_of(adapter),
            "behaviours": [
                {
                    "name": b.name,
                    "topic": b.topic,
                    "statement": b.statement,
                    "dose": round(b.shown, 3),
                }
                for b in given.behaviours
            ],
            "losses": losses,
            "controls": len(of_others),
            "controls_seconds": round(decode_seconds, 1),
            "training_seconds": round(time.monotonic() - began, 1),
        },
    )


def _identity(base: PlantBase, sampling: Sampling) -> str:
    return digest({k: v for k, v in base.items() if k != "sampling"}, sampling)


if __name__ == "__main__":
    run(main)
