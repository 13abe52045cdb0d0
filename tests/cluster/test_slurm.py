"""An audit on a real Slurm: one node, two GPUs that are none, everything else as on a cluster.

Its first two rounds find their texts in the cache of the audit that the other tests share, which
saves a minute; the third decodes.
"""

import json
import re
import shlex
import shutil
from collections import Counter
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from conftest import copy_workflow, read_lines, snakemake, tiny_config, write_bank, write_config
from one_node import cluster, said  # noqa: F401  (a fixture)
from test_readme import commands

ROUNDS, SHARDS = 3, 2
DOOMED = {"side": "base", "step": "round-2", "shard": "1"}
# In front of every Python of a run: kills the process that decodes one shard, the first time, when
# it is about to put its first generations into the cache.
FAULT = f"""
import os, sys

line = " ".join(sys.orig_argv)
if all(f"{{name}}={{value}}" in line for name, value in {DOOMED}.items()):
    os.environ["DOOMED"] = "yes"  # for the scripts that this process starts

def strike(event, arguments):
    if event == "os.rename" and "generations" in str(arguments[1]):
        os.close(os.open(os.environ["STRUCK"], os.O_CREAT))
        os.kill(os.getpid(), 9)

if "DOOMED" in os.environ and line.endswith("decode.py") and not os.path.exists(os.environ["STRUCK"]):
    sys.addaudithook(strike)
"""  # noqa: E501
# After each look that saw no job end, the executor waits ten seconds longer for the next, to spare
# a controller that has others to serve.
EAGER = """
import asyncio, sys
from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

RemoteExecutor.sleep = lambda self: asyncio.sleep(0.5)
main(sys.argv[1:])
"""
QUICK = ("--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "10")


def adapt_profile(folder: Path) -> None:
    """Edit the facts of the site, as a user does: this one has few cores and GPUs of its own."""
    profile = folder / "profiles/slurm/profile.yaml"
    text = re.sub(r"cpus_per_task: \d+", "cpus_per_task: 1", profile.read_text())
    profile.write_text(text.replace("_partition: gpu", "_partition: gpu, gpu_model: fake"))


def submit(folder: Path, *arguments: str, **more) -> str:
    arguments = ("--profile", "slurm", *QUICK, *arguments)
    return snakemake(folder, *arguments, program=("-c", EAGER), **more).stdout


def rule_of(job: dict[str, str]) -> str:
    return job["Comment"].removeprefix("rule_").partition("_wildcards")[0]


def is_doomed(job: dict[str, str]) -> bool:
    return job["Comment"].endswith(f"_{DOOMED['step']}_{DOOMED['shard']}_{SHARDS}") and (
        f"_{DOOMED['side']}_" in job["Comment"]
    )


@pytest.fixture(scope="module")
def audited(cluster, finished, tiny, tmp_path_factory):  # noqa: F811
    """An audit of 3 rounds of 2 shards that has run on the cluster, one shard killed once."""
    folder = copy_workflow(tmp_path_factory.mktemp("audited") / "work")
    write_bank(folder / "bank")
    config = tiny_config(tiny, measure={"rounds": ROUNDS, "promising": 1.0})
    write_config(folder, config | {"execution": config["execution"] | {"shards": SHARDS}})
    shutil.copytree(finished / "cache", folder / "cache")
    adapt_profile(folder)
    faults = folder / "faults"
    faults.mkdir()
    (faults / "sitecustomize.py").write_text(FAULT)
    environment = {"PYTHONPATH": str(faults), "STRUCK": str(faults / "struck")}
    out = submit(folder, env=environment)
    assert (faults / "struck").exists(), "the shard was not killed"
    return SimpleNamespace(folder=folder, out=out, jobs=cluster.jobs())


def test_every_shard_of_every_round_was_a_job_and_the_audit_is_whole(audited):
    rounds = read_lines(audited.folder / "results/audits/small/rounds.jsonl")
    assert [bool(row["stop"]) for row in rounds] == [False] * (ROUNDS - 1) + [True]
    ended = [job for job in audited.jobs if job["JobState"] == "COMPLETED"]
    steps = Counter(job["Comment"].split("_")[-3] for job in ended if rule_of(job) == "decode")
    pools = ("screen", "confirm")
    assert steps == {s: 2 * SHARDS for s in (*(f"round-{r}" for r in range(ROUNDS)), *pools)}
    # ... and what is small or needs the network was none.
    assert not {"model", "bank", "plan", "measure"} & set(map(rule_of, audited.jobs))
    assert "Nothing to be done" in snakemake(audited.folder, "--cores", "all", "-n").stdout


def test_jobs_that_load_a_model_get_a_gpu_each_and_say_which(audited):
    wanted = {rule_of(job): (job["Partition"], job.get("TresPerJob")) for job in audited.jobs}
    gpu = ("gpu", "gres:gpu:fake:1")
    assert all(wanted[rule] == gpu for rule in ("decode", "embed", "regions"))
    assert all(wanted[rule] == ("cpu", None) for rule in ("propose", "screen", "confirm", "report"))
    logs = [path.read_text() for path in audited.folder.glob("logs/decode/**/*.log")]
    loaded = [log for log in logs if "loading" in log]
    seen = Counter(re.search(r"CUDA_VISIBLE_DEVICES=(\d+)", log).group(1) for log in loaded)
    assert set(seen) == {"0", "1"}, seen
    assert all(log.count("WARNING") == 1 and "processor does the work" in log for log in loaded)


def test_a_killed_shard_gets_more_memory_and_its_siblings_are_left_alone(audited):
    first, second = (job for job in audited.jobs if rule_of(job) == "decode" and is_doomed(job))
    assert (first["JobState"], second["JobState"]) == ("FAILED", "COMPLETED")
    assert int(second["MinMemoryNode"][:-1]) == 2 * int(first["MinMemoryNode"][:-1])
    assert second["TimeLimit"] == "04:00:00" and first["TimeLimit"] == "02:00:00"
    names = Counter(job["Comment"] for job in audited.jobs)
    assert names.pop(first["Comment"]) == 2
    assert set(names.values()) == {1}


def test_an_edited_judge_reruns_judging_only_and_reverting_nothing(cluster, audited):  # noqa: F811
    def edit(q: float) -> set[str]:
        path = audited.folder / "config/config.yaml"
        config = yaml.safe_load(path.read_text())
        config["audits"]["small"]["confirm"]["q"] = q
        write_config(audited.folder, config)
        out = submit(audited.folder, "-n")
        return set(re.findall(r"^(?:local)?(?:rule|checkpoint) (\w+):", out, re.M)) - {"all"}

    published = audited.folder / "results/audits/small/audit.json"
    before = json.loads(published.read_text())
    assert edit(0.2) == {"confirm", "report", "publish_small"}
    submit(audited.folder)
    added = cluster.jobs()[len(audited.jobs) :]
    assert list(map(rule_of, added)) == ["confirm", "report"]
    assert json.loads(published.read_text())["key"] != before["key"]
    assert edit(0.05) == {"publish_small"}


def test_what_the_docs_tell_slurm_is_understood(cluster):  # noqa: F811
    programs = ("sinfo", "sbatch", "scancel")
    told = [c for c in map(shlex.split, commands()) if c[0] in programs]
    assert {command[0] for command in told} == set(programs)
    for command in told:
        test = ["--test-only"] if command[0] == "sbatch" else []
        code, words = said(command[0], *test, *command[1:])
        assert code == 0, words


@pytest.mark.soak
def test_several_shards_in_one_job_run_one_after_the_other_on_its_gpu(cluster, audited, tmp_path):  # noqa: F811
    folder = Path(shutil.copytree(audited.folder, tmp_path / "work", symlinks=True))
    profile = folder / "profiles/slurm/profile.yaml"
    text = re.sub(r"^# (groups|group-components|resources|set-resource-scopes):", r"\1:",
                  profile.read_text(), flags=re.M)  # fmt: skip
    profile.write_text(text)
    config = yaml.safe_load((folder / "config/config.yaml").read_text())
    write_config(folder, config | {"execution": config["execution"] | {"shards": 4}})
    (first,) = folder.glob("results/decode/*/base/*/round-2/shard-0-of-2.jsonl")
    shards = [first.relative_to(folder).with_name(f"shard-{n}-of-4.jsonl") for n in range(4)]
    shutil.rmtree(folder / "cache/generations")
    snakemake(folder, *map(str, shards), "--cores", "all")
    before = {path: (folder / path).read_text() for path in shards}
    for path in shards:
        (folder / path).unlink()
    shutil.rmtree(folder / "cache/generations")
    known = len(cluster.jobs())
    submit(folder, *map(str, shards))
    (job,) = cluster.jobs()[known:]
    assert job["TresPerJob"] == "gres:gpu:fake:1" and job["MinMemoryNode"] == "8000M"
    assert job["TimeLimit"] == "08:00:00"
    assert {path: (folder / path).read_text() for path in shards} == before
    logs = sorted(
        (folder / str(path).replace("results/", "logs/").replace(".jsonl", ".log")).read_text()
        for path in shards
    )
    spans = [(log.split(" INFO")[0], log.splitlines()[-1].split(" INFO")[0]) for log in logs]
    assert all(end <= start for (_, end), (start, _) in pairwise(spans)), spans
