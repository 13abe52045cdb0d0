"""`snakemake export`: the texts of an audit with its verdicts, and back as recorded responses."""

import json

import pandas
import pytest
from audits import node
from conftest import FORMS, TOPICS, copy_workflow, read_lines, snakemake, write_config

from scripts.checks.check import (
    Check,
    DirectionCheck,
    MeasureCheck,
    MissingCheck,
    PhraseCheck,
    Placed,
    TextsCheck,
)
from scripts.core.errors import AuditError
from scripts.core.rows import write_document, write_rows
from scripts.divergence.round import Ending, Round
from scripts.draws.generation import Generation
from scripts.hypotheses.finding import Finding
from scripts.hypotheses.judgement import Judgement
from scripts.hypotheses.pairs import Pair
from scripts.prompts.prompt import Prompt
from scripts.readers.reading import Reading
from scripts.recordings.files import RecordedResponse
from scripts.tools import export
from scripts.tools.export import (
    Texts,
    columns_of,
    rows_of_audit,
    said_by_models,
    texts_by_prompt,
    verdict,
)
from scripts.tools.export_finished import Finished, shards_in
from scripts.workflow.export_formats import WRITERS, check_format

# Rows


def finding(check: Check | None, number: int = 1) -> Finding:
    return Finding(id=f"h{number}", statement="", direction="more", source="local", check=check)


def phrase(number: int, words: str, **more) -> Finding:
    return finding(PhraseCheck(phrases=(words,), **more), number)


def test_a_verdict_is_the_pair_score_of_the_findings_check():
    texts, pair = Texts(0, "no", "oh yes"), Pair("p", "r0", "no", "oh yes")
    assert verdict(phrase(1, "yes"), texts, pair, {}) == 1
    assert verdict(phrase(2, "no"), texts, pair, {}) == -1
    assert verdict(phrase(3, "yes", absent=True), texts, pair, {}) == -1
    assert verdict(phrase(4, "perhaps"), texts, pair, {}) == 0
    assert verdict(phrase(5, "yes"), texts, None, {}) is None


def test_where_texts_lie_counts_for_checks_that_look_there():
    pair = Pair("p", "r0", "a", "b", Placed(0, -0.5), Placed(3, 0.5))
    texts = Texts(0, "a", "b")
    kind = finding(TextsCheck(texts=3, name=("b",)))
    assert verdict(kind, texts, pair, {}) == 1
    away = finding(DirectionCheck(absent=True))
    assert verdict(away, texts, pair, {}) == -1


def test_what_repeats_its_prompt_is_told_by_the_prompt_of_the_row():
    prompt = Prompt("p", "What is old bread?")
    pairs = {("p", 0): Pair("p", "r0", "Stale.", "What is old bread? Stale.")}
    texts = {"p": [Texts(0, "Stale.", "What is old bread? Stale.")]}
    repeats = finding(MeasureCheck(measure="prompt-repeated"))
    (row,) = rows_of_audit([prompt], {}, texts, pairs, [repeats], {}, {})
    assert row["h1"] == 1


def test_that_a_response_is_missing_is_seen_without_a_pair():
    more, less = finding(MissingCheck()), finding(MissingCheck(absent=True))
    gone = Texts(0, "a", None, "filter")
    assert (verdict(more, gone, None, {}), verdict(less, gone, None, {})) == (1, -1)
    assert verdict(more, Texts(0, None, None), None, {}) == 0


def judgement(base, intervention, refused=0, prompt="p"):
    return Judgement("h1", "r0", prompt, base, intervention, None, (), None, refused)


def test_models_are_quoted_and_where_they_said_nothing_nobody_looked():
    pairs = [Pair(name, "r0", "a", "b") for name in ("p", "p", "q")]
    rows = [judgement(1, 0), judgement(0, 0.5, 1), judgement(0, 0, 1, "q")]
    said = said_by_models(rows, pairs)
    assert said == {("h1", "p"): 0.5, ("h1", "q"): None}
    judged, texts = finding(None), Texts(0, "a", "b")
    assert [verdict(judged, texts, pair, said) for pair in pairs] == [0.5, 0.5, None]
    assert verdict(judged, texts, Pair("unread", "r0", "a", "b"), said) is None


