"""The profiles: what is a site's is in one file, misspelt nowhere, and in no rule.

Whether a real Slurm takes it is for tests/cluster/test_slurm.py.
"""

import re
import subprocess
import sys

import yaml
from conftest import ROOT, snakemake, write_config
from snakemake.cli import get_argument_parser

from scripts.core.files import write_jsonl

SLURM = ROOT / "profiles/slurm/profile.yaml"
GROUPING = ("groups", "group-components", "resources", "set-resource-scopes")

# A dry run does not tell them apart.
LOCAL_RULES = """
from pathlib import Path
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ResourceSettings

with SnakemakeApi() as api:
    workflow = api.workflow(ResourceSettings(cores=1), snakefile=Path("Snakefile"))
    workflow.dag()
    print(*workflow._workflow._localrules)
"""


def profile(path=SLURM) -> dict:
    return yaml.safe_load(path.read_text())


def grouped() -> str:
    """The profile with its commented lines on grouping in force."""
    return re.sub(rf"^# ({'|'.join(GROUPING)}):", r"\1:", SLURM.read_text(), flags=re.M)


def planned(out: str, rule: str) -> list[str]:
    parts = re.split(r"\n(?:local)?(?:rule|checkpoint) ", out)[1:]
    return [part for part in parts if part.startswith(f"{rule}:")]


def with_shards(workspace, shards: int) -> None:
    config = yaml.safe_load((workspace / "config/config.yaml").read_text())
    write_config(workspace, config | {"execution": {"shards": shards}})


def test_the_name_at_the_root_is_a_link():
    """`--profile slurm` looks in the working directory, not in profiles/."""
    assert (ROOT / "slurm").is_symlink() and (ROOT / "slurm").resolve() == SLURM.parent


def test_every_option_exists():
    """Snakemake drops a misspelt key with a mapping below it without a word."""
    options = get_argument_parser()._option_string_actions
    for found in (
        profile(),
        yaml.safe_load(grouped()),
        profile(ROOT / "profiles/default/profile.yaml"),
    ):
        assert not [key for key in found if f"--{key}" not in options and key != "executor"]


def test_resources_are_set_for_rules_that_there_are():
    rules = re.findall(
        r"^(?:rule|checkpoint) (\w+):",
        "\n".join(path.read_text() for path in (ROOT / "rules").glob("*.smk")), re.M,
    )  # fmt: skip
    assert set(profile()["set-resources"]) <= set(rules)


def test_only_the_cluster_profile_knows_of_executors_and_retries():
    """profiles/default wins over `--profile`, and a rule's own retries stay in one allocation."""
    default = profile(ROOT / "profiles/default/profile.yaml")
    assert set(default) == {
        "ignore-incomplete", "rerun-incomplete", "rerun-triggers", "show-failed-logs",
    }  # fmt: skip
    for path in (ROOT / "rules").glob("*.smk"):
        assert not re.search(r"^\s+retries:|slurm_|partition", path.read_text(), re.M), path.name


def test_every_job_with_a_gpu_is_sent_where_gpus_are(workspace):
    with_shards(workspace, 3)
    out = snakemake(workspace, "--profile", "slurm", "-n").stdout
    jobs = planned(out, "decode")
    assert len(jobs) == 3 * 2 * 3  # shards, sides, and round 0, screen, confirm
    for job in [
        *jobs,
        *(j for rule in ("embed", "regions", "contrast") for j in planned(out, rule)),
    ]:
        assert "gpu=1" in job and "slurm_partition=gpu" in job
    for rule in ("propose", "screen", "confirm", "report"):
        assert all("gpu=1" not in j and "slurm_partition=cpu" in j for j in planned(out, rule))


QUICK = {"model", "responses", "bank", "plan", "measure", "publish_small", "all"}


def local(workspace) -> set[str]:
    """Rules whose jobs are not sent anywhere, but for those of tools."""
    listing = subprocess.run(
        [sys.executable, "-c", LOCAL_RULES], cwd=workspace, text=True, capture_output=True
    )
    tools = {"archive", "estimate", "export", "lock", "prune", "restore", "why"}
    return set(listing.stdout.split()) - tools


def test_what_is_tiny_or_needs_the_network_stays_where_snakemake_was_called(workspace):
    assert local(workspace) == QUICK
    config = yaml.safe_load((workspace / "config/config.yaml").read_text())
    config["audits"]["small"]["assistant"] = {
        "provider": "openai",
        "base_url": "http://localhost:1/v1",
        "models": {"cheap": "some-model", "strong": "some-model"},
    }
    write_config(workspace, config)
    assert local(workspace) == QUICK | {"propose", "screen", "confirm"}


def test_looking_up_ready_responses_asks_for_no_device(workspace):
    rows = [{"prompt": f"What is {n}?", "response": f"It is {n}."} for n in range(60)]
    write_jsonl(workspace / "ready.jsonl", rows)
    (workspace / "prompts.txt").write_text("".join(f"{row['prompt']}\n" for row in rows))
    config = yaml.safe_load((workspace / "config/config.yaml").read_text())
    config["banks"]["small"] = {"sources": [{"path": "prompts.txt"}]}
    config["audits"]["small"]["intervention"] = {"responses": "ready.jsonl"}
    write_config(workspace, config)
    jobs = planned(snakemake(workspace, "--cores", "2", "-n").stdout, "decode")
    assert {"gpu=0" in job for job in jobs if "side=intervention" in job} == {True}
    assert {"gpu=1" in job for job in jobs if "side=base" in job} == {True}
    assert local(workspace) == QUICK
    config["audits"]["small"]["base"] = {"responses": "ready.jsonl"}
    write_config(workspace, config)
    assert local(workspace) == QUICK | {"decode", "contrast"}


def test_the_lines_on_grouping_hold(workspace):
    with_shards(workspace, 4)
    (workspace / "profiles/slurm/profile.yaml").write_text(grouped())
    out = snakemake(workspace, "--profile", "slurm", "-n").stdout
    assert re.search(rf"^decode +{4 * 2 * 3}$", out, re.M)  # a dry run names no job of a group


def test_devices_share_the_cores_of_a_machine(workspace):
    """`--resources gpu=N` lets N jobs with a GPU run at once; without it one takes every core."""
    for given, cores in (((), 4), (("--resources", "gpu=2"), 2)):
        out = snakemake(workspace, "--cores", "4", *given, "-n").stdout
        for rule in ("decode", "embed", "regions", "contrast"):
            jobs = planned(out, rule)
            assert jobs and all(f"threads: {cores}\n" in j and "gpu=1" in j for j in jobs)
