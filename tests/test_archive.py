"""Archives: what they hold, that they are always the same, what they must not tell, verify and
restore."""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml
from audits import key, make_audit, publish, write
from conftest import ROOT, copy_workflow, snakemake, write_config
from rocrate.rocrate import ROCrate
from test_recount import findings_and_judgements
from test_workflow import planned_rules

from scripts.archive import archive, archive_all, check_published
from scripts.archived.private import Cleaner
from scripts.restore import restore
from scripts.verify import problems
from scripts.workflow.errors import AuditError
from scripts.workflow.files import write_json, write_jsonl
from scripts.workflow.preflight import check_weights
from scripts.workflow.recipes import STAGES
from scripts.workflow.sums import damage, record

CONFIG = {"audits": {"demo": {"bank": "b"}}}


def workspace(folder: Path) -> Path:
    """A workflow of few files."""
    for part in ("Snakefile", "LICENSE", "requirements.lock"):
        write(folder / part)
    for part in ("__init__.py", "verify.py", "evidence/__init__.py", "evidence/recount.py"):
        (folder / "scripts" / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "scripts" / part, folder / "scripts" / part)
    return folder


def pack(folder: Path, audit, name="demo", config=CONFIG, **more) -> Path:
    return archive(name, audit, config, folder, root=workspace(folder), **more)


def judged(folder: Path, audit, seed=0) -> None:
    """An audit with real findings and the judgements behind them."""
    findings, judgements = findings_and_judgements(seed)
    config = {"audit": {"assistant": {"provider": "local"}, "confirm": {"q": 0.05}}}
    results = folder / "results"
    publish(results, audit, config=config)
    places = [("confirm", "confirm 0.05"), ("report", "report 0.05")]
    for place in [results / "audits" / "demo", *(results / s / key(k) for s, k in places)]:
        write_jsonl(place / "findings.jsonl", findings)
    write_jsonl(results / "confirm" / key("confirm 0.05") / "judgements.jsonl", judgements)


def unpacked(target: Path, place: Path) -> Path:
    with tarfile.open(target) as packed:
        packed.extractall(place, filter="data")
    return place / target.name.removesuffix(".tar.gz")


def test_an_archive_holds_what_the_audit_needs_and_nothing_else(tmp_path):
    write(tmp_path / "plant.yaml")
    results, audit = tmp_path / "results", make_audit(tmp_path / "plant.yaml")
    publish(results, audit)
    write(results / "measure" / key("orphan") / "file")
    write(results / "decode" / key("decode base") / "base" / key("old plan") / "shard.jsonl")
    write(results / "audits" / "other" / "audit.json", "{}")
    target = pack(tmp_path, audit)
    assert target.parent == results / "archives" and target.name.startswith("demo-")
    with tarfile.open(target) as packed:
        members = packed.getmembers()
        content = {m.name: packed.extractfile(m).read() for m in members}
    prefix = target.name.removesuffix(".tar.gz")
    names = [name.removeprefix(f"{prefix}/") for name in content]
    assert names[0] == "MANIFEST.sha256" and names[1:] == sorted(names[1:])
    assert "results/audits/demo/audit.json" in names
    assert {"plant.yaml", "audit.yaml", "verify.py", "ro-crate-metadata.json"} < set(names)
    assert {"Snakefile", "requirements.lock", "scripts/verify.py"} < set(names)
    assert f"results/audits/demo/.published-{audit['key']}" in names
    assert f"results/model/{key('base')}/model.json" in names
    assert f"results/plant/{key('plant')}/adapter/adapter_model.safetensors" in names
    assert not any("files/" in n or "other" in n or key("orphan") in n for n in names)
    assert not any(key("old plan") in name for name in names)
    plans = {name.split("/")[4] for name in names if name.startswith("results/decode/")}
    assert plans == {key(f"plan {pool}") for pool in ("explore", "screen", "confirm")}
    no_node = {"embed", "exhaustive", "rewrite", "trials"}  # in the audit of these tests
    for stage in set(STAGES) - no_node:
        assert any(name.startswith(f"results/{stage}/") for name in names), stage
    for line in content[f"{prefix}/MANIFEST.sha256"].decode().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256(content[f"{prefix}/{name}"]).hexdigest() == digest
    assert len(content) == 1 + content[f"{prefix}/MANIFEST.sha256"].count(b"\n")
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {
        (0, 0, 0, "", "", 0o644)
    }


