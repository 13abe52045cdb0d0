"""The pool against a server that misbehaves: nothing lost, nothing paid twice, nothing unsaid."""

import json
import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from asked import roles_of
from loopback import Loopback

from scripts.assistants.client import BudgetSpent, Pool, Unusable
from scripts.assistants.interactions import Interaction, Interactions
from scripts.assistants.provider import FORMS, Reply, Request
from scripts.assistants.replies import answer_in
from scripts.assistants.roles import Budget, Role
from scripts.assistants.usage import RoleUsage, Usage
from scripts.core.errors import AuditError
from scripts.core.rows import read_rows


def question(number: int, role: Role):
    """Which of two texts holds a word; the answer is always A."""
    from scripts.assistants.questions.judging import JUDGE

    prompt = (
        f"[[response A {0:012x}]]\nhere is word{number}\n[[/response A {0:012x}]]\n\n"
        f"[[response B {0:012x}]]\nnothing\n[[/response B {0:012x}]]\n\n"
        f"Statements:\n1. The response mentions “word{number}”"
    )
    schema = {
        "type": "object",
        "properties": {"1": {"type": "string", "enum": ["A", "B", "both", "neither"]}},
        "required": ["1"],
        "additionalProperties": False,
    }

    def read(text):
        found = answer_in(text)
        if found is None or "1" not in found:
            raise Unusable("no answer")
        return found["1"]

    return Request("judge", role, JUDGE, prompt, schema, 50), read


def quick(monkeypatch):
    """Waiting between attempts is not what these tests are about."""
    from scripts.servers import pace

    monkeypatch.setattr(
        pace, "wait_random_exponential", lambda **given: lambda state: 0.01 * state.attempt_number
    )


@pytest.mark.parametrize("provider", ["openai", "gemini"])
def test_answers_come_in_order_and_are_paid_once(tmp_path, provider):
    with Loopback() as server:
        for repeat in range(2):
            given = roles_of(server, provider)
            with Pool(given, tmp_path) as pool:
                answers = pool.ask([question(n, given.cheap) for n in range(30)])
            assert [a.value for a in answers] == ["A"] * 30
            used = pool.usage["cheap"]
            assert (used.requests, used.cache_hits) == ((30, 0), (0, 30))[repeat]
            assert (used.saved_input_tokens if repeat else used.input_tokens) > 30 * 50
        assert server.attempts == 30
    assert not list((tmp_path / "replies").glob("*.journal"))


@pytest.mark.parametrize("provider", ["openai", "gemini"])
def test_faults_are_tried_again_and_every_outcome_is_accounted_for(tmp_path, provider, monkeypatch):
    quick(monkeypatch)
    faults = {"busy": 0.2, "broken": 0.05, "silent": 0.05, "truncated": 0.05, "reset": 0.03}
    with Loopback(**faults, garbage=0.02, refused=0.02) as server:
        given = roles_of(server, provider)
        with Pool(given, tmp_path) as pool:
            answers = pool.ask([question(n, given.cheap) for n in range(150)])
        outcomes = [a.outcome for a in answers]
        used = pool.usage["cheap"]
        assert len(outcomes) == 150 and outcomes.count("answered") >= 140
        for outcome in ("refused", "unparsable", "lost"):
            assert getattr(used, outcome) == outcomes.count(outcome)
        assert used.retries > 30
        assert max(server.replies.values()) == 1, "a reply was paid twice"
        assert used.requests == sum(server.replies.values())


@pytest.mark.parametrize("provider", ["openai", "gemini"])
@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_rejected_request_stops_at_once_in_one_sentence(tmp_path, provider, status):
    with Loopback(status=status) as server:
        given = roles_of(server, provider, concurrency=1)
        with Pool(given, tmp_path) as pool, pytest.raises(AuditError) as caught:
            pool.ask([question(n, given.cheap) for n in range(5)])
        assert str(status) in str(caught.value) and "\n" not in str(caught.value)
        tried = 3 if status == 400 else 1  # in every form; and the next one may be under way
        assert server.attempts <= tried + 1, "it was tried again"


