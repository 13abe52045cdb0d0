"""What servers did with an audit's draws: counted, said on the page, and nothing judged for it."""

import json
from collections import Counter
from pathlib import Path

import h5py
import pytest
import yaml
from conftest import read_lines, snakemake, write_config
from loopback import Loopback

from scripts.core.errors import AuditError
from scripts.core.ledger import Ledger
from scripts.decode import heard
from scripts.draws.absence import Absence, absent, note_outcomes
from scripts.hypotheses.drawn_pairs import pairs_by_draw
from scripts.page.servers import notices_of_servers

HASTY = str(Path(__file__).resolve().parent / "hasty")
# Shares of attempts, of prompts and of draws that go wrong.
ATTEMPTS = ("busy", "broken", "silent", "truncated", "reset", "hidden")
WHY = {
    "long": Absence.TOO_LONG, "filters": Absence.REJECTED, "fails": Absence.FAILED,
    "drowns": Absence.CUT, "silences": Absence.UNANSWERED,
}  # fmt: skip


def side(name, texts=100, **counted):
    return Ledger("decode", "call", side=name, texts=texts, **counted)


def said(*ledgers) -> str:
    return " ".join(notices_of_servers(ledgers))


def test_nothing_is_said_where_nothing_is_missing():
    assert not notices_of_servers([side("base"), side("intervention"), Ledger("embed", "")])
    assert not notices_of_servers([side("base", answered_by={"fp": 9}), side("intervention")])


def test_missing_texts_are_said_with_their_reasons_and_remedies():
    embed = Ledger("embed", "call", left_out=3)
    few = said(side("base", missing={Absence.TOO_LONG: 2}), side("intervention",
               missing={Absence.TOO_LONG: 2, Absence.FAILED: 1}), embed)  # fmt: skip
    assert "the base's in 2 of 100 draws (the prompt is too long for the server: 2)" in few
    assert "costs 3 pairs" in few and "longer context" in few and "chance" not in few
    many = said(side("base"), side("intervention", missing={Absence.FAILED: 30}))
    assert "more often than chance explains" in many


def test_replies_cut_while_thinking_are_said_first_when_they_are_more_than_a_fiftieth():
    base = side("base")
    first, *_ = notices_of_servers([base, side("intervention", missing={Absence.CUT: 3})])
    assert "intervention was cut while thinking in 3 of 100 draws (3%)" in first
    assert "max_new_tokens" in first
    first, *_ = notices_of_servers([base, side("intervention", missing={Absence.CUT: 2})])
    assert "was cut" not in first


def test_another_server_and_fields_that_were_not_taken_are_said():
    found = said(
        side("base", answered_by={"fp_1": 90}),
        side("base", answered_by={"fp_2": 10}),
        side("intervention", answered_by={"fp_3": 99}, without={"temperature": 99}),
    )
    assert "`fp_1` (90 texts), `fp_2` (10 texts)" in found and "fp_3" not in found
    assert "The intervention's server takes no `temperature`" in found


def test_a_job_of_which_no_draw_has_a_text_stops_with_the_remedy():
    ledger = Ledger("decode", "call")
    note_outcomes([absent(Absence.TOO_LONG)] * 7, ledger)
    assert ledger.missing == {Absence.TOO_LONG: 7}, "few draws may be unlucky"
    with pytest.raises(AuditError, match=r"none of 8 draws has a text.*longer context"):
        note_outcomes([absent(Absence.TOO_LONG)] * 8, ledger)


def test_what_was_not_said_is_not_compared():
    cut = absent(Absence.CUT, 9, "Let me see")
    assert heard(cut, "answer") is None
    assert heard(cut, "thoughts") == heard(cut, "both") == "Let me see"
    assert heard(absent(Absence.FAILED), "thoughts") is None
    assert heard({"text": "", "tokens": 0}, "answer") == "", "an empty text was said"


def test_an_audit_whose_server_misbehaves_in_every_way_counts_it_and_judges_what_was_said(
    workspace,
):
    config = yaml.safe_load((workspace / "config/config.yaml").read_text())
    told = dict.fromkeys((*ATTEMPTS, *WHY, "ponders"), 0.05) | {"rejects": ("max_tokens",)}
    with Loopback(**told, fingerprint="fp_1") as server:
        address = {"url": server.openai, "model": "m", "concurrency": 16, "timeout": 1.0}
        config["subjects"]["tiny"] = {"server": address}
        config["audits"]["small"]["intervention"] = {"server": {"model": "tuned"}}
        write_config(workspace, config)
        snakemake(workspace, "--cores", "all", env={"PYTHONPATH": HASTY})
        server.behaviour.fingerprint = "fp_2"
        compared = server.subject.compared
    results = workspace / "results"
    shards = sorted(results.glob("decode/*/*/*/*/shard-*-of-*.jsonl"))
    rows = [row for shard in shards for row in read_lines(shard)]
    ledgers = [json.loads(p.read_text()) for p in results.glob("decode/*/*/*/*/*.ledger.json")]
    counted = sum((Counter(ledger["missing"]) for ledger in ledgers), Counter())
    happened = Counter(o for asked, o in server.subject.outcomes.items() if asked not in compared)
    assert set(happened) == {"said", "ponders", *WHY}
    assert counted == {WHY[name].value: happened[name] for name in WHY}
    assert Counter(row["reason"] for row in rows if row["text"] is None) == counted
    texts = {row["draw"]: row["text"] for row in rows}
    assert all(text is None or text.startswith("about ") for text in texts.values())

    pairs = {}
    for step in {shard.parent.name for shard in shards}:
        base, intervention = (
            [s for s in shards if s.parent.name == step and f"/{name}/" in str(s)]
            for name in ("base", "intervention")
        )
        pairs |= pairs_by_draw(map(str, base), map(str, intervention))
    assert all(pair.base and pair.intervention for pair in pairs.values())
    embedded = []
    for path in results.glob("embed/*/*/*.h5"):
        with h5py.File(path) as file:
            embedded += list(file["draw"].asstr()[:])
    assert all(texts[draw] for draw in embedded) and len(embedded) == 2 * len(pairs)

    audit = json.loads((results / "audits/small/audit.json").read_text())
    assert audit["counts"]["draws_base"] == len(pairs) < len(rows) / 2
    for finding in read_lines(results / "audits/small/findings.jsonl"):
        for pair in finding["evidence"]:
            assert pair["base"].startswith("about") and pair["intervention"].startswith("about")
    page = (results / "audits/small/report.html").read_text()
    assert "A text is missing" in page and "was cut while thinking in" in page
    assert f"{len(rows) // 2 - len(pairs)} pairs" in page
    assert "more than one version" not in page
    assert snakemake(workspace, "export", "--cores", "1").returncode == 0
