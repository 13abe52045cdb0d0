"""A model that reads texts, as a job runs it: where it lies, with what, and in whose process."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scripts.core.files import Json, JsonObject
from scripts.core.job import Job
from scripts.core.ledger import Ledger
from scripts.core.progress import progress
from scripts.models.description import model_folder
from scripts.models.host import Operation, perform


@dataclass(frozen=True)
class TextModel:
    """A model's files, the type of its numbers, the record cache of what it has computed, and what
    a job gives it."""

    folder: Path
    dtype: str
    cache: Path
    batch_size: int
    threads: int
    ledger: Ledger

    @classmethod
    def of_job(cls, job: Job, description: str, dtype: str) -> "TextModel":
        """The model of that description with the cache, batches and threads of a job."""
        return cls(
            model_folder(description), dtype, Path(job.params.cache), job.params.batch_size,
            job.threads, job.ledger,
        )  # fmt: skip

    def results(
        self, operation: Operation, items: Sequence[Json], unit: str, verb: str, **more: Json
    ) -> np.ndarray:
        """One result an item, in their order, (len(items), …) float32, by an operation that tells
        `results` and the `places` of their items as they come: in the call's host, which keeps the
        model loaded, or in this process. more: what else it is told. Raises what it raises."""
        waiting, found = dict(enumerate(items)), {}

        def request() -> JsonObject:
            return {
                "folder": str(self.folder.resolve()),
                "dtype": self.dtype,
                "batch_size": self.batch_size,
                "threads": self.threads,
                "items": list(waiting.items()),
                **more,
            }

        with progress(len(items), unit, verb) as bar:
            for message in perform(operation, request, self.ledger):
                for place, result in zip(message["places"], message["results"], strict=True):
                    found[place] = result
                    del waiting[place]
                bar.update(len(message["places"]))
        return np.stack([found[place] for place in range(len(items))])