@pytest.mark.parametrize("provider", ["openai", "gemini"])
def test_a_provider_that_quotes_the_key_is_not_quoted(tmp_path, monkeypatch, provider):
    monkeypatch.setenv("MY_KEY", "marked-key-77ab")
    with Loopback(status=401, message="Incorrect key marked-key-77ab") as server:
        given = roles_of(server, provider, key_variable="MY_KEY")
        with Pool(given, tmp_path) as pool, pytest.raises(AuditError) as caught:
            pool.ask([question(1, given.cheap)])
    assert "Incorrect key …" in str(caught.value)


def test_a_server_that_is_gone_is_named(tmp_path, monkeypatch):
    quick(monkeypatch)
    with Loopback() as server:
        given = roles_of(server)
    with Pool(given, tmp_path) as pool, pytest.raises(AuditError, match="does not answer"):
        pool.ask([question(n, given.cheap) for n in range(40)])


@pytest.mark.parametrize("provider", ["openai", "gemini"])
def test_a_refusal_and_garbage_get_one_second_chance(tmp_path, provider):
    for fault in ("refused", "garbage"):
        with Loopback(**{fault: 1.0}) as server:
            given = roles_of(server, provider)
            with Pool(given, tmp_path / fault) as pool:
                (answer,) = pool.ask([question(1, given.cheap)])
            assert answer.outcome == {"refused": "refused", "garbage": "unparsable"}[fault]
            assert server.attempts == 2 and pool.usage["cheap"].requests == 2


@pytest.mark.parametrize("provider", ["openai", "gemini"])
@pytest.mark.parametrize("forms", [FORMS, FORMS[1:], FORMS[2:]])
def test_one_request_finds_the_best_form_and_nothing_is_paid_twice(tmp_path, provider, forms):
    with Loopback(forms=forms) as server:
        given = roles_of(server, provider)
        with Pool(given, tmp_path) as pool:
            answers = pool.ask([question(n, given.cheap) for n in range(20)])
            answers += pool.ask([question(n, given.cheap) for n in range(20, 30)])
        assert [a.value for a in answers] == ["A"] * 30
        assert server.attempts == 30 + FORMS.index(forms[0])
        assert max(server.replies.values()) == 1 and pool.usage["cheap"].requests == 30
        given = roles_of(server, provider, structured=False)
        with Pool(given, tmp_path) as again:
            again.ask([question(n, given.cheap) for n in range(30)])
        assert again.usage["cheap"].cache_hits == 30, "a reply does not depend on the form"


@pytest.mark.parametrize("provider", ["openai", "gemini"])
def test_a_reply_cut_off_while_it_thinks_is_its_own_outcome(tmp_path, provider, caplog):
    with Loopback(cut=1.0) as server:
        given = roles_of(server, provider)
        with Pool(given, tmp_path) as pool:
            (answer,) = pool.ask([question(1, given.cheap)])
        used = pool.usage["cheap"]
        assert (answer.outcome, answer.value) == ("truncated", None) and server.attempts == 2
        assert (used.truncated, used.second_chances, used.unparsable) == (1, 1, 0)
    assert "raise its `thinking_tokens`" in caplog.text


def test_replies_kept_before_there_was_a_limit_to_tell_are_served(tmp_path):
    with Loopback() as server, Pool(given := roles_of(server), tmp_path) as pool:
        request, read = question(1, given.cheap)
        old = {"text": '{"1": "A"}', "input_tokens": 9, "output_tokens": 5, "refused": False}
        pool._journal.add(pool._key(request), old)
        (answer,) = pool.ask([(request, read)])
        assert answer.value == "A" and server.attempts == 0


def test_a_busy_server_is_asked_less(tmp_path, monkeypatch):
    quick(monkeypatch)
    with Loopback(busy=0.5) as server, Pool(given := roles_of(server), tmp_path) as pool:
        pool.ask([question(n, given.cheap) for n in range(60)])
        assert pool._line(given.cheap).concurrency.limit < given.cheap.concurrency