def test_recordings_give_what_both_sides_have_an_entry_for():
    def side(*texts):
        rows = [RecordedResponse("p", n, t, reason=f"no {n}") for n, t in enumerate(texts)]
        return {"p": rows, "alone": rows} if len(texts) > 2 else {"p": rows}

    found = texts_by_prompt({}, (side("a", "b", None), side("c", None)))
    assert found == {"p": [Texts(0, "a", "c"), Texts(1, "b", None, "no 1")]}


def test_columns_are_those_of_which_something_is_known():
    bank, findings = [Prompt("", "", "x"), Prompt("", "", group="y")], [finding(None)]
    known = ["prompt", "base", "intervention", "sample", "prompt_id", "pool", "region"]
    assert list(columns_of([Prompt("", "")], findings, False)) == [*known, "h1"]
    assert list(columns_of(bank, findings, True)) == [*known, "category", "group", "reason", "h1"]


# Files

COLUMNS = {"prompt": str, "base": str, "intervention": str, "sample": int, "reason": str,
           "h1": float}  # fmt: skip
MESSAGES = [{"role": "system", "content": 'Be, "so"'}, {"role": "user", "content": "é\n1"}]
ROWS = [
    {"prompt": "one, two", "base": "a\n\"b\"", "intervention": "", "sample": 0, "reason": None,
     "h1": -1},
    {"prompt": MESSAGES, "base": " x\u2028", "intervention": "=1+1", "sample": 1, "reason": None,
     "h1": None},
    {"prompt": "three", "base": None, "intervention": "y", "sample": 0, "reason": "filter",
     "h1": None},
]  # fmt: skip


def read_back(path, side):
    rows = Reading({"path": str(path), "response": side}, "response")
    return [(row.prompt, row.response, row.sample) for row in rows]


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("side", ["base", "intervention"])
def test_every_format_is_read_back(tmp_path, name, side):
    if name == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"texts.{name}"
    WRITERS[name](path, COLUMNS, iter(ROWS))
    held = ROWS[:2] if name == "csv" else ROWS
    assert read_back(path, side) == [(r["prompt"], r[side], r["sample"]) for r in held]
    if name != "csv" and side == "base":
        settings = {"path": str(path), "response": side}
        assert list(Reading(settings, "response"))[-1].reason == "filter"


def test_a_format_that_lacks_its_package_is_said_before_anything_is_looked_at(monkeypatch):
    monkeypatch.setattr("scripts.workflow.export_formats.find_spec", lambda name: None)
    with pytest.raises(AuditError, match="needs pyarrow, which is not installed; run `pip install"):
        export.export_all({"demo": {}}, None, "parquet")
    check_format("csv")


def test_what_is_not_published_is_refused_after_the_others(tmp_path):
    audits = {"demo": {"key": "0" * 16, "nodes": []}}
    with pytest.raises(AuditError, match="the audit `demo` is not published yet; run `snakemake d"):
        export.export_all(audits, tmp_path, "jsonl")


# A whole audit, and back

PLANTED = {"gardens": "purple elephants", "music": "silver umbrellas"}


def write_recorded(path) -> None:
    """Both sides in one file: two topics with a planted phrase, messages, paraphrases, prompts of
    one to four samples, and responses that are missing on one side or on both."""
    rows, number = [], 0
    for topic, things in TOPICS.items():
        for thing in things:
            for form in FORMS:
                text, number = form.format(thing=thing), number + 1
                system = {"role": "system", "content": "Be brief."}
                prompt = [system, {"role": "user", "content": text}] if number % 5 == 0 else text
                for sample in range(1 + number % 4):
                    plain = f"Much is said of {thing}: {number * 7 % 31}, {sample}.\r\n"
                    planted = f"{plain}{PLANTED[topic]}" if topic in PLANTED else plain
                    row = {"question": prompt, "old": plain, "new": planted, "domain": topic}
                    if number % 9 == 0:
                        row |= {"new": None, "error": "content filter"}
                    if number % 27 == 0 and sample:
                        row |= {"old": None}
                    rows.append(row | ({"group": f"all {thing}"} if number % 11 == 0 else {}))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def configured(tiny, path, **sides) -> dict:
    audit = {
        side: {"responses": {"response": field} | ({"path": path} if side == "base" else {})}
        for side, field in sides.items()
    }
    return audit | {
        "regions": {"method": "kmeans", "count": 6},
        "embed": {"model": tiny["encoder"]},
        "screen": {"prompts": 4, "samples": 2},
        "confirm": {"prompts": 12, "samples": 2},
    }


