"""Run one job of an audit by hand, in this process: for a debugger, or to see what it writes.

    python -m scripts.tools.stage confirm --audit demo --pdb

Snakemake reads the workflow and says what the job is given; only what it writes lies elsewhere,
below `--out`. Models are loaded in this process; the record cache is read and filled as ever.
"""

import argparse
import os
import pdb
import runpy
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from snakemake.api import DAGSettings, OutputSettings, ResourceSettings, SnakemakeApi
from snakemake.exceptions import RuleException, WorkflowError
from snakemake.iocontainers import Log, OutputFiles, Snakemake
from snakemake.jobs import Job
from snakemake.settings.types import ConfigSettings, Quietness
from snakemake.workflow import Workflow

from scripts.core.errors import AuditError
from scripts.models.host import HOSTS

SNAKEFILE = Path(__file__).resolve().parents[2] / "Snakefile"
PARTS = ("key", "side", "step", "shard")  # the wildcards that tell the jobs of a stage apart


def jobs_of(workflow: Workflow) -> list[Job]:
    """All jobs behind the targets that run a script, those that are done already, too."""
    workflow._prepare_dag(forceall=False, ignore_incomplete=True, lock_warn_only=True)
    workflow._build_dag()
    return [job for job in workflow.dag.jobs if job.rule.script and job.output]


def the_one(jobs: Sequence[Job], stage: str, wanted: dict[str, str]) -> Job:
    """The job whose wildcards are as wanted; of a key its first digits do.

    Raises AuditError that lists the possibilities.
    """
    left = [job for job in jobs if job.rule.name == stage]
    if not left:
        known = _listed((job.rule.name for job in jobs), ", ")
        raise AuditError(f"there is no job of `{stage}`, or not yet; there are: {known}")
    for part, value in wanted.items():
        there = _listed((_part(job, part) for job in left), ", ")
        left = [
            job
            for job in left
            if _part(job, part) == value or (part == "key" and _part(job, part).startswith(value))
        ]
        if not left:
            raise AuditError(f"`{stage}` has no `--{part} {value}`, but: {there or 'none at all'}")
    if len(left) > 1:
        values = {part: {_part(job, part) for job in left} for part in PARTS}
        choices = [f"`--{p} {_listed(v, '|')}`" for p, v in values.items() if len(v) > 1]
        raise AuditError(f"`{stage}` has {len(left)} such jobs; say which: {' '.join(choices)}")
    return left[0]


def _part(job: Job, part: str) -> str:
    return str(job.wildcards.get(part, ""))


def _listed(values: Iterable[str], between: str) -> str:
    return between.join(sorted({value for value in values if value}))


def stand_in(job: Job, out: Path) -> Snakemake:
    """What Snakemake gives the job's script, with its outputs and its log below `out`.

    Raises AuditError where an input is not there.
    """
    for path in job.input:
        if not os.path.exists(path):
            raise AuditError(f"`{path}` is not there; make it: `snakemake {path} --cores all`")

    def below(path: str) -> str:
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        return str(out / path)

    return Snakemake(
        job.input,
        OutputFiles(job.output, custom_map=below),
        job.params,
        job.wildcards,
        job.threads,
        job.resources,
        Log(job.log, custom_map=below),
        job.rule.workflow.config,
        job.rule.name,
        None,
    )


def run(script: str, given: Snakemake, debug: bool) -> None:
    """Run a stage's script as Snakemake does, but in this process."""
    os.environ[HOSTS] = "0"  # no other process computes: a breakpoint would not be met there

    def script_of_stage() -> None:
        runpy.run_path(script, {"snakemake": given}, run_name="__main__")

    pdb.runcall(script_of_stage) if debug else script_of_stage()


def main() -> None:
    asked = _arguments()
    parts = {part: value for part in PARTS if (value := getattr(asked, part)) is not None}
    settings = dict(pair.split("=", 1) for pair in asked.config)
    with SnakemakeApi(OutputSettings(dryrun=True, quiet={Quietness.ALL})) as api:
        try:
            read = api.workflow(
                ResourceSettings(cores=os.cpu_count()),
                ConfigSettings(config=settings, configfiles=asked.configfile),
                snakefile=SNAKEFILE,
            )
            targets = {asked.audit} if asked.audit else frozenset()
            workflow = read.dag(DAGSettings(targets=targets)).workflow_api._workflow
            job = the_one(jobs_of(workflow), asked.stage, parts)
            given = stand_in(job, asked.out)
        except AuditError as error:
            sys.exit(f"error: {error}")
        except (RuleException, WorkflowError) as error:
            api.print_exception(error)
            sys.exit(1)
        script = str(job.rule.basedir.join(job.rule.script).get_path_or_uri(secret_free=False))
    print(f"{job.rule.name}: what it writes lies below {asked.out}/", flush=True)
    run(script, given, asked.pdb)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.tools.stage", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("stage", help="name of the stage, which is that of its rule")
    parser.add_argument("--audit", help="audit that the job belongs to (all, if not given)")
    parser.add_argument("--key", help="first digits of the job's key, of a stage with several")
    parser.add_argument("--side", help="base or intervention")
    parser.add_argument("--step", help="round-0, round-1, …, screen or confirm")
    parser.add_argument("--shard", help="number of the shard, of decode")
    parser.add_argument("--out", type=Path, default=Path("debug"), help="default: debug")
    parser.add_argument("--pdb", action="store_true", help="stop in the debugger at once")
    parser.add_argument("--configfile", type=Path, nargs="+", default=[], help="as of snakemake")
    parser.add_argument("--config", nargs="+", default=[], metavar="KEY=VALUE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
