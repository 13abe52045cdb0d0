"""The seams with Snakemake: reading writes nothing, from any folder and as a module."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from conftest import ROOT, snakemake, tiny_config, write_bank

from scripts.core.errors import AuditError
from scripts.core.job import Job, run, running
from scripts.core.ledger import Ledger
from scripts.core.rows import write_document
from scripts.divergence.round import Ending, Round
from scripts.tools.repair import repair
from scripts.workflow.config import load
from scripts.workflow.inputs import Inputs
from scripts.workflow.keys import DigestIndex
from scripts.workflow.parameters import require_settings
from scripts.workflow.paths import here_or_shipped
from scripts.workflow.publications import Publications
from scripts.workflow.recipes import Node, Recipes
from scripts.workflow.rounds import Rounds, measured

READING = {
    "a dry run": ("-n", "--cores", "1"),
    "lint": ("--lint",),
    "a report": ("--report", "../report.html"),
    "a dry run of another target": ("-n", "--cores", "1", "archive"),
}
FINDINGS = "results/audits/small/findings.jsonl"


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below a folder but Snakemake's own records: its content and its time."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in files
        if not {".snakemake", "__pycache__"} & set(path.relative_to(folder).parts)
    }


def spoil(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b" ")


def elsewhere(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run this repository's own workflow in another folder, as a user does."""
    return snakemake(folder, *arguments, "--cores", "1", "--workflow-profile", "none")


# Reading


@pytest.mark.parametrize("how", READING)
def test_reading_the_snakefile_leaves_every_byte_as_it_was(finished_copy, how):
    """A finished audit with a damaged published file and a stale index; digests forgotten."""
    spoil(finished_copy / FINDINGS)
    (finished_copy / "cache/digests.json").unlink()
    before = tree(finished_copy)
    said = snakemake(finished_copy, *READING[how]).stdout
    assert tree(finished_copy) == before
    assert how == "lint" or f"`{FINDINGS}` is not as it was written" in said


@pytest.mark.parametrize("how", ["a dry run", "lint", "a report"])
def test_a_damaged_round_stops_reading_which_leaves_it_as_it_is(finished_copy, how):
    (decision, *_) = finished_copy.glob("results/measure/*/*/round.json")
    spoil(decision)
    before = tree(finished_copy)
    done = snakemake(finished_copy, *READING[how], check=False)
    name = decision.relative_to(finished_copy)
    assert done.returncode and f"`{name}` is not as it was written" in done.stdout
    assert "`python -m scripts.tools.repair`" in done.stdout
    assert tree(finished_copy) == before


def test_repair_sets_aside_what_is_damaged_and_who_needs_it_makes_it_anew(finished_copy):
    found = (finished_copy / FINDINGS).read_bytes()
    decisions = sorted(finished_copy.glob("results/measure/*/*/round.json"))
    whole = decisions[-1].read_bytes()
    spoil(decisions[-1])
    repaired = subprocess.run(
        [sys.executable, "-m", "scripts.tools.repair"], cwd=finished_copy, text=True,
        capture_output=True, check=True, env=os.environ | {"PYTHONPATH": ""},
    ).stdout  # fmt: skip
    assert "set aside as `round.json.damaged`" in repaired and "makes it anew" in repaired
    for stage in ("report", "audits"):
        shutil.rmtree(finished_copy / "results" / stage)
    snakemake(finished_copy, "--cores", "all")
    assert decisions[-1].read_bytes() == whole
    assert (finished_copy / FINDINGS).read_bytes() == found
    assert list(repair(finished_copy / "results")) == []


# Publishing anew


def test_what_is_damaged_is_published_under_the_other_marker_and_back(finished_copy, monkeypatch):
    place = finished_copy / FINDINGS
    whole, names = place.read_bytes(), []
    for _ in range(2):
        spoil(place)
        assert "publish_small" in snakemake(finished_copy, "-n", "--cores", "1").stdout
        snakemake(finished_copy, "--cores", "1")
        (marker,) = place.parent.glob(".published-*")
        names.append(marker.name)
        assert place.read_bytes() == whole
    assert re.fullmatch(r"\.published-[0-9a-f]{16}-again", names[0])
    assert names[1] == names[0].removesuffix("-again")


