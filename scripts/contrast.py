"""Compare the two subjects on a few explore prompts, before the first round spends anything."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
from typing_extensions import TypedDict

from scripts.core.errors import AuditError
from scripts.core.files import JsonObject
from scripts.core.job import Job, Named, run, warn
from scripts.core.rows import as_json, iterate_rows, read_rows, write_document
from scripts.core.settings import settings_as
from scripts.core.vocabulary import SIDES
from scripts.divergence.contrast import Contrast, of_replies, of_tokens
from scripts.draws.draw import Draw
from scripts.draws.record import DrawRecord
from scripts.models.contrast import PROMPTS, TOKENS, next_tokens
from scripts.models.description import model_folder
from scripts.models.formatting import template_places
from scripts.models.host import perform
from scripts.models.kind import Records
from scripts.models.kinds import KINDS
from scripts.models.reasoning import (
    apart_in,
    likely_thoughts,
    open_ended,
    overlooked,
    reasoning_of,
    remedy_of,
    require_thoughts,
)
from scripts.models.settings import LoadedSettings
from scripts.prompts.pools import DealtPrompt, in_order
from scripts.prompts.prompt import Prompt

# Settings of decode that the next token's distribution does not depend on; `subject` holds all.
DRAWN_BY = {"sampling", "subject", "reasoning", "log_probabilities"}
# Fields of a request by which a server draws.
DRAWS = {"temperature", "top_p", "top_k", "min_p", "max_tokens", "max_completion_tokens"}
NOBODY_THINKS = (
    "`of` is `{of}`, and neither subject thinks: all {count} greedy replies ended without a "
    "thought; leave it out, or have the servers think (`server.extra`) and tell thoughts apart"
)


def main(job: Job) -> None:
    explored = [p for p in read_rows(job.input.prompts, DealtPrompt) if p.pool == "explore"]
    names = list(dict.fromkeys(prompt.id for prompt in in_order(explored)))[:PROMPTS]
    loaded = all(side_of(job, side)["settings"]["kind"] == "loaded" for side in SIDES)
    if loaded:
        of = side_of(job, "base")["settings"].get("of", "answer")
        require_thoughts(of, [templates_of(job, side) for side in SIDES])
    contrast = compared_tokens(job, names) if loaded else greedy_replies(job, names)
    found = replace(contrast, set_alike=are_set_alike(job))
    write_document(job.output.contrast, found)
    for notice in found.notices:
        warn(notice)


class Side(TypedDict):
    """What decode is given of a subject."""

    settings: JsonObject
    local: JsonObject


def side_of(job: Job, side: str) -> Side:
    """A side's subject."""
    return settings_as(Side, job.params.sides[side], "contrast")


def are_set_alike(job: Job) -> bool:
    """Whether nothing but how tokens are drawn differs between the sides."""
    base, intervention = (
        {
            **{k: v for k, v in side_of(job, side)["settings"].items() if k not in DRAWN_BY},
            "model": list(job.input.get(f"{side}_model", [])),
            "adapter": list(job.input.get(f"{side}_adapter", [])),
            "local": side_of(job, side)["local"],
        }
        for side in SIDES
    )
    return base == intervention


def compared_tokens(job: Job, names: list[str]) -> Contrast:
    """From the distributions of the next token, of two subjects that are loaded here."""
    bank = {prompt.id: prompt for prompt in iterate_rows(job.input.bank, Prompt)}
    prompts = [as_json(bank[name]) for name in names]
    found: list[tuple[np.ndarray, list[str]]] = []
    for side in SIDES:
        request = {"prompts": prompts, "threads": job.threads, **told_of(job, side)}
        (message,) = perform(next_tokens, partial(dict, request), job.ledger)
        found.append((message["logits"], message["likeliest"]))
        if said := overlooked_thoughts(*templates_of(job, side), message["likeliest"]):
            warn(f"{side}: {said}")
    base, intervention = found
    return of_tokens(*base, *intervention)


def overlooked_thoughts(
    settings: LoadedSettings, places: Sequence[Path], likeliest: Sequence[str]
) -> str | None:
    """What to say of a loaded side that is not known to think, where the likeliest first tokens of
    its replies say that it does; None where they do not."""
    remedy = remedy_of(settings.get("reasoning", "auto"), thinks=False)
    if remedy is None or reasoning_of(settings, places):
        return None
    found = likely_thoughts(likeliest)
    return overlooked(found, len(likeliest), "beginnings of replies", remedy)