def test_the_budget_ends_before_it_is_exceeded(tmp_path):
    with Loopback() as server:
        given = roles_of(server, budget=Budget(requests=25))
        with Pool(given, tmp_path) as pool:
            pool.ask([question(n, given.cheap) for n in range(20)])
            with pytest.raises(BudgetSpent):
                pool.ask([question(n, given.cheap) for n in range(20, 40)])
        assert server.attempts == 20
        with Pool(given, tmp_path) as again, pytest.raises(BudgetSpent):
            again.ask(
                [question(n, given.cheap) for n in range(20)]
            )  # from the cache, and counted all the same
            again.ask([question(n, given.cheap) for n in range(20, 40)])
        assert server.attempts == 20


def test_a_stage_that_others_come_after_spends_a_part_of_what_is_left(tmp_path):
    before = Usage("propose", "call", {"cheap": RoleUsage(requests=4, cache_hits=2)})
    with Loopback() as server:
        given = roles_of(server, budget=Budget(requests=20))
        with Pool(given, tmp_path, [before], 0.5) as pool:
            first, second = (
                pool.start([question(n, given.cheap) for n in some])
                for some in (range(3), range(3, 7))
            )
            with pytest.raises(BudgetSpent):
                pool.start([question(7, given.cheap)])
            assert [a.value for a in second()] == ["A"] * 4 and len(first()) == 3
            assert pool.spent.requests == 6 + 7 and pool.budget.requests == 20
            with pytest.raises(BudgetSpent):
                pool.ask([question(7, given.cheap)])
        assert server.attempts == 7


def test_a_budget_in_dollars_is_kept_to(tmp_path):
    prices = tmp_path / "prices.yaml"
    prices.write_text("models:\n  small:\n  - {from: 2020-01-01, input: 1000, output: 1000}\n")
    with Loopback() as server:
        given = roles_of(server, budget=Budget(usd=20.0), prices=str(prices))
        with Pool(given, tmp_path) as pool, pytest.raises(BudgetSpent):
            for n in range(200):
                pool.ask([question(n, given.cheap)])
        assert 10 < pool.spent.dollars <= 20


def test_what_a_killed_process_left_is_read_and_folded(tmp_path):
    with Loopback() as server:
        given = roles_of(server)
        killed = Pool(given, tmp_path)
        killed.ask([question(n, given.cheap) for n in range(10)])
        (journal,) = (tmp_path / "replies").glob("*.journal")
        killed._journal._file.close()  # as the end of a process does
        with open(journal, "ab") as file:
            file.write(b"0badc0de {torn")
        given = roles_of(server)
        with Pool(given, tmp_path) as pool:
            pool.ask([question(n, given.cheap) for n in range(12)])
        assert server.attempts == 12
        assert not list((tmp_path / "replies").glob("*.journal"))


def test_a_key_in_the_environment_reaches_the_server_and_no_file(tmp_path, monkeypatch):
    monkeypatch.setenv("MY_KEY", "marked-key-5f1c")
    for provider, header in (("openai", "authorization"), ("gemini", "x-goog-api-key")):
        with Loopback(busy=0.2) as server:
            given = roles_of(server, provider, key_variable="MY_KEY")
            with Pool(given, tmp_path) as pool:
                pool.ask([question(n, given.cheap) for n in range(10)])
            sent = [{k.lower(): v for k, v in h.items()}[header] for h in server.headers]
            assert all("marked-key-5f1c" in value for value in sent)
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"marked-key-5f1c" not in path.read_bytes()


