"""The targets that look at audits from outside: estimate, why, prune."""

import os
import time
from pathlib import Path

import pytest
from audits import key, make_audit, publish, write

from scripts.cache.records import RecordCache, record_key
from scripts.estimate import (
    DECODE,
    EMBED,
    NOTHING,
    STEP,
    Line,
    Range,
    Rates,
    estimate,
    explore_draws,
    lines_of,
    mark_shared,
    measured_rates,
    pool_draws,
)
from scripts.prune import delete, named_by_config, orphans, prune
from scripts.why import changes, differences, explained, flat, why
from scripts.workflow.errors import AuditError
from scripts.workflow.files import write_json, write_jsonl
from scripts.workflow.tables import count, duration, size, table

# Tables


def test_numbers_as_people_write_them():
    assert [count(0), count(1234567)] == ["", "1,234,567"]
    assert [size(0), size(999), size(1000), size(2_500_000)] == ["0 B", "999 B", "1.0 kB", "2.5 MB"]
    assert size(3 * 10**15) == "3000.0 TB"
    assert [duration(0), duration(89), duration(120), duration(7200)] == [
        "0 s", "89 s", "2 min", "2.0 h",
    ]  # fmt: skip
    assert table(["a", "size"], [["name", "7"], ["b", "12,000"]]).split("\n") == [
        "a       size", "----  ------", "name       7", "b     12,000",
    ]  # fmt: skip


# estimate


@pytest.mark.parametrize(
    "plan, loop, regions, bank, draws",
    [
        # 5 a region in the pilot, then two rounds of 100
        ({"pilot": 5, "draws": 100, "budget": 9999, "ready": False}, 3, 10, (3000, 0), 250),
        ({"pilot": 5, "draws": 100, "budget": 180, "ready": False}, 3, 10, (3000, 0), 180),
        ({"pilot": 5, "draws": 100, "budget": 9999, "ready": False}, 1, 10, None, 50),
        # 12 prompts, each at most 16 times
        ({"pilot": 5, "draws": 100, "budget": 9999, "ready": False}, 3, 10, (12, 0), 192),
        ({"pilot": 5, "draws": 100, "budget": 9, "ready": True}, 3, 10, (12, 70), 70),
    ],
)
def test_explore_draws_at_most(plan, loop, regions, bank, draws):
    assert explore_draws(plan, {"rounds": loop}, regions, bank) == draws


def test_pool_draws_at_most():
    assert pool_draws({"prompts": 24, "samples": 2}, 4, (3000, 0)) == 192
    assert pool_draws({"prompts": 24, "samples": 2}, 4, (50, 0)) == 100
    assert pool_draws({"prompts": 24, "samples": 2}, 4, None) == 192


def test_the_lines_of_an_audit_add_up(tmp_path):
    bank = write(tmp_path / "prompts.txt", "".join(f"prompt {i}\n" for i in range(300)))
    plants = write(tmp_path / "plant.yaml", "controls: [a, b, c]\n")
    audit = make_audit(plants, sources=[{"path": str(bank), "format": "text"}])
    lines = {line.part: line for line in lines_of(audit, tmp_path / "results")}
    assert list(lines) == ["plant", "regions", "explore", "screen", "confirm"]
    assert (lines["plant"].steps, lines["plant"].tokens) == (50, 3 * 40)
    assert lines["regions"].texts == 300 + 12 * 10
    # (5 x 10 + 2 x 100) of each subject, 32 tokens each; each text is embedded
    assert (lines["explore"].draws, lines["explore"].tokens) == (500, 500 * 32)
    assert lines["explore"].texts == 500
    # 6 prompts in 4 of 10 regions; 24 prompts twice in 4 regions, but 150 at most
    assert (lines["screen"].draws, lines["screen"].tokens) == (48, 48 * 32)
    assert (lines["confirm"].draws, lines["confirm"].tokens) == (300, 300 * 32)
    assert all((line.bill, line.state) == (NOTHING, "") for line in lines.values())