def templates_of(job: Job, side: str) -> tuple[LoadedSettings, list[Path]]:
    """A loaded side's settings, and the folders that its chat template may be in."""
    settings = settings_as(LoadedSettings, side_of(job, side)["settings"], "decode")
    adapters = [model_folder(one) for one in job.input[f"{side}_adapter"]]
    return settings, template_places(settings, model_folder(job.input[f"{side}_model"]), adapters)


def told_of(job: Job, side: str) -> JsonObject:
    """What is loaded of a side (decoder.loaded_subject)."""
    adapters = job.input[f"{side}_adapter"]
    return {
        "folder": str(model_folder(job.input[f"{side}_model"]).resolve()),
        "adapters": [str(model_folder(one).resolve()) for one in adapters],
        "batch_size": job.params.batch_size,
        "devices": job.params.devices,
        "settings": side_of(job, side)["settings"],
    }


def greedy_replies(job: Job, names: list[str]) -> Contrast:
    """From greedy replies, where a subject is served; they are in the record cache, too."""
    records = {side: replies(job, side, names) for side in SIDES}
    base, intervention = ([_said(record) for record in records[side]] for side in SIDES)
    both = [(a, b) for a, b in zip(base, intervention, strict=True) if a and b]
    found = of_replies([a for a, _ in both], [b for _, b in both])
    return replace(found, thoughtless=lacks_thoughts(job, records))


def lacks_thoughts(job: Job, records: Mapping[str, Records]) -> bool:
    """Whether thoughts shall be compared and no greedy reply of either side begins one. Raises
    AuditError where these replies are whole, so that nobody thinks."""
    of = side_of(job, "base")["settings"].get("of", "answer")
    if of == "answer" or any(thinks(job, side, records[side]) for side in SIDES):
        return False
    of_both = [record for side in SIDES for record in records[side]]
    if of_both and all(record["finished"] for record in of_both):
        raise AuditError(NOBODY_THINKS.format(of=of, count=len(of_both)))
    return True


def thinks(job: Job, side: str, records: Records) -> bool:
    """Whether a subject that is loaded thinks by its template, or one of another kind has begun a
    thought in any of its greedy replies."""
    settings = side_of(job, side)["settings"]
    if settings["kind"] == "loaded":
        return reasoning_of(*templates_of(job, side)) is not None
    given, opened = settings.get("reasoning", "auto"), open_ended([r["text"] for r in records])
    return any(apart_in(record, given, opened).get("thoughts") for record in records)


def replies(job: Job, side: str, names: list[str]) -> Records:
    """Records of a side's greedy replies, as decode's job would make them."""
    given = side_of(job, side)
    settings = given["settings"]
    most = min(TOKENS, settings.get("sampling", {}).get("max_new_tokens", TOKENS))
    settings["sampling"] = {"temperature": 0.0, "top_p": 1.0, "top_k": 0, "max_new_tokens": most}
    settings["reasoning"] = "off"  # thoughts count as they come, within so many tokens
    if "server" in settings:  # what is added to each request may not make it draw
        extra = settings["server"]["extra"]
        kept = {name: value for name, value in extra.items() if name not in DRAWS}
        settings["server"] = settings["server"] | {"extra": kept}
    of_side = replace(
        job,
        input=named(
            bank=job.input.bank,
            model=job.input[f"{side}_model"],
            plant=job.input[f"{side}_adapter"],
        ),
        params=named(
            settings=settings,
            local=given["local"],
            cache=job.params.cache,
            batch_size=job.params.batch_size,
            devices=job.params.devices,
        ),
        # The words of a server that is started lie beside it.
        log=str(Path(job.log).with_suffix(f".{side}.log")),
    )
    draws = [Draw(side, f"contrast-{most}", name, 0) for name in names]
    return KINDS[settings["kind"]](of_side, draws)


def named(**values: object) -> Named:
    """Values by their names, as a rule has them."""
    return cast(Named, SimpleNamespace(**values))


def _said(record: DrawRecord) -> str:
    """All that came, thoughts too; empty where nothing did."""
    return "\n".join(filter(None, (record.get("thoughts"), record["text"])))


if __name__ == "__main__":
    run(main)
