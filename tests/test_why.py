"""`snakemake why`: which setting changed which key."""

import pytest
from audits import key, make_audit, publish, write

from scripts.core.errors import AuditError
from scripts.tools.why import changes, differences, explained, flat, why


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