def test_own_hypotheses_may_concern_every_region(tmp_path):
    bank = write(tmp_path / "prompts.txt", "".join(f"prompt {i}\n" for i in range(300)))
    audit = make_audit(own=["mine.jsonl"], sources=[{"path": str(bank), "format": "text"}])
    lines = {line.part: line for line in lines_of(audit, tmp_path / "results")}
    assert lines["confirm"].draws == 2 * 24 * 2 * 10 and "plant" not in lines


def test_ready_responses_decode_nothing(tmp_path):
    rows = [{"prompt": f"p{i % 20}", "response": str(i)} for i in range(60)]
    for name in ("before.jsonl", "after.jsonl"):
        write_jsonl(tmp_path / name, rows)
    paths = [str(tmp_path / name) for name in ("before.jsonl", "after.jsonl")]
    lines = {ln.part: ln for ln in lines_of(make_audit(responses=paths), tmp_path / "results")}
    assert lines["explore"].draws == 2 * 60 and lines["explore"].texts == 2 * 60
    assert all(line.tokens == 0 for line in lines.values())


def test_a_built_bank_is_counted_from_its_report(tmp_path):
    audit = make_audit(sources=[{"path": str(tmp_path / "gone.txt"), "format": "text"}])
    place = tmp_path / "results" / "bank" / key("bank")
    write(place / "bank.jsonl")
    write_json(place / "bank.json", {"prompts": 77})
    assert lines_of(audit, tmp_path / "results")[0].texts == 77 + 120


def test_what_is_done_or_shared_is_not_paid_again(tmp_path):
    bank = write(tmp_path / "prompts.txt", "".join(f"prompt {i}\n" for i in range(300)))
    audit = make_audit(sources=[{"path": str(bank), "format": "text"}])
    results = tmp_path / "results"
    write(results / "regions" / key("regions") / "regions.json")
    write_json(results / "measure" / key("measure") / "round-0" / "round.json", {"stop": False})
    states = [line.state for line in lines_of(audit, results)]
    assert states == ["done", "", "", ""]
    write_json(results / "measure" / key("measure") / "round-1" / "round.json", {"stop": True})
    twice = mark_shared((name, ln) for name in ("a", "b") for ln in lines_of(audit, results))
    states = [line.state for _, line in twice]
    assert states == ["done", "done", "", "", "done", "done", "shared", "shared"]
    total = [
        row for row in estimate({"a": audit, "b": audit}, results).split("\n") if "still" in row
    ]
    assert total[0].split()[:5] == ["still", "to", "do", "348", "11,136"]  # 48 + 300 draws


def test_seconds_follow_from_rates():
    rates = Rates(Range(100, 200), Range(10, 50), Range(1, 2))
    # 1000/200 + 100/50 + 3*1 and 1000/100 + 100/10 + 3*2
    assert rates.seconds(tokens=1000, texts=100, steps=3) == Range(10, 26)
    assert Rates().seconds(tokens=500, texts=230, steps=1) == Range(500 / 500 + 1 + 1.2, 6.3)


def test_rates_come_from_ledgers_where_there_are_any(tmp_path):
    assert measured_rates(tmp_path) == Rates(DECODE, EMBED, STEP, (0, 0, 0))
    shard = "decode/{}/base/{}/round-0/shard-0-of-1.ledger.json"
    for place, (tokens, wall) in enumerate([(1000, 10), (3000, 10), (100, 50)]):
        path = tmp_path / shard.format(key(str(place)), key("p"))
        write_json(path, {"tokens": tokens, "texts": 9, "wall_seconds": wall})
    plant = {"training_seconds": 100.0, "losses": [1.0] * 50}
    write_json(tmp_path / "plant" / key("plant") / "plant.json", plant)
    rates = measured_rates(tmp_path)
    # the third job is too small to count; tenths of 100 and 300 lie at 120 and 280
    assert rates.decode == pytest.approx((120, 280)) and rates.jobs == (2, 0, 1)
    assert rates.embed == EMBED and rates.step == Range(2, 2)


