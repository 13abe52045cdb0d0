"""`snakemake prune`: what no audit needs goes, and nothing else."""

import os
import time
from pathlib import Path

import pytest
from audits import key, make_audit, publish, write

from scripts.cache.records import RecordCache, record_key
from scripts.core.errors import AuditError
from scripts.tools.prune import delete, named_by_config, orphans, prune


def tree(folder: Path) -> dict[str, bytes | None]:
    return {
        str(p.relative_to(folder)): p.read_bytes() if p.is_file() and not p.is_symlink() else None
        for p in sorted(folder.rglob("*"))
    }


def call_prune(audits, root, really):
    return "\n".join(prune(audits, root / "results", root / "cache", really))


def test_what_an_audit_names_stays(tmp_path):
    audit = make_audit()
    publish(tmp_path / "results", audit)
    before = tree(tmp_path)
    assert orphans(tmp_path / "results", named_by_config({"demo": audit})) == []
    assert "There is nothing to delete." in call_prune({"demo": audit}, tmp_path, True)
    assert tree(tmp_path) == before


def test_orphans_are_listed_and_deleted_only_when_told(tmp_path):
    audit, results = make_audit(), tmp_path / "results"
    publish(results, audit)
    kept = tree(tmp_path)
    old = results / "measure" / key("old")
    plan = results / "decode" / key("decode base") / "base" / key("old plan")
    wrong_side = results / "decode" / key("decode base") / "intervention" / key("plan explore")
    report = results / "report" / key("old report")
    for folder in (old, plan, wrong_side, report):
        write(folder / "round-0" / "file", "x" * 1000)
    before = tree(tmp_path)
    said = call_prune({"demo": audit}, tmp_path, False)
    assert tree(tmp_path) == before
    assert all(str(p) in said for p in (old, plan, wrong_side, report)) and "4.0 kB" in said
    assert "Nothing was deleted" in said
    assert "Deleted 4 directories (4.0 kB)" in call_prune({"demo": audit}, tmp_path, True)
    left = tree(tmp_path)
    empty = results / "decode" / key("decode base") / "intervention"
    assert {k: v for k, v in left.items() if k != str(empty.relative_to(tmp_path))} == kept


def test_a_decode_key_that_nothing_names_goes_whole(tmp_path):
    results = tmp_path / "results"
    write(results / "decode" / key("old") / "base" / key("plan explore") / "shard")
    named = named_by_config({"demo": make_audit()})
    assert orphans(results, named) == [results / "decode" / key("old")]


def test_nothing_outside_keyed_directories_is_ever_touched(tmp_path):
    """Look-alikes beside, above and behind links survive a real call."""
    results, elsewhere = tmp_path / "results", tmp_path / "elsewhere"
    survivors = [
        elsewhere / key("a") / "precious",
        results / "audits" / key("audit") / "report.html",
        results / "archives" / key("archive") / "file",
        results / "benchmarks" / "summary.json",
        results / "measure" / "notes.txt",
        results / "measure" / "deadbeef" / "short",
        results / "measure" / ("A" * 16) / "upper",
        results / "measure" / (key("x") + "0") / "long",
        results / "unknown" / key("x") / "file",
        results / "decode" / key("decode base") / "other" / key("x") / "file",
        tmp_path / "measure" / key("x") / "file",
    ]
    for path in survivors:
        write(path, "keep")
    (results / "measure" / key("link")).symlink_to(elsewhere / key("a"))
    (results / "embed").symlink_to(elsewhere)
    doomed = results / "measure" / key("orphan")
    write(doomed / "file")
    (doomed / "inside").symlink_to(elsewhere)
    call_prune({"demo": make_audit()}, tmp_path, True)
    assert not doomed.exists()
    assert all(path.read_text() == "keep" for path in survivors)
    assert (results / "measure" / key("link")).is_symlink()
    assert (elsewhere / key("a") / "precious").exists()


@pytest.mark.parametrize(
    "path",
    [
        "results", "results/measure", "results/measure/x", "results/audits/0123456789abcdef",
        "results/measure/0123456789abcdef/round-0", "results/measure/../0123456789abcdef",
        "results/decode/0123456789abcdef/base",
        "results/decode/0123456789abcdef/x/0123456789abcdef",
        "elsewhere/0123456789abcdef", "results/embed/0123456789abcdef",
    ],
)  # fmt: skip
def test_delete_refuses_every_other_path(tmp_path, path):
    (tmp_path / "elsewhere" / "0123456789abcdef").mkdir(parents=True)
    (tmp_path / "results" / "measure" / "0123456789abcdef" / "round-0").mkdir(parents=True)
    (tmp_path / "results" / "0123456789abcdef").mkdir()
    (tmp_path / "results" / "embed").symlink_to(tmp_path / "elsewhere")
    before = tree(tmp_path)
    with pytest.raises(AuditError, match="left alone"):
        delete(tmp_path / path, tmp_path / "results")
    assert tree(tmp_path) == before


def test_what_another_configurations_published_audit_rests_on_is_kept(tmp_path):
    results, other = tmp_path / "results", make_audit(q=0.2)
    publish(results, other, name="other")
    said = call_prune({"demo": make_audit()}, tmp_path, False)
    assert "There is nothing to delete." in said and "other" in said
    for path in (results / "audits" / "other").iterdir():
        path.unlink()
    assert str(results / "confirm" / key("confirm 0.2")) in call_prune(
        {"demo": make_audit()}, tmp_path, False
    )
    write(results / "audits" / "other" / "audit.json", "{")
    with pytest.raises(AuditError, match="what it rests on is unknown"):
        call_prune({"demo": make_audit()}, tmp_path, True)


def test_a_killed_call_is_finished_by_the_next(tmp_path):
    begun = tmp_path / "results" / "measure" / f".pruned-{key('x')}"
    write(begun / "file")
    assert str(begun) in call_prune({"demo": make_audit()}, tmp_path, False)
    call_prune({"demo": make_audit()}, tmp_path, True)
    assert not begun.exists()


def test_of_the_cache_only_what_no_one_can_use_goes(tmp_path):
    cache = RecordCache(tmp_path / "cache" / "generations")
    cache.add_many({record_key(i): {"text": str(i)} for i in range(5)})
    cache.add_many({record_key(9): {"text": "9"}})
    (segment, *_) = [path for path, *_ in cache.segments()]
    corrupt = write(tmp_path / "cache" / "generations" / f"{'0' * 32}.seg.corrupt")
    stale = write(tmp_path / "cache" / "generations" / f".tmp-{'0' * 16}-x.seg")
    fresh = write(tmp_path / "cache" / "generations" / f".tmp-{'1' * 16}-x.seg")
    os.utime(stale, (time.time() - 200_000,) * 2)
    broken = write(tmp_path / "cache" / "embeddings" / "ab" / f"{'1' * 32}.seg", "not a segment")
    said = call_prune({"demo": make_audit()}, tmp_path, False)
    assert corrupt.exists() and stale.exists() and broken.exists()
    (row,) = [line.split() for line in said.split("\n") if line.startswith("generations")]
    assert row[1:3] == ["2", "6"]
    assert "1 segments set aside as corrupt, 1 temporary" in said
    assert "safe to delete as a whole" in said
    call_prune({"demo": make_audit()}, tmp_path, True)
    assert not corrupt.exists() and not stale.exists()
    assert segment.exists() and fresh.exists() and broken.exists()
    assert len(cache.get_many([record_key(i) for i in (0, 1, 2, 3, 4, 9)])) == 6
