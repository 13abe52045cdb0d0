"""restore: an archive beside a clone, and an edit that runs from there."""

import shutil

import pytest
import yaml
from audits import key, make_audit, write
from conftest import copy_workflow, snakemake, write_config
from packed import judged, pack, run_verify, unpacked, workspace
from test_workflow import planned_rules

from scripts.core.checksums import damage
from scripts.core.errors import AuditError
from scripts.core.files import write_json
from scripts.tools.archive import check_published
from scripts.tools.restore import restore
from scripts.workflow.preflight import require_weights


def test_an_archive_is_restored_and_the_second_time_nothing_changes(tmp_path):
    audit = make_audit()
    judged(tmp_path / "a", audit)
    target, clone = pack(tmp_path / "a", audit), workspace(tmp_path / "b")
    said = restore(target, clone, root=clone)
    config = f"config/restored/{target.name.removesuffix('.tar.gz')}.yaml"
    assert said.startswith(f"`snakemake demo -n --cores 1 --configfile {config}`")
    assert (clone / config).is_file() and (clone / "results" / "index.html").is_file()
    check_published("demo", audit["key"], clone / "results")
    restored = clone / "results" / "audits" / "demo" / "findings.jsonl"
    for file in (restored, clone / "results" / "report" / audit["key"] / restored.name):
        whole = file.read_bytes()
        assert damage(file) is None
        file.write_bytes(b"other")
        assert damage(file), "restored outputs have their checksums"
        file.write_bytes(whole)
    own = clone / "results" / "confirm" / key("confirm 0.05") / "output.jsonl"
    own.write_text("what is there stays")
    assert restore(target, clone, root=clone) == said
    assert own.read_text() == "what is there stays"
    assert not list(clone.glob(".restore-*"))


def test_what_was_restored_makes_the_same_archive(tmp_path):
    audit = make_audit()
    judged(tmp_path / "a", audit)
    target, clone = pack(tmp_path / "a", audit), workspace(tmp_path / "b")
    restore(target, clone, root=clone)
    again = pack(clone, audit)
    assert again.name == target.name and again.read_bytes() == target.read_bytes()


def test_restore_says_when_the_code_is_another(tmp_path):
    audit = make_audit()
    judged(tmp_path / "a", audit)
    target, clone = pack(tmp_path / "a", audit), workspace(tmp_path / "b")
    write(clone / "Snakefile", "other")
    said = restore(target, clone, root=clone)
    assert "is not the archive's (1 files differ, such as `Snakefile`)" in said


def test_restore_refuses_in_one_sentence(tmp_path):
    audit = make_audit(own=["own.jsonl"])
    write(tmp_path / "a" / "own.jsonl", "{}")
    judged(tmp_path / "a", audit)
    target = pack(tmp_path / "a", audit)
    clone = workspace(tmp_path / "b")
    with pytest.raises(AuditError, match=r"there is no file"):
        restore(tmp_path / "nothing.tar.gz", clone)
    write(clone / "own.jsonl", "others")
    with pytest.raises(AuditError, match=r"`own.jsonl` differs from the archive's"):
        restore(target, clone)
    content = target.read_bytes()
    for damaged in (content[: len(content) // 2], b"no archive"):
        target.write_bytes(damaged)
        with pytest.raises(AuditError, match=r"cannot be unpacked .*get the file again"):
            restore(target, clone)
    assert not (clone / "results").exists() and not list(clone.glob(".restore-*"))


def test_weights_that_no_archive_holds_are_asked_for(tmp_path):
    file = tmp_path / "results" / "model" / key("base") / "model.json"
    write_json(file, {"path": str(file.parent / "files")})
    with pytest.raises(AuditError, match=rf"snakemake --force {file} --cores 1"):
        require_weights(str(file))
    write(file.parent / "files" / "model.safetensors")
    require_weights(str(file))


def test_a_restored_audit_has_nothing_to_do_and_an_edit_runs_from_there(finished_copy, tmp_path):
    """On real outputs; the tiny models lie beside the clone, named by a relative path."""
    path = finished_copy / "config" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    shutil.copytree(config["subjects"]["tiny"]["model"], finished_copy / "models" / "base")
    shutil.copytree(
        config["audits"]["small"]["embed"]["model"], finished_copy / "models" / "encoder"
    )
    config["subjects"]["tiny"]["model"] = "models/base"
    config["audits"]["small"]["embed"]["model"] = "models/encoder"
    path.write_text(yaml.safe_dump(config))
    snakemake(finished_copy, "--cores", "1")  # the report alone, which quotes the configuration
    made = []
    for _ in range(2):
        snakemake(finished_copy, "archive", "--cores", "1")
        (target,) = (finished_copy / "results" / "archives").iterdir()
        made.append(target.read_bytes())
    assert made[0] == made[1]
    assert run_verify(unpacked(target, tmp_path / "out")).returncode == 0
    clone = copy_workflow(tmp_path / "clone")
    shutil.copytree(finished_copy / "models", clone / "models")
    said = snakemake(clone, "restore", "--cores", "1", "--config", f"archive={target}").stdout
    assert "says that nothing is to be done" in said
    restored = f"config/restored/{target.name.removesuffix('.tar.gz')}.yaml"
    said = snakemake(clone, "small", "-n", "--cores", "1", "--configfile", restored).stdout
    assert "Nothing to be done" in said
    edited = yaml.safe_load((clone / restored).read_text())
    edited["audits"]["small"]["confirm"]["q"] = 0.2
    write_config(clone, edited)
    assert planned_rules(clone) == {"confirm", "report", "publish_small"}
    snakemake(clone, "--cores", "1")
