"""Damage: a byte of any file, a full or read-only disk, memory, the clock. Named, never silent."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, read_lines, snakemake
from kills import DYING
from test_workflow import edited, planned_rules

from scripts.core.checksums import summed

FINDINGS = "results/audits/small/findings.jsonl"
REPAIR = "python -m scripts.tools.repair"
DAMAGES = ("flip", "cut", "empty")


def spoil(path: Path, how: str, chance: random.Random) -> None:
    """Flip one bit, or cut a file short, or empty it; one that is empty gets a byte."""
    content = bytearray(path.read_bytes())
    if not content:
        path.write_bytes(b"x")
        return
    place = chance.randrange(len(content))
    if how == "flip":
        content[place] ^= 1 << chance.randrange(8)
    path.write_bytes(content if how == "flip" else content[: place if how == "cut" else 0])


def outputs(folder: Path) -> list[Path]:
    """Files that jobs have made, with content."""
    files = (path for path in (folder / "results").rglob("*") if path.is_file())
    return sorted(p for p in files if p.stat().st_size and not p.name.startswith("."))


def unjudged(folder: Path) -> str:
    """Take back all from judging on; what was found."""
    found = (folder / FINDINGS).read_text()
    for stage in ("confirm", "report", "audits"):
        shutil.rmtree(folder / "results" / stage)
    (folder / "results/index.html").unlink()
    return found


def until_it_ends(folder: Path, calls: int, *arguments: str) -> list[str]:
    """The same call, until it ends well, and what a call names to be run first; what the calls
    before said."""
    said = []
    for _ in range(calls):
        done = snakemake(folder, "--cores", "all", *arguments, check=False)
        if done.returncode == 0:
            return said
        assert "Traceback" not in done.stdout, done.stdout[-4000:]
        said.append(done.stdout)
        if REPAIR in done.stdout:
            run = [sys.executable, *REPAIR.split()[1:]]
            subprocess.run(run, cwd=folder, check=True, env=os.environ | {"PYTHONPATH": ""})
    pytest.fail(f"{calls} calls did not end it: {said[-1][-4000:]}")


def test_every_file_under_results_has_sums_that_see_every_damage(finished_copy, monkeypatch):
    """In turn: each file flipped, cut and emptied. The index is compared with what it lists."""
    from scripts.core.checksums import damage

    monkeypatch.chdir(finished_copy)
    chance, seen = random.Random(5), set()
    summed_files = [
        output
        for place in sorted({path.parent for path in Path("results").rglob(".*.sha256")})
        for output in summed(place)
    ]
    for path in outputs(Path()):
        if path == Path("results/index.html"):
            continue
        owners = [o for o in summed_files if o == path or o in path.parents]
        assert len(owners) == 1, f"{path} has no sums"
        assert damage(owners[0]) is None
        whole = path.read_bytes()
        for how in DAMAGES:
            spoil(path, how, chance)
            assert damage(owners[0]) == path, (path, how)
        path.write_bytes(whole)
        seen.add((path.parts[1], path.suffix))
    assert len({stage for stage, _ in seen}) >= 12 and {s for _, s in seen} >= {".h5", ".jsonl"}


def test_with_every_output_damaged_at_once_the_findings_are_the_same(finished_copy, tmp_path):
    """Another threshold judges again, from inputs that are all damaged: each is named and made
    anew, from the cache."""
    calm = Path(shutil.copytree(finished_copy, tmp_path / "calm", symlinks=True))
    for folder in (calm, finished_copy):
        edited(folder, confirm={"q": 0.2})
    snakemake(calm, "--cores", "all")
    chance = random.Random(7)
    damaged = [p for p in outputs(finished_copy) if "audits" not in p.parts]
    for path in damaged:
        spoil(path, chance.choice(DAMAGES), chance)
    segments = set(finished_copy.glob("cache/generations/*"))
    said = until_it_ends(finished_copy, 20)
    assert said and all("is not as it was written" in text for text in said)
    assert (finished_copy / FINDINGS).read_text() == (calm / FINDINGS).read_text()
    assert set(finished_copy.glob("cache/generations/*")) == segments, "decoded twice"
    print(f"{len(damaged)} damaged outputs took {len(said) + 1} calls")


def test_damage_of_what_is_published_is_named_and_mended_by_any_call(finished_copy):
    place, chance = finished_copy / "results/audits/small", random.Random(11)
    whole = {path: path.read_bytes() for path in place.iterdir() if not path.name.startswith(".")}
    index = finished_copy / "results/index.html"
    for damaged in (whole, {index: index.read_bytes()}):
        for path in damaged:
            spoil(path, chance.choice(DAMAGES), chance)
        said = snakemake(finished_copy, "--cores", "1").stdout
        for path, content in damaged.items():
            assert f"`{path.relative_to(finished_copy)}` " in said, path
            assert path.read_bytes() == content
    assert "Nothing to be done" in snakemake(finished_copy, "--cores", "1").stdout


def test_damage_that_no_job_would_read_is_named_by_archive(finished_copy):
    (judgements,) = finished_copy.glob("results/confirm/*/judgements.jsonl")
    spoil(judgements, "flip", random.Random(13))
    assert "Nothing to be done" in snakemake(finished_copy, "--cores", "1").stdout
    said = snakemake(finished_copy, "archive", "--cores", "1", check=False)
    name = judgements.relative_to(finished_copy)
    assert said.returncode and f"`{name}` is not as it was written" in said.stdout
    assert not (finished_copy / "results/archives").exists()


def test_damage_in_every_file_of_the_cache_is_named_and_changes_nothing(finished_copy):
    found, chance = unjudged(finished_copy), random.Random(17)
    for stage in ("regions", "decode", "embed"):
        shutil.rmtree(finished_copy / "results" / stage)
    files = [path for path in (finished_copy / "cache").rglob("*") if path.is_file()]
    whole = {path: path.read_bytes() for path in files}
    for path in files:
        spoil(path, chance.choice(DAMAGES), chance)
    said = until_it_ends(finished_copy, 4)
    assert all("the same call again goes on" in text for text in said)
    assert (finished_copy / FINDINGS).read_text() == found
    logs = "".join(path.read_text() for path in (finished_copy / "logs").rglob("*.log"))
    for path in files:
        if path.suffix == ".seg":  # named, or written anew before anybody read it
            named = f"{path.relative_to(finished_copy)} is corrupt" in logs
            assert named or path.read_bytes() == whole[path]


# What the machine does


@pytest.fixture
def small_disk(finished_copy):
    """The finished workspace, not yet judged, with its results on a disk of their own; the folder,
    what was found, and a function that mounts the disk anew with other options."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a disk")
    results, kept = finished_copy / "results", finished_copy / "kept"
    found = unjudged(finished_copy)
    results.rename(kept)
    results.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", results])
    if done.returncode:
        pytest.skip("this machine does not let a disk be mounted")
    try:
        shutil.copytree(kept, results, dirs_exist_ok=True)

        def remount(options: str) -> None:
            subprocess.run(["mount", "-o", f"remount,{options}", results], check=True)

        yield finished_copy, found, remount
    finally:
        subprocess.run(["umount", "--lazy", results], check=True)