def test_a_damaged_publication_is_not_packed(finished_copy):
    spoil(finished_copy / FINDINGS)
    said = snakemake(finished_copy, "archive", "--cores", "1", check=False)
    told = f"{FINDINGS}` is not as it was written; run `snakemake small"
    assert said.returncode and told in said.stdout


# From elsewhere


def test_the_shipped_configuration_runs_from_another_folder(tmp_path):
    said = elsewhere(tmp_path, "-s", str(ROOT / "Snakefile"), "-n").stdout
    assert "publish_demo" in said
    assert not (tmp_path / "results").exists() and not (tmp_path / "cache").exists()


@pytest.mark.parametrize("given", ["a file", "a dictionary"])
def test_the_workflow_is_a_module_of_another(tmp_path, given):
    text = (ROOT / "config/aa.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(text)
    settings = yaml.safe_load(text)
    own = 'configfile: "mine.yaml"\n' if given == "a file" else f"MINE = {settings!r}\n"
    (tmp_path / "Snakefile").write_text(
        f'{own}module audits:\n    snakefile: "{ROOT / "Snakefile"}"\n'
        f"    config: {'config' if given == 'a file' else 'MINE'}\n"
        "use rule * from audits\n"
    )
    said = elsewhere(tmp_path, "-n").stdout
    (audit,) = settings["audits"]
    assert f"publish_{audit}" in said
    assert not (tmp_path / "results").exists()


def test_a_file_of_the_working_directory_goes_before_a_shipped_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "config/plants/demo.yaml"
    assert here_or_shipped(name) == str(ROOT / name)
    assert here_or_shipped("nowhere.yaml") == "nowhere.yaml"
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).touch()
    assert here_or_shipped(name) == name


# Settings


def test_a_rule_names_the_settings_of_its_stage():
    node = Node("plan", "0" * 16, {"pool": "screen", "seed": 0})
    require_settings(node, ["pool"], ["seed", "pilot"])
    with pytest.raises(AuditError, match="the rule `plan` does not name `seed`"):
        require_settings(node, ["pool"])
    with pytest.raises(AuditError, match="the rule `plan` names `pilot` among its settings, which"):
        require_settings(node, ["pool", "seed", "pilot"])


# Input functions


@pytest.fixture
def recipes(tmp_path, tiny, monkeypatch) -> Recipes:
    monkeypatch.chdir(tmp_path)
    write_bank(tmp_path / "bank")
    return Recipes(load(tiny_config(tiny)), ROOT, DigestIndex(os.devnull))


class Asked(Exception):
    """What Snakemake raises where a checkpoint is not made yet."""


def snakemake_of(forced: bool = False):
    """What a Snakefile knows as workflow, rules and checkpoints, as far as rounds need them."""
    settings = SimpleNamespace(forceall=forced, forcerun=set(), forcetargets=False)
    measure = SimpleNamespace(is_checkpoint=True)
    asked = []

    def get(key, step):
        asked.append(step)
        if not Path(f"results/measure/{key}/{step}/round.json").is_file():
            raise Asked(step)

    return (
        SimpleNamespace(dag_settings=settings),
        SimpleNamespace(measure=SimpleNamespace(rule=measure)),
        SimpleNamespace(measure=SimpleNamespace(get=get)),
        asked,
    )


def decided(measure: Node, *stops: bool) -> None:
    """Rounds as measured."""
    for number, stop in enumerate(stops):
        place = Path(f"results/measure/{measure.key}/round-{number}/round.json")
        write_document(
            place, Round(number, 9, 9, 0.1, 0.01, None, [], Ending.ROUNDS if stop else None)
        )


def test_what_is_no_round_is_named(recipes):
    (measure,) = recipes.nodes["measure"].values()
    decided(measure, False)
    place = Path(f"results/measure/{measure.key}/round-0/round.json")
    for content in ("{", '{"stop": null}', place.read_text().replace("silhouette", "silhouet")):
        place.write_text(content)
        os.utime(place, ns=(0, len(content)))  # what was read of a file is known by its time
        with pytest.raises(AuditError, match=re.escape(str(place))):
            measured(measure)


