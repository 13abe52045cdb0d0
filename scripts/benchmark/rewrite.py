"""Embed the texts that simulated subjects may draw in their explore pools, rewritten by rule."""

import h5py
import numpy as np

from scripts.benchmark.planted import at_home, read_behaviours
from scripts.benchmark.suite import suite_of
from scripts.benchmark.trial import ladder, texts_to_embed
from scripts.core.files import replacing
from scripts.core.job import Job, run
from scripts.models.encoder import embed_in_job


def main(job: Job) -> None:
    settings = job.params.settings
    suite = suite_of(job.input)
    behaviours = at_home(read_behaviours(job.params.local["behaviours"]), suite.topics)
    wanted = texts_to_embed(suite, behaviours, ladder(behaviours, settings["benchmark"]))
    vectors = embed_in_job(list(wanted.values()), job)
    names, prompts, samples = zip(*wanted, strict=True)
    with replacing(job.output.vectors) as temporary, h5py.File(temporary, "w") as file:
        file.create_dataset("behaviour", data=names, dtype=h5py.string_dtype())
        file.create_dataset("prompt", data=prompts)
        file.create_dataset("sample", data=samples)
        file.create_dataset("vector", data=vectors.astype(np.float16), chunks=True)


if __name__ == "__main__":
    run(main)