def test_a_full_disk_is_named_and_the_same_call_goes_on(small_disk):
    folder, found, _ = small_disk
    filler = folder / "results" / "filler"
    with pytest.raises(OSError), open(filler, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    said = snakemake(folder, "--cores", "all", check=False)
    assert said.returncode and "the disk or the quota is full" in said.stdout, said.stdout
    assert "Traceback" not in said.stdout
    filler.unlink()
    assert until_it_ends(folder, 1) == []
    assert (folder / FINDINGS).read_text() == found


def test_a_read_only_results_folder_is_named_and_the_same_call_goes_on(small_disk):
    folder, found, remount = small_disk
    remount("ro")
    said = snakemake(folder, "--cores", "all", check=False)
    assert said.returncode and "Read-only file system" in said.stdout, said.stdout
    assert "Traceback" not in said.stdout
    remount("rw")
    assert until_it_ends(folder, 1) == []
    assert (folder / FINDINGS).read_text() == found


OVER = """
import resource, types
from scripts.core.job import running
limit = 3 << 30
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
params = {"call": "x"}
given = types.SimpleNamespace(
    log=["log"], wildcards={}, params=params, input=[], output=[], rule="x", threads=1
)
with running(given):
    %s
"""


@pytest.mark.parametrize(
    "work",
    [
        "import numpy; numpy.ones(1 << 30)",
        "bytearray(1 << 33)",
        "raise RuntimeError('DefaultCPUAllocator: can\\'t allocate memory: you tried')",
        "raise OSError(12, 'Cannot allocate memory')",
    ],
)
def test_a_job_over_its_memory_limit_names_the_remedy(tmp_path, work):
    done = subprocess.run(
        [sys.executable, "-c", OVER % work], cwd=tmp_path, text=True, capture_output=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 1
    assert "error: out of memory; lower `execution.batch_size`" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_job_that_the_system_kills_is_said_to_lack_memory(finished_copy):
    """As the kernel does to a job over its group's limit: it cannot say anything itself."""
    found = unjudged(finished_copy)
    alone = {"DIE_AT": f"{finished_copy}/syncs:1", "DIE_ALONE": "1", "PYTHONPATH": str(DYING)}
    said = snakemake(finished_copy, "--cores", "all", check=False, env=alone)
    assert said.returncode and "killed" in said.stdout and "`mem_mb`" in said.stdout, said.stdout
    assert until_it_ends(finished_copy, 1) == []
    assert (finished_copy / FINDINGS).read_text() == found


def test_a_clock_that_jumps_changes_nothing(finished_copy):
    chance, year = random.Random(19), 365 * 86_400
    now = (finished_copy / FINDINGS).stat().st_mtime

    def jump():
        for path in finished_copy.rglob("*"):
            if not path.is_symlink():
                time = now + chance.uniform(-10, 10) * year
                os.utime(path, (time, time))

    jump()
    assert "Nothing to be done" in snakemake(finished_copy, "--cores", "all", "-n").stdout
    found = unjudged(finished_copy)
    jump()
    assert planned_rules(finished_copy) == {"confirm", "report", "publish_small"}
    snakemake(finished_copy, "--cores", "all")
    assert (finished_copy / FINDINGS).read_text() == found
    assert read_lines(finished_copy / FINDINGS)