def test_an_open_loop_asks_for_its_next_round(recipes):
    (measure,) = recipes.nodes["measure"].values()
    workflow, rules, checkpoints, asked = snakemake_of()
    rounds = Rounds(recipes, workflow, rules, checkpoints)
    decided(measure, False)
    with pytest.raises(Asked, match="round-1"):
        rounds.closed(measure)
    assert measured(measure) == (["round-0"], False) and asked == ["round-1"]
    assert rules.measure.rule.is_checkpoint


def test_a_closed_loop_asks_nothing_unless_it_is_forced(recipes):
    (measure,) = recipes.nodes["measure"].values()
    decided(measure, False, True)
    for forced in (False, True):
        workflow, rules, checkpoints, asked = snakemake_of(forced)
        rounds = Rounds(recipes, workflow, rules, checkpoints)
        assert rounds.closed(measure) == ["round-0", "round-1"]
        assert asked == ["round-1"] * forced and rules.measure.rule.is_checkpoint is forced


@pytest.fixture
def inputs(recipes) -> Inputs:
    (measure,) = recipes.nodes["measure"].values()
    decided(measure, False, True)
    return Inputs(recipes, 2, Rounds(recipes, *snakemake_of()[:3]))


def test_a_round_is_planned_from_the_rounds_before(recipes, inputs):
    (measure,) = recipes.nodes["measure"].values()
    plan = measure.inputs["plan"]
    first, third = ({"key": plan.key, "step": f"round-{number}"} for number in (0, 2))
    assert inputs.earlier_plans(first) == [] and inputs.latest_divergence(first) == []
    assert inputs.earlier_plans(third) == [
        f"results/plan/{plan.key}/round-{n}.jsonl" for n in (0, 1)
    ]
    assert inputs.latest_divergence(third) == f"results/measure/{measure.key}/round-1/regions.jsonl"


def test_a_step_is_decoded_in_shards_of_its_plan(recipes, inputs):
    plan = next(n for n in recipes.nodes["plan"].values() if n.settings["pool"] == "screen")
    decode = plan.inputs["base"]
    files = inputs.generations(plan, "base", "screen")
    assert files == [
        f"results/decode/{decode.key}/base/{plan.key}/screen/shard-{n}-of-2.jsonl" for n in (0, 1)
    ]
    wildcards = {"key": decode.key, "plan": plan.key, "side": "base", "step": "screen"}
    read = inputs.of_decode(wildcards)
    assert read["plan"] == f"results/plan/{plan.key}/screen.jsonl"
    assert read["responses"] == [] == read["plant"]


def test_the_report_reads_every_round_and_every_ledger(recipes, inputs):
    report = recipes.audits["small"]
    wildcards = {"key": report.key}
    assert len(inputs.round_files("report")(wildcards)) == 2
    assert len(inputs.generations_of_rounds("report", "base")(wildcards)) == 2 * 2
    ledgers = inputs.ledgers(wildcards)
    assert len(ledgers) == len(set(ledgers))
    stages = [Path(path).parts[1] for path in ledgers]
    # Two rounds and two pools, of each a plan, two shards a side, and embeddings.
    assert [stages.count(stage) for stage in ("plan", "decode", "embed")] == [4, 4 * 2 * 2, 4]
    assert {"bank", "regions", "measure", "propose", "screen", "confirm", "model"} <= set(stages)


def test_what_is_published_is_asked_for_by_the_marker_that_is_there(recipes):
    key = recipes.audits["small"].key
    place = Path("results/audits/small")
    assert Publications(recipes, Path("results")).asked() == [str(place / f".published-{key}")]
    place.mkdir(parents=True)
    again = place / f".published-{key}-again"
    again.touch()
    assert Publications(recipes, Path("results")).asked("small") == [str(again)]


# Scripts


def test_a_script_runs_as_the_job_that_stands_in_its_globals(tmp_path, monkeypatch):
    described = SimpleNamespace(
        log=[str(tmp_path / "log")], wildcards={"step": "round-1"}, params={"call": "c"},
        input=[], output=[], rule="measure", threads=3,
    )  # fmt: skip
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    monkeypatch.setattr(sys.modules["__main__"], "snakemake", described, raising=False)
    seen: list[Job] = []
    run(seen.append)
    (job,) = seen
    assert (job.threads, job.ledger.stage, job.ledger.step) == (3, "measure", "round-1")
    assert isinstance(job.ledger, Ledger) and job.ledger.call == "c"
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "5")
    with running(described) as job:
        assert job.threads == 5
