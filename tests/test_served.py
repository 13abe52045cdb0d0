"""Subjects that a server decodes: a real server program, and a loopback one that misbehaves."""

import json
import shutil
from collections import Counter
from contextlib import chdir

import pytest
import yaml
from conftest import read_lines, snakemake, write_config
from loopback import Loopback
from serving import serving

from scripts.cache.records import RecordCache
from scripts.core.errors import AuditError
from scripts.core.ledger import Ledger
from scripts.core.vocabulary import SIDES
from scripts.draws.absence import Absence, reasons_in
from scripts.draws.draw import Draw
from scripts.models.contrast import PROMPTS as PROMPTS_COMPARED
from scripts.models.decoder import decode
from scripts.models.served import Served
from scripts.prompts.prompt import Prompt
from scripts.servers import pace
from scripts.servers.adaptation import Adaptation
from scripts.servers.pace import TurnedAway
from scripts.workflow.config import ConfigError, load
from scripts.workflow.keys import DigestIndex
from scripts.workflow.recipes import Recipes

PROMPTS = {f"{i:064x}": Prompt(f"{i:064x}", f"Tell me about number {i}.") for i in range(20)}
DRAWS = [Draw("base", "explore", prompt, sample) for prompt in PROMPTS for sample in range(3)]
SETTINGS = {
    "server": {"model": "small", "extra": {"min_p": 0.0, "top_p": None}}, "subject": "f" * 64,
    "system_prompt": "Be brief.", "chat_template": True,
    "sampling": {"temperature": 0.7, "top_p": 1.0, "top_k": 5, "max_new_tokens": 9},
}  # fmt: skip
KEY = "a-key-of-the-tests"


@pytest.fixture
def decoded(tmp_path, monkeypatch):
    """A function that decodes the draws with a server, and gives their texts."""
    monkeypatch.setenv("MARKED_KEY", KEY)

    def of(server, settings=SETTINGS, folder="cache", whole=False):
        access = {
            "url": server.openai,
            "key_variable": "MARKED_KEY",
            "concurrency": 8,
            "timeout": 2,
        }
        cache, ledger = RecordCache(tmp_path / folder), Ledger("decode", "test")
        records = decode(DRAWS, PROMPTS, settings, 0, Served(access), cache, ledger)
        return records if whole else [record["text"] for record in records]

    return of


def test_each_draw_is_one_request_with_a_seed_of_its_own(decoded):
    with Loopback() as server:
        texts = decoded(server)
        assert decoded(server) == texts and server.attempts == len(DRAWS), (
            "cached ones stay unasked"
        )
    assert len(set(texts)) == len({body["seed"] for body in server.asked}) == len(DRAWS)
    usual = {"model": "small", "temperature": 0.7, "top_k": 5, "max_tokens": 9, "min_p": 0.0}
    for body in server.asked:
        system, user = body.pop("messages")
        assert system == {"role": "system", "content": "Be brief."}
        assert user["content"].startswith("Tell me about") and 0 <= body.pop("seed") < 2**31
        assert body == usual
    assert {headers["authorization"] for headers in server.headers} == {f"Bearer {KEY}"}


def test_what_else_sampling_sets_is_passed_on(decoded):
    more = {"min_p": 0.1, "repetition_penalty": 1.2, "presence_penalty": 0.3, "stop": ["\n\n"]}
    settings = SETTINGS | {"sampling": SETTINGS["sampling"] | more, "prompt_template": "<{prompt}>"}
    settings["server"] = SETTINGS["server"] | {"extra": {"presence_penalty": None}}
    with Loopback() as server:
        decoded(server, settings)
    for body in server.asked:
        assert {name: body.get(name) for name in more} == more | {"presence_penalty": None}
        assert "frequency_penalty" not in body and body["messages"][1]["content"][0] == "<"


def test_without_a_template_the_bare_text_is_completed(decoded):
    with Loopback() as server:
        decoded(server, SETTINGS | {"chat_template": False})
    assert {body["prompt"].split("\n\n")[0] for body in server.asked} == {"Be brief."}