def test_the_estimate_is_a_table_that_states_its_rates(tmp_path):
    bank = write(tmp_path / "prompts.txt", "".join(f"prompt {i}\n" for i in range(300)))
    audit = make_audit(sources=[{"path": str(bank), "format": "text"}])
    text = estimate({"demo": audit}, tmp_path / "results")
    assert "250 - 500 tokens/s (assumed" in text and "still to do" in text
    assert not (tmp_path / "results").exists()


def test_a_line_without_work_is_free():
    assert Rates().seconds(*(getattr(Line("x", ""), n) for n in ("tokens", "texts", "steps"))) == (
        0, 0,
    )  # fmt: skip


# why


def test_settings_are_compared_by_dotted_path():
    assert flat({"a": {"b": 1, "c": {}}, "d": [1, 2]}) == {"a.b": 1, "a.c": {}, "d": [1, 2]}
    old = {"a": {"b": 1}, "gone": 2, "same": [1]}
    new = {"a": {"b": 3}, "more": None, "same": [1]}
    assert differences(old, new) == (
        ("a.b", 1, 3), ("gone", 2, "(none)"), ("more", "(none)", None),
    )  # fmt: skip


def test_digests_of_inputs_are_no_settings():
    assert differences({"subject": "a" * 64}, {"subject": "b" * 64}) == ()
    assert differences({"revision": "a" * 40}, {"revision": "b" * 40}) == (
        ("revision", "a" * 40, "b" * 40),
    )


def published(audit):
    report = audit["nodes"][-1]
    keys = [n for n in audit["nodes"] if n["stage"] != "report"]
    return {"key": audit["key"], "config": report["settings"]["config"], "keys": keys}


def test_an_unchanged_audit_is_the_same_throughout():
    audit = make_audit()
    assert {change.state for change in changes(published(audit), audit)} == {"same"}
    assert explained("demo", changes(published(audit), audit)) == ["demo: published as configured"]


def test_a_changed_setting_is_named_where_it_counts():
    found = changes(published(make_audit()), make_audit(q=0.1))
    changed = {change.stage: change.settings for change in found if change.state != "same"}
    assert changed == {
        "confirm": (("q", 0.05, 0.1),), "report": (("audit.confirm.q", 0.05, 0.1),),
    }  # fmt: skip
    lines = explained("demo", found)
    assert any(line.split() == ["confirm", "changed", "q:", "0.05", "->", "0.1"] for line in lines)
    assert any(line.split() == ["plan", "(confirm)", "same"] for line in lines)


def test_a_change_of_code_or_inputs_is_said():
    old, new = make_audit(), make_audit()
    for n in new["nodes"]:
        if n["stage"] in ("embed", "measure"):
            n["key"] = key("other code")
    lines = explained("demo", changes(published(old), new))
    (line,) = [line for line in lines if line.split()[0] == "measure"]
    assert line.endswith("code or an input changed")


def test_two_nodes_of_one_stage_are_matched_by_key_then_order():
    old, new = make_audit(), make_audit()
    for n in new["nodes"]:
        if n["key"] == key("decode changed"):
            n |= {"key": key("d2"), "settings": {"sampling": {"max_new_tokens": 64}}}
    found = [c for c in changes(published(old), new) if c.stage == "decode"]
    assert [(c.state, c.settings) for c in found] == [
        ("same", ()), ("changed", (("sampling.max_new_tokens", 32, 64),)),
    ]  # fmt: skip


def test_a_stage_that_came_or_went(tmp_path):
    planted, plain = make_audit(tmp_path / "plant.yaml"), make_audit()
    assert [c.state for c in changes(published(plain), planted) if c.stage == "plant"] == ["new"]
    assert [c.state for c in changes(published(planted), plain) if c.stage == "plant"] == ["gone"]


def test_why_says_what_is_not_published_and_refuses_what_it_cannot_read(tmp_path):
    audit = make_audit()
    assert why({"demo": audit}, tmp_path).startswith("demo: not published yet")
    publish(tmp_path, audit)
    assert why({"demo": audit}, tmp_path) == "demo: published as configured"
    write(tmp_path / "audits" / "demo" / "audit.json", '{"schema": 1}')
    with pytest.raises(AuditError, match=r"audit\.json` cannot be compared"):
        why({"demo": audit}, tmp_path)


# prune


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
