"""Archives: what they hold, and that they are always the same."""

import gzip
import hashlib
import json
import os
import re
import tarfile
from pathlib import Path

import pytest
from audits import key, make_audit, publish, write
from packed import CONFIG, pack, unpacked, workspace
from rocrate.rocrate import ROCrate

from scripts.core.checksums import record
from scripts.core.errors import AuditError
from scripts.core.version import ROOT
from scripts.tools.archive import archive_all, check_published
from scripts.tools.archive_contents import workflow
from scripts.workflow.recipes import STAGES


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
    assert {"Snakefile", "requirements.lock", "scripts/tools/verify.py"} < set(names)
    assert f"results/audits/demo/.published-{audit['key']}" in names
    assert f"results/model/{key('base')}/model.json" in names
    assert f"results/plant/{key('plant')}/adapter/adapter_model.safetensors" in names
    assert not any("files/" in n or "other" in n or key("orphan") in n for n in names)
    assert not any(key("old plan") in name for name in names)
    plans = {name.split("/")[4] for name in names if name.startswith("results/decode/")}
    assert plans == {key(f"plan {pool}") for pool in ("explore", "screen", "confirm")}
    # Those that the audit of these tests has no node of.
    no_node = {"responses", "embed", "exhaustive", "rewrite", "trials", "probe", "write"}
    for stage in set(STAGES) - no_node:
        assert any(name.startswith(f"results/{stage}/") for name in names), stage
    for line in content[f"{prefix}/MANIFEST.sha256"].decode().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256(content[f"{prefix}/{name}"]).hexdigest() == digest
    assert len(content) == 1 + content[f"{prefix}/MANIFEST.sha256"].count(b"\n")
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {
        (0, 0, 0, "", "", 0o644)
    }


def test_what_pages_of_an_archive_link_to_is_in_it():
    files = {path.relative_to(ROOT) for path in workflow(ROOT)}
    for page in (path for path in files if path.suffix == ".md"):
        text = re.sub(r"`[^`]*`", "", (ROOT / page).read_text(encoding="utf-8"))
        for target in re.findall(r"\]\((?!\w+:)([^)#]+)", text):
            linked = Path(os.path.normpath(page.parent / target))
            assert any(f == linked or linked in f.parents for f in files), f"{page}: {target}"


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
        f"logs/job-times/confirm/{key('confirm 0.05')}.tsv", "logs/publish/demo.log",
    ]  # fmt: skip
    for path in (*own, f"logs/confirm/{key('other')}.log", "logs/archive.log"):
        write(tmp_path / path)
    folder = unpacked(pack(tmp_path, audit), tmp_path / "out")
    found = {p.relative_to(folder).as_posix() for p in (folder / "logs").rglob("*") if p.is_file()}
    assert found == set(own)


def test_files_that_servers_are_started_with_are_packed(tmp_path):
    audit = make_audit()
    publish(tmp_path / "results", audit)
    for name in ("subject.jinja", "judge.jinja"):
        write(tmp_path / "work" / name, name)
    nodes = {node["stage"]: node["local"] for node in audit["nodes"]}
    nodes["decode"]["started"] = {"files": {"chat-template": str(tmp_path / "work/subject.jinja")}}
    arguments = {"chat-template": str(tmp_path / "work/judge.jinja"), "max-model-len": 64}
    reach = {"prices": None, "key_variable": None, "server": {"arguments": arguments}}
    nodes["confirm"]["access"] = {"judge 1": reach}
    with tarfile.open(pack(tmp_path, audit)) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    assert {"work/subject.jinja", "work/judge.jinja"} <= names


def test_inputs_from_elsewhere_are_packed_and_the_configuration_names_them_there(tmp_path):
    mine = write(tmp_path / "elsewhere" / "own.jsonl", "{}")
    near = write(tmp_path / "work" / "near.jsonl", "{}")
    audit = make_audit(own=[str(mine), "near.jsonl"])
    publish(tmp_path / "work" / "results", audit)
    config = {"audits": {"demo": {"hypotheses": str(mine), "other": "near.jsonl"}}}
    folder = unpacked(pack(tmp_path / "work", audit, config=config), tmp_path / "out")
    assert (folder / "inputs" / "own.jsonl").is_file() and (folder / near.name).is_file()
    assert "hypotheses: inputs/own.jsonl" in (folder / "audit.yaml").read_text()


def test_recordings_and_their_prompts_are_packed(tmp_path):
    paths = [write(tmp_path / "elsewhere" / f"{name}.jsonl", name) for name in "abq"]
    audit = make_audit(responses=paths[:2])
    recorded = next(n for n in audit["nodes"] if n["stage"] == "responses")
    recorded["local"]["responses"]["prompts"] = {"path": str(paths[2])}
    publish(tmp_path / "work" / "results", audit)
    config = {"audits": {"demo": {"base": {"responses": {"path": str(paths[0])}}}}}
    folder = unpacked(pack(tmp_path / "work", audit, config=config), tmp_path / "out")
    assert {p.name for p in (folder / "inputs").iterdir()} == {"a.jsonl", "b.jsonl", "q.jsonl"}
    assert "path: inputs/a.jsonl" in (folder / "audit.yaml").read_text()


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