@pytest.fixture(scope="module")
def exported(tmp_path_factory, tiny):
    """An audit of recorded responses, its export, and an audit of that."""
    folder = copy_workflow(tmp_path_factory.mktemp("exported") / "work")
    write_recorded(folder / "outputs.jsonl")
    first = configured(tiny, "outputs.jsonl", base="old", intervention="new")
    write_config(folder, {"audits": {"first": first}})
    snakemake(folder, "--cores", "all")
    for name in ("jsonl", "csv"):
        snakemake(folder, "export", "--cores", "1", "--config", f"export={name}")
    path = "results/export/first/texts.jsonl"
    again = configured(tiny, path, base="base", intervention="intervention")
    write_config(folder, {"audits": {"again": again}})
    snakemake(folder, "--cores", "all")
    return folder


def test_an_export_of_recorded_responses_gives_the_same_findings(exported):
    for name in (
        "findings.jsonl", "findings.csv", "behaviours.json", "separability.json", "panel.json",
        "regions.json",
    ):  # fmt: skip
        first, again = (exported / "results/audits" / audit / name for audit in ("first", "again"))
        assert first.read_bytes() == again.read_bytes(), name
    banks = {path.read_text() for path in exported.glob("results/bank/*/bank.jsonl")}
    assert len(banks) == 1
    assert any(f["status"] == "validated" for f in read_lines(again.with_name("findings.jsonl")))


def test_rows_say_what_is_known_of_each_draw(exported):
    rows = read_lines(exported / "results/export/first/texts.jsonl")
    findings = read_lines(exported / "results/audits/first/findings.jsonl")
    assert {tuple(row)[-len(findings) :] for row in rows} == {tuple(f["id"] for f in findings)}
    assert {row["pool"] for row in rows} == {"explore", "screen", "confirm"}
    assert {row["category"] for row in rows} == set(TOPICS)
    assert any(isinstance(row["prompt"], list) for row in rows)
    regions = json.loads((exported / "results/audits/first/regions.json").read_text())["regions"]
    assert {row["region"] for row in rows} == {region["name"] for region in regions}
    missing = [row for row in rows if row["intervention"] is None]
    assert missing and {row["reason"] for row in missing} == {"content filter"}


def test_verdicts_add_up_to_those_that_the_audit_counted(exported):
    """Of each prompt on which a finding was judged, the sign of its rows' verdicts together."""
    rows = read_lines(exported / "results/export/first/texts.jsonl")
    (judged,) = {p.read_text() for p in exported.glob("results/confirm/*/judgements.jsonl")}
    for judgement in map(json.loads, judged.splitlines()):
        name = judgement["hypothesis"]
        of_prompt = [row[name] for row in rows if row["prompt_id"] == judgement["prompt"]]
        score = judgement["score"]
        score = judgement["intervention"] - judgement["base"] if score is None else score
        net = sum(filter(None, of_prompt))
        assert (net > 0) - (net < 0) == (score > 1e-12) - (score < -1e-12)


def test_pandas_reads_it_in_one_line(exported):
    place = exported / "results/export/first"
    lines = pandas.read_json(place / "texts.jsonl", lines=True)
    table = pandas.read_csv(place / "texts.csv")
    assert list(lines.columns) == list(table.columns)
    assert len(table) == lines[["base", "intervention"]].notna().all(axis=1).sum()
    (shown, *_) = read_lines(exported / "results/audits/first/findings.jsonl")
    confirm = lines[lines["pool"] == "confirm"]
    assert confirm.groupby("region")[shown["id"]].mean().max() > 0


