"""Embed the texts that simulated subjects may draw in their explore pools, rewritten by rule."""

from scripts.benchmark.planted import load_planted_behaviours, plantable_in
from scripts.benchmark.rewritten import write_rewritten
from scripts.benchmark.settings import BehavioursPlace, RewriteSettings
from scripts.benchmark.suite import suite_of
from scripts.benchmark.trial import ladder, texts_to_embed
from scripts.core.job import Job, run
from scripts.models.encoder import embed_in_job


def main(job: Job) -> None:
    settings = job.settings(RewriteSettings)
    suite = suite_of(job.input)
    planted = load_planted_behaviours(job.local(BehavioursPlace)["behaviours"])
    behaviours = plantable_in(planted, suite.topics)
    wanted = texts_to_embed(suite, behaviours, ladder(behaviours, settings["benchmark"]))
    vectors = embed_in_job(list(wanted.values()), job, settings)
    write_rewritten(job.output.vectors, list(wanted), vectors)


if __name__ == "__main__":
    run(main)
