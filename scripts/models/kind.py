"""What decode's jobs ask of a kind of subject: the records of draws."""

from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path

from scripts.cache.records import RecordCache
from scripts.core.job import Job
from scripts.core.rows import iterate_rows
from scripts.draws.draw import Draw
from scripts.draws.record import DrawRecord
from scripts.models.decoder import Engine, S, decode
from scripts.models.planted import known_by
from scripts.prompts.prompt import Prompt

Records = list[DrawRecord]  # one a draw, in their order: decoder.decode says what it holds
Texts = Callable[[Job, Sequence[Draw]], Records]


def decoded(
    job: Job,
    draws: Sequence[Draw],
    engine: Engine[S],
    settings: S,
    apart: Sequence[str] = (),
) -> Records:
    """Records of draws from the record cache, else from an engine; `settings` and `apart` as
    decoder.decode takes them."""
    wanted = {draw.prompt for draw in draws}
    bank = iterate_rows(job.input.bank, Prompt)
    prompts = {prompt.id: prompt for prompt in bank if prompt.id in wanted}
    cache = RecordCache[DrawRecord](Path(job.params.cache) / "generations")
    settings = copy(settings)
    settings["subject"] = known_by(settings["subject"], job.input.plant)
    return decode(draws, prompts, settings, settings["seed"], engine, cache, job.ledger, apart)
