"""`snakemake archive`: what an audit rests on, in one file."""

import gzip
import hashlib
import os
import tarfile

import pytest
from outside import key, make_audit, publish, write

from scripts.archive import archive, archive_all, check_published
from scripts.workflow.errors import AuditError
from scripts.workflow.recipes import STAGES


def test_an_archive_holds_what_the_audit_needs_and_nothing_else(tmp_path):
    results, audit = tmp_path / "results", make_audit(tmp_path / "plant.yaml")
    publish(results, audit)
    write(results / "measure" / key("orphan") / "file")
    write(results / "decode" / key("decode base") / "base" / key("old plan") / "shard.jsonl")
    write(results / "audits" / "other" / "audit.json", "{}")
    target = archive("demo", audit, results)
    assert target.parent == results / "archives" and target.name.startswith("demo-")
    with tarfile.open(target) as packed:
        members = packed.getmembers()
        content = {m.name: packed.extractfile(m).read() for m in members}
    prefix = target.name.removesuffix(".tar.gz")
    names = [name.removeprefix(f"{prefix}/") for name in content]
    assert names[0] == "MANIFEST.sha256" and names[1:] == sorted(names[1:])
    assert "results/audits/demo/audit.json" in names
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
        made.append(archive("demo", audit, results))
        write(results / "decode" / key("decode base") / "base" / f".tmp-{'0' * 16}-x")
        assert archive("demo", audit, results) == made[-1]
    assert made[0].name == made[1].name
    assert made[0].read_bytes() == made[1].read_bytes()
    assert gzip.decompress(made[0].read_bytes())
    write(tmp_path / "two" / "results" / "confirm" / key("confirm 0.05") / "output.jsonl", "other")
    assert archive("demo", audit, tmp_path / "two" / "results").name != made[0].name


def test_links_are_not_followed_into_an_archive(tmp_path):
    results, audit = tmp_path / "results", make_audit()
    publish(results, audit)
    secret = write(tmp_path / "secret")
    (results / "measure" / key("measure") / "link").symlink_to(secret)
    with tarfile.open(archive("demo", audit, results)) as packed:
        assert not any(name.endswith("link") for name in packed.getnames())


def test_an_archive_is_refused_in_one_sentence(tmp_path):
    results, audit = tmp_path / "results", make_audit()
    with pytest.raises(AuditError, match="`demo` is not published yet; run `snakemake demo"):
        archive("demo", audit, results)
    publish(results, make_audit(q=0.2))
    with pytest.raises(AuditError, match="comes from other settings, inputs or code"):
        check_published("demo", audit["key"], results)
    publish(results, audit)
    missing = results / "confirm" / key("confirm 0.05")
    (missing / "output.jsonl").unlink()
    with pytest.raises(AuditError, match=f"`{missing}` is missing.*--forcerun confirm"):
        archive("demo", audit, results)
    assert not (results / "archives").exists()


def test_of_several_audits_those_that_can_be_packed_are(tmp_path, capsys):
    results, audit = tmp_path / "results", make_audit()
    publish(results, audit)
    with pytest.raises(AuditError, match="`absent` is not published"):
        archive_all({"absent": make_audit(q=0.3), "demo": audit}, results)
    assert len(list((results / "archives").iterdir())) == 1
    assert "demo-" in capsys.readouterr().out