def test_faults_are_tried_again_and_change_no_text(decoded):
    with Loopback() as server:
        texts = decoded(server)
    faults = {"busy": 0.1, "broken": 0.05, "truncated": 0.05, "reset": 0.05}
    with Loopback(**faults) as server:
        assert decoded(server, folder="other") == texts
        assert server.attempts > len(DRAWS) == sum(server.replies.values())


def test_a_server_that_goes_away_costs_nothing_that_came_before(decoded, monkeypatch):
    monkeypatch.setattr(pace, "ATTEMPTS", 2)
    with Loopback() as server:
        answer, served = server.answer, []

        def half(handler):
            if len(served) < len(DRAWS) // 2:
                served.append(1)
                return answer(handler)
            handler.close_connection = True
            return None

        server.answer = half
        with pytest.raises(AuditError, match=r"does not answer.*what was decoded is kept"):
            decoded(server)
        server.answer, server.replies = answer, type(server.replies)()
        decoded(server)
        assert sum(server.replies.values()) == len(DRAWS) - len(served)


def test_a_rejected_request_is_said_in_one_sentence_without_the_key(decoded):
    sentence = r"rejected a request with 401.*key_variable"
    with (
        Loopback(status=401, message=f"bad key {KEY}") as server,
        pytest.raises(AuditError, match=sentence) as said,
    ):
        decoded(server)
    assert KEY not in str(said.value) and "\n" not in str(said.value)


def test_an_error_with_status_200_keeps_its_reason(decoded, monkeypatch):
    with Loopback(hidden=0.2) as server:
        assert len(set(decoded(server))) == len(DRAWS), "it is tried again"
    monkeypatch.setattr(pace, "ATTEMPTS", 2)
    with (
        Loopback(hidden=1.0) as server,
        pytest.raises(AuditError, match="does not answer: 502: 'no provider is free'"),
    ):
        decoded(server, folder="other")


def test_what_the_server_has_against_one_prompt_is_that_prompts_alone(decoded, monkeypatch):
    monkeypatch.setattr(pace, "ATTEMPTS", 2)
    whys = {"long": Absence.TOO_LONG, "filters": Absence.REJECTED, "fails": Absence.FAILED}
    with Loopback(long=0.2, filters=0.2, fails=0.2) as server:
        records = decoded(server, whole=True)
        outcomes = Counter(whys.get(outcome) for outcome in server.subject.outcomes.values())
    assert None in outcomes and len(outcomes) == 4
    assert reasons_in(records) == {why.value: outcomes[why] for why in whys.values()}
    for draw, record in zip(DRAWS, records, strict=True):
        same = [r for d, r in zip(DRAWS, records, strict=True) if d.prompt == draw.prompt]
        assert {r.get("reason") for r in same} == {record.get("reason")}
    with Loopback() as server:
        assert not reasons_in(decoded(server, whole=True)), "a server that was mended is asked"


def test_thoughts_beside_a_reply_are_kept_and_never_its_text(decoded):
    with Loopback(ponders=0.4, drowns=0.2, silences=0.2) as server:
        records = decoded(server, whole=True)
        outcomes = Counter(server.subject.outcomes.values())
        asked = server.attempts
        assert decoded(server, whole=True) == records and server.attempts == asked, (
            "the subject had its turn"
        )
    assert reasons_in(records) == {
        Absence.CUT: outcomes["drowns"], Absence.UNANSWERED: outcomes["silences"],
    }  # fmt: skip
    with_thoughts = [record for record in records if record["text"] and "thoughts" in record]
    assert len(with_thoughts) == outcomes["ponders"] > 10
    for record in records:
        assert not (record["text"] or "").startswith("Perhaps")
        assert record["text"] is None or record["text"].startswith("about")
    assert all(record["thoughts"].startswith("Perhaps about") for record in with_thoughts)


def test_fields_that_newer_models_do_not_take_are_said_otherwise(decoded, caplog):
    with Loopback(rejects=("max_tokens", "temperature", "top_p")) as server:
        records = decoded(server, SETTINGS | {"server": {"model": "new", "extra": {}}}, whole=True)
        taken = [body for body in server.asked if not {"max_tokens", "temperature"} & set(body)]
    assert len(taken) >= len(DRAWS) and {body["max_completion_tokens"] for body in taken} == {9}
    assert len([line for line in caplog.messages if "the server takes no" in line]) == 3, "once"
    assert {record["without"] for record in records} == {"temperature"}, "top_p was 1 as it is"
    with (
        Loopback(rejects=("top_k",)) as server,
        pytest.raises(AuditError, match=r"'top_k' is not supported.*server.extra"),
    ):
        decoded(server, folder="other")