def test_an_archive_made_twice_has_the_same_bytes(tmp_path):
    audit = make_audit()
    made = []
    for place in ("one", "two"):
        results = tmp_path / place / "results"
        publish(results, audit)
        for number, path in enumerate(sorted(results.rglob("*"))):
            os.utime(path, (number, number))
        made.append(pack(tmp_path / place, audit))
        write(results / "decode" / key("decode base") / "base" / f".tmp-{'0' * 16}-x")
        assert pack(tmp_path / place, audit) == made[-1]
    assert made[0].name == made[1].name
    assert made[0].read_bytes() == made[1].read_bytes()
    assert gzip.decompress(made[0].read_bytes())
    write(tmp_path / "two" / "results" / "confirm" / key("confirm 0.05") / "output.jsonl", "other")
    assert pack(tmp_path / "two", audit).name != made[0].name


def test_links_are_not_followed_into_an_archive(tmp_path):
    results, audit = tmp_path / "results", make_audit()
    publish(results, audit)
    secret = write(tmp_path / "secret")
    (results / "measure" / key("measure") / "link").symlink_to(secret)
    with tarfile.open(pack(tmp_path, audit)) as packed:
        assert not any(name.endswith("link") for name in packed.getnames())


def test_an_archive_is_refused_in_one_sentence(tmp_path):
    results, audit = tmp_path / "results", make_audit()
    with pytest.raises(AuditError, match="`demo` is not published yet; run `snakemake demo"):
        pack(tmp_path, audit)
    publish(results, make_audit(q=0.2))
    with pytest.raises(AuditError, match="comes from other settings, inputs or code"):
        check_published("demo", audit["key"], results)
    publish(results, audit)
    missing = results / "confirm" / key("confirm 0.05")
    (missing / "output.jsonl").unlink()
    with pytest.raises(AuditError, match=f"`{missing}` is missing.*--forcerun confirm"):
        pack(tmp_path, audit)
    assert not (results / "archives").exists()


def test_a_damaged_output_is_named_and_not_packed(tmp_path):
    results, audit = tmp_path / "results", make_audit(write(tmp_path / "plant.yaml"))
    publish(results, audit)
    output = results / "confirm" / key("confirm 0.05") / "output.jsonl"
    plant = results / "plant" / key("plant") / "plant.json"
    record([output, plant])
    with tarfile.open(pack(tmp_path, audit)) as packed:
        assert not any(name.endswith(".sha256") for name in packed.getnames()[1:])
    weights = plant.parent / "adapter" / "adapter_model.safetensors"
    for damaged, made in ((output, output), (weights, plant)):
        whole = damaged.read_bytes()
        damaged.write_bytes(b"other")
        names = [path.relative_to(tmp_path) for path in (damaged, made)]
        with pytest.raises(AuditError, match="`{}` is not as it .* delete `{}`".format(*names)):
            pack(tmp_path, audit)
        damaged.write_bytes(whole)


def test_of_several_audits_those_that_can_be_packed_are(tmp_path, capsys):
    results, audit = tmp_path / "results", make_audit()
    publish(results, audit)
    with pytest.raises(AuditError, match="`absent` is not published"):
        archive_all(
            {"absent": make_audit(q=0.3), "demo": audit},
            {"absent": CONFIG, "demo": CONFIG},
            tmp_path,
            root=workspace(tmp_path),
        )
    assert len(list((results / "archives").iterdir())) == 1
    assert "demo-" in capsys.readouterr().out


def test_logs_of_the_jobs_behind_an_audit_are_in_it(tmp_path):
    audit = make_audit()
    publish(tmp_path / "results", audit)
    own = [
        f"logs/confirm/{key('confirm 0.05')}.log", f"logs/measure/{key('measure')}/round-0.log",
        f"logs/benchmark/confirm/{key('confirm 0.05')}.tsv", "logs/publish/demo.log",
    ]  # fmt: skip
    for path in (*own, f"logs/confirm/{key('other')}.log", "logs/archive.log"):
        write(tmp_path / path)
    folder = unpacked(pack(tmp_path, audit), tmp_path / "out")
    found = {p.relative_to(folder).as_posix() for p in (folder / "logs").rglob("*") if p.is_file()}
    assert found == set(own)


