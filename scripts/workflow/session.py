"""One reading of the Snakefile: what is known before there are rules, and what its hooks do.

Reading writes nothing but variables that jobs inherit: a dry run leaves no trace.
"""

import os
import socket
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.core.errors import AuditError
from scripts.core.files import Json
from scripts.core.job import MAIN, was_killed
from scripts.core.version import ROOT
from scripts.models.host import HOSTS
from scripts.workflow.config import Config, load
from scripts.workflow.keys import DigestIndex
from scripts.workflow.paths import RESULTS, Wildcards
from scripts.workflow.preflight import (
    emulated,
    notices,
    require_credentials,
    require_intact_rounds,
    require_runnable,
    require_weights,
)
from scripts.workflow.publications import Publications
from scripts.workflow.recipes import Recipes
from scripts.workflow.revisions import LOCK, Revisions, pinned, read_lock

if TYPE_CHECKING:
    from snakemake.workflow import Workflow

CALL = "AUTO_INTERVENTIONS_CALL"
KILLED = (
    "the job that wrote `{}` was killed; if nobody did it, it took more memory than there was: "
    "lower `execution.batch_size` and `execution.embed_batch_size`, or give it more (`mem_mb` in "
    "the profile)"
)


@dataclass(frozen=True)
class Session:
    """The configuration and all that follows from it; `began` in seconds since the epoch."""

    config: Config
    recipes: Recipes
    digests: DigestIndex
    publications: Publications
    revisions: Revisions
    began: float
    call: str
    """One id a call of Snakemake, inherited by its jobs: their ledgers tell by it what it spent."""

    def require_revision(self, wildcards: Wildcards) -> list[str]:
        """Input function of models, which need no file: what has a name alone cannot be fetched.
        Raises WorkflowError."""
        from snakemake.exceptions import WorkflowError

        try:
            self.revisions.require(self.recipes.nodes["model"][wildcards["key"]])
        except AuditError as error:
            raise WorkflowError(str(error)) from None
        return []


def open_session(config: Mapping[str, Json], files: Sequence[str | Path]) -> Session:
    """Read a configuration, beside the first of whose files lies the lock of its revisions; of one
    without a file it lies in the working directory. Raises ConfigError and AuditError, one sentence
    each."""
    began = time.time()
    call = os.environ.setdefault(CALL, f"{began:.0f}-{uuid.uuid4().hex[:8]}")
    lock = Path(os.path.relpath(files[0])).with_name(LOCK) if files else Path(LOCK)
    checked, wanted = pinned(load(config), read_lock(lock))
    digests = DigestIndex(Path(checked.cache) / "digests.json")
    recipes = Recipes(checked, ROOT, digests)
    publications, revisions = Publications(recipes, RESULTS), Revisions(wanted, lock)
    return Session(checked, recipes, digests, publications, revisions, began, call)


def set_environment(workflow: "Workflow", keep_models: bool, gpus: int) -> None:
    """Set the variables that the jobs of this process inherit.

    Jobs of this machine find models loaded (scripts/models/host.py), others load them.
    """
    # Every progress bar, the libraries' own too, reads this when imported; bars tear the display.
    os.environ.setdefault("TQDM_DISABLE", "1")
    if workflow.is_main_process:
        os.environ[MAIN] = f"{socket.gethostname()}:{os.getpid()}"
        os.environ[HOSTS] = str(gpus if keep_models else 0)
    elif workflow.remote_exec:  # in a job of another node; the main process knows no executor yet
        os.environ[HOSTS] = "0"


def look_ahead(session: Session) -> Iterator[str]:
    """Raise AuditError for what would fail an audit later; sentences on what is worth saying."""
    require_runnable(session.recipes)
    require_intact_rounds(session.recipes)
    yield from session.publications.notices()
    yield from notices(session.recipes)


def before_jobs(session: Session, workflow: "Workflow") -> Iterator[str]:
    """Keep the digests that reading made, and look at what only this call's jobs need: what only
    looks needs no credentials. Sentences worth saying; raises AuditError."""
    session.digests.save()
    if workflow.local_exec:  # other nodes have other processors
        yield from emulated(session.recipes)
    for job in workflow.dag.needrun_jobs():
        if any(path.startswith("results/report/") for path in job.output):
            require_credentials(session.recipes.nodes["report"][job.wildcards.key])
        for path in job.input:
            if path.startswith("results/model/") and path.endswith("model.json"):
                require_weights(path)


def require_targets(workflow: "Workflow") -> None:
    """Raise AuditError where a call ends well although something it was asked for is not there.

    Once it has a job to run, Snakemake judges nothing behind that job before it has run; and what
    the job makes anew does not call up jobs that take it as `ancient`. Outputs that are missing
    further behind are then never judged in that call.
    """
    asked = {path for job in workflow.dag.targetjobs for path in (*job.output, *job.input)}
    if missing := sorted(path for path in asked if not os.path.exists(path)):
        raise AuditError(
            f"`{missing[0]}` is not made yet: what lies behind it was made anew first; "
            "the same call again goes on"
        )


def killed_jobs(session: Session, workflow: "Workflow") -> Iterator[str]:
    """A sentence for each job that was killed, since it cannot say what it died of."""
    logs = {path for job in workflow.dag.needrun_jobs() for path in job.log}
    yield from (KILLED.format(path) for path in sorted(logs) if was_killed(path, session.began))