@pytest.mark.parametrize(
    ("temperature", "top_p", "kept", "noted"),
    [
        (0.7, 1.0, "temperature", {None}), (1.0, 0.9, "top_p", {None}),
        (1.0, 1.0, "temperature", {None}), (0.7, 0.9, "temperature", {"top_p"}),
    ],
)  # fmt: skip
def test_of_fields_that_exclude_each_other_the_one_that_says_least_is_left_out(
    decoded, temperature, top_p, kept, noted
):
    sampling = SETTINGS["sampling"] | {"temperature": temperature, "top_p": top_p}
    settings = SETTINGS | {"server": {"model": "new", "extra": {}}, "sampling": sampling}
    with Loopback(excludes=("temperature", "top_p")) as server:
        records = decoded(server, settings, whole=True)
        taken = [body for body in server.asked if len({"temperature", "top_p"} & set(body)) == 1]
    assert len(taken) == len(DRAWS) and {body.get(kept) for body in taken} == {sampling[kept]}
    assert {record.get("without") for record in records} == noted


def test_what_a_field_that_was_set_excludes_is_not_left_out_by_chance():
    sent = {"temperature": 0.7, "top_p": 1.0, "top_k": 5, "max_tokens": 9, "model": "m"}
    for said, left_out in [
        ("`temperature` and `top_p` cannot both be specified", {"top_p"}),
        ("top_p, temperature: only one of them may be set", {"top_p"}),
        ("temperature cannot be used with top_p for this model", {"top_p"}),
        ("temperature is not supported with this model; try top_p", {"temperature"}),
        ("`top_k` and `temperature` are mutually exclusive", set()),
        ("the temperature must be between 0 and 2", set()),
    ]:
        adaptation = Adaptation()
        adaptation.learns(TurnedAway(400, said), sent)
        assert sent.keys() - adaptation.applied(sent).keys() == left_out, said


def test_who_answered_stands_beside_each_text(decoded):
    listed = {"id": "small", "object": "model", "owned_by": "me", "root": "here", "created": 1}

    def names(folder, **told):
        with Loopback(**told) as server:
            return {record.get("by") for record in decoded(server, folder=folder, whole=True)}

    (first,) = names("a", fingerprint="fp_1", listed=listed)
    assert first.startswith("loopback fp_1 models:")
    assert names("b", fingerprint="fp_1", listed=listed | {"created": 2}) == {first}
    assert names("c", fingerprint="fp_1", listed=listed | {"root": "there"}) != {first}
    assert names("d", fingerprint="fp_2", listed=listed) != {first}


def _configured(**subject):
    return {
        "subjects": {
            "served": {"server": {"url": "http://127.0.0.1:1/v1", "model": "m"}} | subject
        },
        "banks": {"small": {"sources": [{"path": "bank"}]}},
        "audits": {"small": {"bank": "small", "base": "served", "intervention": {}}},
    }


def test_what_a_served_subject_cannot_take_is_named():
    for extra, field in [
        ({"model": "x"}, "one of"), ({"adapter": "x"}, "adapter"),
        ({"response_prefix": "x"}, "response_prefix"), ({"quantization": "int4"}, "quantization"),
        ({"log_probabilities": True}, "log_probabilities"),
        ({"revision": "main"}, r"`revision` needs a `model`; .*`server\.revision`"),
        ({"adapter_revision": "main"}, r"`adapter_revision` needs .*`server\.adapter_revision`"),
        ({"dtype": "float32"}, r"`dtype` needs a `model`; .*`server\.arguments`"),
        ({"tokenizer": "base"}, "`tokenizer` needs a `model`; a server takes its own"),
        ({"trust_remote_code": True}, r"`trust_remote_code` needs .*`server\.trust_remote_code`"),
        ({"pickled_weights": True}, r"`pickled_weights` needs .*`server\.pickled_weights`"),
        ({"server": {"url": "http://x", "model": "m", "start_within": 9}}, "start_within"),
        ({"server": {"url": "http://x", "model": "m", "key_variable": "sk-1"}}, "key_variable"),
    ]:  # fmt: skip
        with pytest.raises(ConfigError, match=field):
            load(_configured(**extra))
    raw = _configured()
    raw["audits"]["small"]["intervention"] = {"server": {"model": "tuned"}}
    given = load(raw).subject(load(raw).audits["small"], "intervention", "x").server
    assert (given.model, given.url) == ("tuned", "http://127.0.0.1:1/v1"), "the rest is the base's"


