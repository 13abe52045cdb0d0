"""Where the texts of each kind of subject come from: one function a kind, for decode's jobs.

A new kind is a function here, or of a module beside, under the name that it has in
scripts/workflow/kinds. It imports what it needs when it is called.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.core.job import Job, warn
from scripts.core.rows import iterate_rows
from scripts.draws.draw import Draw
from scripts.draws.record import DrawRecord
from scripts.models.decoder import loaded_engine, prepared
from scripts.models.description import model_folder
from scripts.models.kind import Records, Texts, decoded
from scripts.models.reasoning import (
    apart_in,
    looks_thought,
    open_ended,
    overlooked,
    remedy_of,
)
from scripts.models.settings import LoadedSettings, ServedPlace, ServedSettings
from scripts.models.thinking import require_quiet
from scripts.recordings.files import RecordedResponse

if TYPE_CHECKING:
    from scripts.models.served import Served, StartedHere


def loaded(job: Job, draws: Sequence[Draw]) -> Records:
    """Records of draws from a model that is loaded here, with its adapters."""
    model = model_folder(job.input.model)
    adapters = [model_folder(description) for description in job.input.plant]
    settings, apart = prepared(job.settings(LoadedSettings), model, adapters)
    engine = loaded_engine(
        model, adapters, job.params.batch_size, job.threads, job.ledger, job.params.devices
    )
    records = decoded(job, draws, engine, settings, apart)
    remedy = remedy_of(settings.get("reasoning", "auto"), settings.get("thoughts") is not None)
    _note_thoughts(records, remedy)
    return records


def _note_thoughts(records: Records, remedy: str | None) -> None:
    """Say where answers look like thoughts; no remedy: that is as it is wanted."""
    if remedy is None:
        return
    if said := overlooked(sum(map(looks_thought, records)), len(records), "texts", remedy):
        warn(said)


def served(job: Job, draws: Sequence[Draw]) -> Records:
    """Records of draws from a server, which may be started for those that no cache has."""
    settings = job.settings(ServedSettings)
    engine = _engine_of(job, settings)
    records = decoded(job, draws, engine, settings)
    given = settings.get("reasoning", "auto")
    opened = open_ended([record["text"] for record in records])
    if settings.get("thinking") == "off":
        known = "auto" if given == "off" else given
        apart = [apart_in(record, known, opened) for record in records]
        require_quiet(apart, engine.against_thinking(settings))
    found = [apart_in(record, given, opened) for record in records]
    exact = "set the subject's `reasoning` with the `start` and `end` of its thoughts"
    _note_thoughts(found, None if given == "off" else exact)
    return found


def _engine_of(job: Job, settings: ServedSettings) -> "Served | StartedHere":
    """What asks a subject's server, at its address or started by the job."""
    from scripts.models.served import Served, StartedHere

    place = job.local(ServedPlace)
    if "engine" not in settings["server"]:
        return Served(place["server"])
    model = model_folder(job.input.model)
    adapter = model_folder(job.input.plant[0]) if job.input.plant else None
    log = Path(job.log).with_suffix(".server.log")
    return StartedHere(place["started"], model, adapter, log, job.params.devices)


def recorded(job: Job, draws: Sequence[Draw]) -> Records:
    """Records of draws from a recording, of which no other texts are kept; the plan is capped by
    what it holds."""
    records = records_of(job.input.responses, draws)
    job.ledger.texts += len(records)
    _note_thoughts(records, "leave the thoughts out of the file of responses")
    return records


def records_of(path: Path | str, draws: Sequence[Draw]) -> Records:
    """What a file of recorded responses holds of draws."""
    wanted = {(draw.prompt, draw.sample) for draw in draws}
    found: dict[tuple[str, int], DrawRecord] = {
        name: {"text": response.text, "tokens": None, "finished": response.finished}
        for response in iterate_rows(path, RecordedResponse)
        if (name := (response.prompt, response.sample)) in wanted
    }
    return [found[draw.prompt, draw.sample] for draw in draws]


KINDS: dict[str, Texts] = {
    "loaded": loaded,
    "served": served,
    "recorded": recorded,
}