def test_what_was_asked_is_written_in_order_and_the_same_from_the_cache(tmp_path, monkeypatch):
    """With replies that come in any order, refusals, garbage and what the provider loses."""
    quick(monkeypatch)
    files = [tmp_path / name for name in ("first.jsonl", "second.jsonl")]
    with Loopback(busy=0.2, garbage=0.2, refused=0.1) as server:
        given = roles_of(server)
        for file in files:
            asked = Interactions(file, "confirm")
            with Pool(given, tmp_path, interactions=asked) as pool:
                waiting = [
                    pool.start([question(n, given.cheap) for n in range(start, start + 8)])
                    for start in (0, 8, 16)
                ]
                ids = [answer.id for answers in waiting for answer in answers()]
            asked.write()
    first, second = (read_rows(file, Interaction) for file in files)
    assert not any(row.cached for row in first) and all(row.cached for row in second)
    assert [replace(row, cached=True, time="") for row in first] == [
        replace(row, time="") for row in second
    ]
    words = [int(re.findall(r"“word(\d+)”", row.prompt)[0]) for row in first]
    assert words == sorted(words) and set(words) == set(range(24))
    last = {word: row.id for word, row in zip(words, first, strict=True)}
    assert ids == [last[word] for word in range(24)]
    outcomes = Counter(row.outcome for row in first)
    assert outcomes["clean"] >= 20 and outcomes["refused"] and outcomes["unparsable"]
    again = [(before, row) for before, row in pairwise(first) if row.again]
    assert again and all(before.reason and before.reason in row.prompt for before, row in again)


def test_what_newer_models_do_not_take_is_asked_otherwise_and_told(tmp_path, caplog):
    with Loopback(rejects=("max_tokens", "temperature"), forms=("json_object",)) as server:
        given = roles_of(server)
        for repeat in range(2):
            with Pool(given, tmp_path) as pool:
                answers = pool.ask([question(n, given.cheap) for n in range(10)])
            assert [a.value for a in answers] == ["A"] * 10
            assert pool.usage["cheap"].without == {"temperature": 10}, "from the cache, too"
            assert server.attempts == 3 + 10, "two fields and a form are each found once"
            notice = "takes no `temperature`: its own default stood in for what the role says in 10"
            assert notice in caplog.text, repeat
            caplog.clear()
        taken = [body for body in server.asked if "max_completion_tokens" in body]
        assert {body["max_completion_tokens"] for body in taken} == {50}
        neutral = replace(given.cheap, temperature=1.0)
        with Pool(replace(given, cheap=neutral, judges=(neutral,)), tmp_path) as pool:
            pool.ask([question(1, neutral)])
        assert not pool.usage["cheap"].without, "1 is what it would take by itself"


def test_thoughts_that_a_server_tells_apart_are_kept_and_never_the_verdict(tmp_path):
    rows = []
    with Loopback(reasons=True) as server:
        given = roles_of(server)
        for name in ("first", "second"):
            asked = Interactions(tmp_path / name, "confirm")
            with Pool(given, tmp_path, interactions=asked) as pool:
                answers = pool.ask([question(n, given.cheap) for n in range(3)])
            assert [a.value for a in answers] == ["A"] * 3
            asked.write()
            rows += read_rows(tmp_path / name, Interaction)
    assert len(rows) == 6 and {row.thoughts for row in rows} == {'A draft: {"1": "B"}.'}
    assert not any("draft" in row.reply for row in rows)


def test_a_reply_that_was_paid_before_there_were_thoughts_is_read():
    old = {"text": "x", "input_tokens": 1, "output_tokens": 2, "refused": False, "truncated": True}
    assert Reply.of_record(old) == Reply("x", 1, 2, False, True)
    assert Reply.of_record(old).record == old
    more = Reply("x", 1, 2, thoughts="hm", without=("temperature",))
    assert Reply.of_record(json.loads(json.dumps(more.record))) == more


def test_a_missing_key_is_named(monkeypatch):
    from scripts.assistants.providers import key_of

    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    given = Role("author", "gemini", "m")
    with pytest.raises(AuditError, match="set the environment variable GEMINI_API_KEY"):
        key_of(given)
    with pytest.raises(AuditError, match="OTHER"):
        key_of(replace(given, key_variable="OTHER"))