def test_inputs_from_elsewhere_are_packed_and_the_configuration_names_them_there(tmp_path):
    mine = write(tmp_path / "elsewhere" / "own.jsonl", "{}")
    near = write(tmp_path / "work" / "near.jsonl", "{}")
    audit = make_audit(own=[str(mine), "near.jsonl"])
    publish(tmp_path / "work" / "results", audit)
    config = {"audits": {"demo": {"hypotheses": str(mine), "other": "near.jsonl"}}}
    folder = unpacked(pack(tmp_path / "work", audit, config=config), tmp_path / "out")
    assert (folder / "inputs" / "own.jsonl").is_file() and (folder / near.name).is_file()
    assert "hypotheses: inputs/own.jsonl" in (folder / "audit.yaml").read_text()


def test_the_crate_describes_the_run(tmp_path):
    audit = make_audit()
    publish(tmp_path / "results", audit)
    folder = unpacked(pack(tmp_path, audit), tmp_path / "out")
    crate = json.loads((folder / "ro-crate-metadata.json").read_text())
    by_id = {entity["@id"]: entity for entity in crate["@graph"]}
    assert ROCrate(folder).mainEntity.id == "Snakefile"
    assert by_id["./"]["mainEntity"] == {"@id": "Snakefile"}
    assert {"@id": "https://w3id.org/ro/wfrun/workflow/0.5"} in by_id["./"]["conformsTo"]
    (action,) = (e for e in crate["@graph"] if e["@type"] == "CreateAction")
    assert action["@id"] == f"#{audit['key']}" and action["instrument"] == {"@id": "Snakefile"}
    for entity in crate["@graph"]:
        types = entity["@type"] if isinstance(entity["@type"], list) else [entity["@type"]]
        if {"File", "Dataset"} & set(types):
            assert (folder / entity["@id"]).exists(), entity["@id"]


# What an archive must not tell


def test_records_are_made_relative_and_named(tmp_path, capsys):
    audit = make_audit()
    publish(tmp_path / "results", audit)
    log = tmp_path / "logs" / "confirm" / f"{key('confirm 0.05')}.log"
    write(
        log,
        f'File "{tmp_path}/scripts/x.py" in {tmp_path}, File "/usr/lib/python3.11/decoder.py"; '
        "see https://example.org/a/b and 3/4/5",
    )
    folder = unpacked(pack(tmp_path, audit), tmp_path / "out")
    assert (folder / log.relative_to(tmp_path)).read_text() == (
        'File "scripts/x.py" in ., File "decoder.py"; see https://example.org/a/b and 3/4/5'
    )
    assert f"{log.relative_to(tmp_path)}: names of this machine" in capsys.readouterr().out


def test_a_model_is_named_as_the_configuration_would_now(tmp_path):
    place = write(tmp_path / "elsewhere" / "llama" / "config.json").parent
    audit = make_audit()
    publish(tmp_path / "work" / "results", audit)
    audit["nodes"][0]["local"]["path"] = str(place)
    model = tmp_path / "work" / "results" / "model" / key("base") / "model.json"
    for lay in (place, tmp_path / "before" / "llama"):
        write_json(model, {"path": str(lay)})
        target = pack(tmp_path / "work", audit, config={"subjects": {"x": {"model": str(place)}}})
        folder = unpacked(target, tmp_path / lay.parent.name)
        packed = json.loads((folder / model.relative_to(tmp_path / "work")).read_text())
        assert packed["path"] == "models/llama"
        assert "model: models/llama" in (folder / "audit.yaml").read_text()


@pytest.mark.parametrize(
    "file", ["confirm/{confirm}/output.jsonl", "plant/{plant}/adapter/adapter_model.safetensors"]
)
def test_a_path_where_nothing_may_be_rewritten_is_refused(tmp_path, file):
    audit = make_audit(write(tmp_path / "plant.yaml"))
    publish(tmp_path / "results", audit)
    name = file.format(confirm=key("confirm 0.05"), plant=key("plant"))
    write(tmp_path / "results" / name, f"it lies in {tmp_path}/x")
    with pytest.raises(AuditError, match=f"`results/{name}` holds the path .* nothing was packed"):
        pack(tmp_path, audit)
    assert not (tmp_path / "results" / "archives").exists()


