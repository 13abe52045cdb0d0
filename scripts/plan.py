"""Write the plan of a round, of the screen or confirm pool, or of written prompts."""

from collections.abc import Mapping, Sequence

from scripts.core.job import Job, log, run
from scripts.core.rows import read_document, read_rows, write_rows
from scripts.draws.acquisition import Divergences
from scripts.draws.draw import PlannedDraw
from scripts.draws.planning import (
    plan_everything,
    plan_pool,
    plan_round,
    with_everywhere,
)
from scripts.draws.settings import EverythingSettings, PoolSettings, RoundSettings
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.needs import samples_by_region
from scripts.hypotheses.probe import Probe, plan_probes
from scripts.prompts.pools import DealtPrompt
from scripts.prompts.region import RegionDivergence, Regions


def main(job: Job) -> None:
    pool = job.params.settings["pool"]
    regions = read_document(job.input.regions, Regions).regions
    prompts = read_rows(job.input.prompts, DealtPrompt)
    if pool == "exhaustive":
        rows = plan_everything(prompts, job.settings(EverythingSettings)["samples"])
    elif pool == "probe":
        samples_each = job.settings(EverythingSettings)["samples"]
        rows = plan_probes(read_rows(job.input.probes, Probe), samples_each)
    elif pool == "explore":
        earlier = [d for path in job.input.earlier for d in read_rows(path, PlannedDraw)]
        measured: Divergences = {}
        if job.input.divergence:
            of_regions = read_rows(job.input.divergence, RegionDivergence)
            measured = {of_region.region: of_region for of_region in of_regions}
        number = int(job.wildcards.step.removeprefix("round-"))
        rows = plan_round(regions, prompts, earlier, measured, job.settings(RoundSettings), number)
    else:
        settings = job.settings(PoolSettings)
        found = read_rows(job.input.hypotheses, Hypothesis)
        hypotheses = [h for h in found if not h.beyond]
        samples: Mapping[str, Sequence[int]] = samples_by_region(hypotheses, settings)
        if hypotheses and pool == "confirm":
            samples = with_everywhere(samples, [r.id for r in regions], settings)
        rows = plan_pool(prompts, samples, settings)
    log.info("%d draws of each subject", len(rows))
    write_rows(job.output.plan, rows)


if __name__ == "__main__":
    run(main)
