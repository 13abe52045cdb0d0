"""Look up on the hub which commits the configuration's revisions stand for, and write them down."""

from pathlib import Path

import yaml

from scripts.core.files import replacing
from scripts.core.job import Job, run
from scripts.models.hub import commit_of
from scripts.workflow.revisions import Wanted, read_lock


def lock(wanted: Wanted, path: Path) -> str:
    """Add the commits of the revisions that are wanted to the lock file; what it holds stays as it
    is. Returns what was done. Raises AuditError when the hub does not know one."""
    commits = read_lock(path)
    for hub, names in wanted.items():
        commits[hub] = commits.get(hub, {}) | {name: commit_of(hub, name) for name in names}
    if not wanted:
        return f"nothing to do: `{path}` has a commit for every revision that has a name"
    with replacing(path) as temporary:
        temporary.write_text(yaml.safe_dump(commits, sort_keys=True), encoding="utf-8")
    said = [f"{hub}: {n} is {commits[hub][n]}" for hub, names in wanted.items() for n in names]
    return "\n".join([*said, f"written to `{path}`; keep it beside the configuration"])


def main(job: Job) -> None:
    print(lock(job.params.wanted, Path(job.params.lock)), flush=True)


if __name__ == "__main__":
    run(main)