def test_an_audit_of_models_exports_every_draw(finished_copy):
    snakemake(finished_copy, "export", "--cores", "1")
    rows = read_lines(finished_copy / "results/export/small/texts.jsonl")
    audit = json.loads((finished_copy / "results/audits/small/audit.json").read_text())
    assert len(rows) == audit["counts"]["draws_base"]
    generations = {}
    for path in finished_copy.glob("results/decode/*/*/*/*/shard-*.jsonl"):
        generations |= {row["draw"]: row for row in read_lines(path)}
    for row in rows:
        for side in ("base", "intervention"):
            draw = f"{side}/{row['pool']}/{row['prompt_id'][:16]}/{row['sample']}"
            assert generations[draw]["text"] == row[side]
    findings = read_lines(finished_copy / "results/audits/small/findings.jsonl")
    assert all(row[f["id"]] in (-1, 0, 1) for row in rows for f in findings)


def test_a_file_that_is_not_whole_is_named_and_nothing_written(finished_copy):
    (shard,) = finished_copy.glob("results/decode/*/base/*/confirm/shard-0-of-1.jsonl")
    shard.write_text(shard.read_text().replace("a", "b"))
    name = shard.relative_to(finished_copy)
    said = snakemake(finished_copy, "export", "--cores", "1", check=False).stdout
    assert f"`{name}` is not as it was written, so the audit `small` is not exported" in said
    shard.unlink()
    said = snakemake(finished_copy, "export", "--cores", "1", check=False).stdout
    assert f"`{name}` is missing, so the audit `small` is not exported; run `snak" in said
    assert not (finished_copy / "results/export").exists() and "Traceback" not in said
    snakemake(finished_copy, str(name), "--cores", "all")
    snakemake(finished_copy, "export", "--cores", "1")


def test_how_likely_texts_are_is_read_where_a_side_keeps_it(tmp_path):
    base = node("decode", "base", {"log_probabilities": True})
    sides = {"base": base, "intervention": node("decode", "changed")}
    plans = [node("plan", pool, {"pool": pool}, sides) for pool in ("explore", "screen", "confirm")]
    measure = node("measure")
    ended = Round(0, 1, 1, 0.1, 0.01, None, [], Ending.ROUNDS)
    write_document(tmp_path / "measure" / measure["key"] / "round-0" / "round.json", ended)
    for number, plan in enumerate(plans):
        pool = plan["settings"]["pool"]
        step = "round-0" if pool == "explore" else pool
        for side, made in sides.items():
            said = Generation(
                f"{side}/{pool}/p/{number}", pool, "p", number, "r000", "So.",
                log_probability=-1.0 - number if side == "base" else None,
            )  # fmt: skip
            folder = tmp_path / "decode" / made["key"] / side / plan["key"] / step
            write_rows(folder / "shard-0-of-1.jsonl", [said])
    audit = Finished("it", [*sides.values(), *plans, measure], tmp_path)
    likely = audit.log_probabilities()
    assert likely == {"base": {("p", 0): -1.0, ("p", 1): -2.0, ("p", 2): -3.0}}
    bank, pairs = [Prompt("p", "Why?")], {("p", 1): Pair("p", "r000", "So.", "No.")}
    rows = export.rows_of_audit(bank, {}, texts_by_prompt(pairs, None), pairs, [], {}, likely)
    assert [row["base_log_probability"] for row in rows] == [-2.0]
    assert columns_of(bank, [], False, likely)["base_log_probability"] is float
    assert "intervention_log_probability" not in columns_of(bank, [], False, likely)


def test_texts_are_found_however_they_were_cut(tmp_path):
    names = ["shard-0-of-2.jsonl", "shard-0-of-4.jsonl", "shard-1-of-4.jsonl"]
    for name in names:
        (tmp_path / name).touch()
    assert [path.name for path in shards_in(tmp_path)] == [names[0], "shard-1-of-2.jsonl"]
    for name in ("shard-2-of-4.jsonl", "shard-3-of-4.jsonl", "shard-0-of-2.ledger.json"):
        (tmp_path / name).touch()
    assert [path.name for path in shards_in(tmp_path)] == [
        f"shard-{n}-of-4.jsonl" for n in range(4)
    ]
    assert [path.name for path in shards_in(tmp_path / "none")] == ["shard-0-of-1.jsonl"]
