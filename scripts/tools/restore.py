"""Put an archive's outputs in their places, as if they had been computed here.

Every output's path carries its key, so Snakemake finds what it would have made and runs nothing; an
edited setting runs from there on. What is there already stays. Weights of models are in no archive;
what needs them again says how to fetch them (preflight.require_weights).
"""

import shutil
import tarfile
import tempfile
import zlib
from pathlib import Path, PurePosixPath

from scripts.core.checksums import record
from scripts.core.digests import file_digest
from scripts.core.errors import AuditError
from scripts.core.files import replacing
from scripts.core.job import Job, log, run
from scripts.core.version import ROOT
from scripts.page.publishing import publish, write_index
from scripts.tools.archive import CONFIG
from scripts.tools.archive_contents import RESTORED, WORKFLOW
from scripts.tools.verify import problems, sums

ABOUT = ("ro-crate-metadata.json", "verify.py")  # of the archive, and no file of a workspace


def unpack(archive: Path, place: Path) -> Path:
    """The one folder that an archive holds, unpacked and checked. Raises AuditError when it is no
    archive, or not as it was packed."""
    again = "get the file again"
    try:
        with tarfile.open(archive, "r:gz") as packed:
            packed.extractall(place, filter="data")
    except FileNotFoundError:
        raise AuditError(f"there is no file `{archive}`; correct `archive`") from None
    except (tarfile.TarError, zlib.error, OSError, EOFError) as error:
        raise AuditError(f"`{archive}` cannot be unpacked ({error}); {again}") from None
    folders = list(place.iterdir())
    if len(folders) != 1 or not (folders[0] / CONFIG).is_file():
        raise AuditError(f"`{archive}` is no archive of an audit; name one that `archive` made")
    if wrong := problems(folders[0]):
        more = f" (and {len(wrong) - 1} more)" if wrong[1:] else ""
        raise AuditError(f"`{archive}` is not as it was packed: {wrong[0]}{more}; {again}")
    return folders[0]


def restore(archive: Path, target: Path, root: Path = ROOT) -> str:
    """Restore into the working directory `target` and return a sentence: how to go on.

    Raises AuditError where `unpack` does, and when a file of the user's differs, before anything
    is written.
    """
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=target) as place:
        folder = unpack(archive, Path(place))
        known = sums(folder)
        outputs = [n for n in known if n.startswith(("results/", "logs/"))]
        code = [n for n in known if n.split("/")[0] in WORKFLOW]
        given = [n for n in known if n not in {*outputs, *code, CONFIG, *ABOUT}]
        for name in given:
            if _differs(target / name, known[name]):
                raise AuditError(
                    f"`{name}` differs from the archive's, and the audit was made with that one; "
                    "move yours away and restore again"
                )
        audits = [PurePosixPath(n).parts[2] for n in outputs if n.startswith("results/audits/")]
        for name in [*outputs, *given, *(n for n in code if n.startswith("config/"))]:
            if not name.startswith("results/audits/"):
                copied = _copy(folder / name, target / name)
                if copied and name.startswith("results/"):
                    record([target / name])
        for audit in sorted(set(audits)):
            files = list((folder / "results" / "audits" / audit).iterdir())
            (marker,) = (file for file in files if file.name.startswith(".published-"))
            place_of_audit = target / "results" / "audits" / audit
            publish([f for f in files if f != marker], place_of_audit / marker.name)
        write_index(target / "results")
        config = Path(RESTORED, f"{folder.name}.yaml")
        _copy(folder / CONFIG, target / config)
        log.info("%s: %d files", archive, len(outputs))
        call = f"snakemake {' '.join(sorted(set(audits)))} -n --cores 1 --configfile {config}"
        other = [n for n in code if _is_code(n) and _differs(root / n, known[n], absent=True)]
        if not other:
            return f"`{call}` says that nothing is to be done"
        return (
            f"restored, but this workflow is not the archive's ({len(other)} files differ, such as "
            f"`{other[0]}`): `{call}` says what runs again; check out the archive's commit, which "
            "its ro-crate-metadata.json names, and nothing does"
        )


def _is_code(name: str) -> bool:
    return name == "Snakefile" or name.startswith(("rules/", "scripts/"))


def _differs(file: Path, digest: str, absent: bool = False) -> bool:
    return file_digest(file) != digest if file.is_file() else absent


def _copy(source: Path, target: Path) -> bool:
    """Copy a file to where none is; whether there was none."""
    if target.exists():
        return False
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)
    return True


def main(job: Job) -> None:
    if job.params.archive is None:
        raise AuditError("name the file: snakemake restore --cores 1 --config archive=FILE")
    print(restore(Path(job.params.archive), Path.cwd()), flush=True)


if __name__ == "__main__":
    run(main)
