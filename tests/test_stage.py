"""Jobs run by hand: what they write, and a debugger that stops in a stage's script."""

from types import SimpleNamespace

import pytest
from conftest import snakemake

from scripts.core.errors import AuditError
from scripts.tools.stage import the_one

BY_HAND = {"program": ("-m", "scripts.tools.stage")}


def job(stage: str, **wildcards: str) -> SimpleNamespace:
    return SimpleNamespace(rule=SimpleNamespace(name=stage), wildcards=wildcards)


def jobs() -> list[SimpleNamespace]:
    keys = {"base": "0b", "intervention": "01"}
    decode = [
        job("decode", key=keys[side], side=side, step=step, shard="0")
        for side in keys
        for step in ("round-0", "confirm")
    ]
    return [job("confirm", key="fe"), *decode]


def test_a_stage_with_one_job_needs_no_more_than_its_name():
    assert the_one(jobs(), "confirm", {}).wildcards["key"] == "fe"


def test_one_of_several_jobs_is_told_by_its_parts():
    by_side = the_one(jobs(), "decode", {"side": "base", "step": "confirm"})
    by_key = the_one(jobs(), "decode", {"key": "0b", "step": "confirm"})
    assert by_side.wildcards == by_key.wildcards == jobs()[2].wildcards


@pytest.mark.parametrize(
    ("stage", "wanted", "said"),
    [
        ("decoder", {}, "no job of `decoder`, or not yet; there are: confirm, decode"),
        ("decode", {}, r"4 such jobs; say which: `--key 01\|0b` `--side base\|intervention` "),
        ("decode", {"side": "base"}, r"2 such jobs; say which: `--step confirm\|round-0`$"),
        ("decode", {"step": "round-1"}, "no `--step round-1`, but: confirm, round-0"),
        ("confirm", {"side": "base"}, "no `--side base`, but: none at all"),
    ],
)
def test_the_possibilities_are_listed_where_one_must_be_named(stage, wanted, said):
    with pytest.raises(AuditError, match=said):
        the_one(jobs(), stage, wanted)


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_stage_of_a_finished_audit_runs_in_the_debugger_and_writes_elsewhere(finished, tmp_path):
    before = content(finished / "results")
    lines = (finished / "scripts/confirm.py").read_text().split("\n")
    number = next(n for n, line in enumerate(lines, 1) if line.strip().startswith("log.info("))
    commands = f"b scripts/confirm.py:{number}\nc\np 'reached', len(findings)\ncl 1\nc\n"
    arguments = ("confirm", "--audit", "small", "--out", str(tmp_path), "--pdb")
    said = snakemake(finished, *arguments, input=commands, **BY_HAND).stdout
    assert f"scripts/confirm.py({number})" in said and "('reached', " in said
    assert content(finished / "results") == before
    (made,) = (tmp_path / "results/confirm").iterdir()
    for name in (
        "findings.jsonl", "judgements.jsonl", "behaviours.json", "separability.json", "panel.json",
    ):  # fmt: skip
        there = before[finished / "results/confirm" / made.name / name]
        assert (made / name).read_bytes() == there
    (log,) = (tmp_path / "logs/confirm").iterdir()
    assert "done in" in log.read_text()


def test_what_is_not_there_is_said_in_one_sentence(finished, tmp_path):
    out = ("--out", str(tmp_path))
    for arguments, said in (
        (("confirm", "--audit", "smal"), "No rule to produce smal"),
        (("decode", "--audit", "small"), "error: `decode` has 8 such jobs; say which: "),
    ):
        done = snakemake(finished, *arguments, *out, check=False, **BY_HAND)
        assert done.returncode == 1 and said in done.stdout and "Traceback" not in done.stdout