def test_keys_are_refused_wherever_they_stand(tmp_path, monkeypatch):
    audit = make_audit()
    publish(tmp_path / "results", audit)
    monkeypatch.setenv("SOME_API_KEY", "a-secret-of-mine-42")
    text = tmp_path / "results" / "confirm" / key("confirm 0.05") / "output.jsonl"
    write(text, "it said a-secret-of-mine-42")
    with pytest.raises(AuditError, match=r"output.jsonl` holds a key") as refused:
        pack(tmp_path, audit)
    assert "a-secret" not in str(refused.value)
    write(text, "a model said sk-" + 40 * "a")  # which is no key of ours
    pack(tmp_path, audit)
    write(tmp_path / "config" / "mine.yaml", "key: sk-" + 40 * "a")
    with pytest.raises(AuditError, match=r"config/mine.yaml` holds a key"):
        pack(tmp_path, audit)


def test_what_only_looks_alike_stays():
    cleaner = Cleaner({"/home/ada/audit": "", "/data": "inputs/data"}, ["gpu-01"], [])
    assert cleaner.clean("results/bank/x", b"/data is a path, /home/ada/auditing too") == (
        b"/data is a path, /home/ada/auditing too"
    )
    assert cleaner.clean("logs/x", b"on gpu-01 and gpu-011 at /home/ada/audit/a") == (
        b"on localhost and gpu-011 at a"
    )
    assert cleaner.rewritten == {"logs/x"}


# verify


def run_verify(folder: Path) -> subprocess.CompletedProcess:
    """As a stranger does: no packages, no environment."""
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", "import runpy, sys; sys.path.insert(0, '.'); "
         "sys.argv = ['verify.py']; runpy.run_path('verify.py', run_name='__main__')"],
        cwd=folder, env={}, text=True, capture_output=True,
    )  # fmt: skip


def test_verify_passes_twice_on_what_was_packed_and_needs_no_packages(tmp_path):
    audit = make_audit()
    judged(tmp_path, audit)
    folder = unpacked(pack(tmp_path, audit), tmp_path / "out")
    for _ in range(2):  # it leaves nothing behind
        done = run_verify(folder)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "the findings of demo follow from their judgements" in done.stdout


def test_one_flipped_byte_in_any_file_is_named(tmp_path):
    audit = make_audit()
    judged(tmp_path, audit)
    folder = unpacked(pack(tmp_path, audit), tmp_path / "out")
    assert problems(folder) == []
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        content = file.read_bytes()
        place = len(content) // 2
        flipped = bytes(byte ^ 1 for byte in content[place : place + 1]) or b"x"
        file.write_bytes(content[:place] + flipped + content[place + 1 :])
        name = file.relative_to(folder).as_posix()
        said = problems(folder)
        assert said and any(name in s or name == "MANIFEST.sha256" for s in said), name
        file.write_bytes(content)
    assert problems(folder) == []


def test_missing_and_extra_files_are_named(tmp_path):
    audit = make_audit()
    judged(tmp_path, audit)
    folder = unpacked(pack(tmp_path, audit), tmp_path / "out")
    (folder / "LICENSE").unlink()
    write(folder / "results" / "more")
    assert problems(folder) == [
        "LICENSE is missing", "results/more is extra: the manifest does not name it",
    ]  # fmt: skip
    (folder / "MANIFEST.sha256").unlink()
    assert problems(folder) == [
        "MANIFEST.sha256 is missing or unreadable; unpack the archive again"
    ]


def test_a_changed_judgement_is_found_even_with_a_new_manifest(tmp_path):
    audit = make_audit()
    judged(tmp_path, audit)
    folder = unpacked(pack(tmp_path, audit), tmp_path / "out")
    file = folder / "results" / "confirm" / key("confirm 0.05") / "judgements.jsonl"
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    row = next(r for r in rows if r["raced"] and r["base"] != r["intervention"])
    row |= {"base": row["intervention"], "intervention": row["base"]}
    write_jsonl(file, rows)
    manifest = folder / "MANIFEST.sha256"
    after = hashlib.sha256(file.read_bytes()).hexdigest()
    manifest.write_text(manifest.read_text().replace(before, after))
    said = run_verify(folder)
    assert said.returncode == 1
    assert "MANIFEST.sha256 is changed: its digest is" in said.stdout
    assert f"demo, finding {row['hypothesis']}: wins is" in said.stdout


# restore


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
        check_weights(str(file))
    write(file.parent / "files" / "model.safetensors")
    check_weights(str(file))


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