def test_what_stands_for_a_served_subject(workspace):
    """Its address, unless `identity` does; never how it is asked."""
    write_config(workspace, {})

    def keys_of(intervention, **server):
        raw = _configured()
        raw["subjects"]["served"]["server"] |= server
        raw["audits"]["small"] |= {"intervention": intervention, "embed": {"model": "encoder"}}
        recipes = Recipes(load(raw), workspace, DigestIndex(workspace / "digests.json"))
        report = recipes.audits["small"]
        plan = report.ancestor("measure").inputs["plan"]
        return plan.inputs["base"].key, plan.inputs["intervention"].key, report.settings["null"]

    (workspace / "encoder").mkdir()
    (workspace / "encoder/config.json").write_text("{}")
    with chdir(workspace):
        base, same, null = keys_of({})
        assert base == same and null
        assert keys_of({}, concurrency=3, timeout=9.0, key_variable="X")[0] == base
        assert keys_of({}, extra={"min_p": 0})[0] != base
        other = {"server": {"url": "http://127.0.0.1:2/v1"}}
        assert len({*keys_of(other)[:2]}) == 2 and not keys_of(other)[2]
        named, apart, null = keys_of(other, identity="m")
        assert named not in (base, apart) and not null, "what the base is called is not inherited"
        assert keys_of({}, identity="m", url="http://127.0.0.1:3/v1")[0] == named
        assert not keys_of({"server": {"identity": "tuned"}})[2]


def test_a_missing_key_is_said_before_anything_runs(workspace):
    config = yaml.safe_load((workspace / "config/config.yaml").read_text())
    server = {"url": "http://127.0.0.1:1/v1", "model": "m", "key_variable": "NOT_SET_ANYWHERE"}
    config["subjects"]["tiny"] = {"server": server}
    write_config(workspace, config)
    done = snakemake(workspace, "--cores", "all", check=False)
    assert done.returncode and "set the environment variable NOT_SET_ANYWHERE" in done.stdout
    assert not list((workspace / "results").glob("*/*"))


def test_an_audit_of_a_model_that_a_real_server_serves(workspace, tiny, tmp_path):
    config = yaml.safe_load((workspace / "config/config.yaml").read_text())
    with serving(log := tmp_path / "server.log") as address:
        config["subjects"]["tiny"] = {
            "server": {"url": address, "model": tiny["base"], "identity": "tiny", "concurrency": 4},
            "sampling": {"temperature": 1.0, "max_new_tokens": 12},
        }
        write_config(workspace, config)
        snakemake(workspace, "--cores", "all")
        audit = json.loads((workspace / "results/audits/small/audit.json").read_text())
        asked = log.read_text().count('/v1/chat/completions HTTP/1.1" 200')
        assert asked == audit["counts"]["draws"] + len(SIDES) * PROMPTS_COMPARED > 100
        first, *_ = sorted(workspace.glob("results/decode/*/base/*/round-0/*.jsonl"))
        rows = read_lines(first)
        assert len({row["text"] for row in rows}) > len(rows) / 2
        assert all(0 < row["tokens"] <= 12 for row in rows)
        shutil.rmtree(workspace / "results/decode")
        snakemake(workspace, "--cores", "all", "--forcerun", "regions")
        assert log.read_text().count('/v1/chat/completions HTTP/1.1" 200') == asked
    page = (workspace / "results/audits/small/report.html").read_text()
    assert "served at" in page
