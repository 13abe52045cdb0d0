"""Banks that a language model writes: asked for, left out, asked for again, and told."""

import json

import pytest
from loopback import Loopback

from scripts.assistants.banks import EACH, KNOWN, Wanted
from scripts.assistants.banks import write_bank as written
from scripts.assistants.client import Pool, Unusable
from scripts.assistants.questions.banks import prompts_question, topics_question
from scripts.assistants.roles import Budget, ProposeRoles, Role
from scripts.checks.sameness import Distinct
from scripts.core.errors import AuditError
from scripts.prompts.written import Shortfall
from scripts.workflow.bill import Meter, sizes

ROLE = Role("author", "openai", "m")
UNLIMITED = Budget()
WANTED = Wanted("questions on birds", (), 100, 2, 0)


def roles_of(server, budget=UNLIMITED):
    return ProposeRoles(
        budget, Role("author", "openai", "m", base_url=server.openai, concurrency=4)
    )


def asked(folder, wanted=WANTED, budget=UNLIMITED, **behaviour):
    """What is written, and how often the server was asked."""
    with Loopback(**behaviour) as server:
        roles = roles_of(server, budget)
        with Pool(roles, folder) as pool:
            return *written(pool, roles.author, wanted), server.behaviour.kinds


# What says the same


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("WHAT are the side effects of insulin", "repeated"),
        ("Which are the side-effects of insulin?", None),
        ("And what were the side effects of the insulin?", "alike"),
        ("What are the side effects of aspirin?", None),
        ("胰岛素有什么副作用", None),
        ("?", None),
    ],
)
def test_texts_of_the_same_telling_words_say_the_same(text, why):
    assert Distinct(["What are the side effects of insulin?"]).add(text) == why


def test_a_prompt_of_many_words_may_differ_in_one_and_say_nearly_the_same():
    long = "My doctor prescribed {} for my knee pain: may I drink coffee before driving home?"
    texts = Distinct([long.format("ibuprofen")])
    assert texts.add(long.format("diclofenac")) == "alike"
    assert texts.add(long.format("sleep instead of pills, and exercises every morning")) is None


# What is asked


def test_the_author_is_told_topic_description_and_what_is_there():
    request, read = prompts_question(
        ROLE, "owls", "questions on birds", ["Old\none?"], 2, "part 1 of set 1"
    )
    for part in (
        "Topic: owls",
        "questions on birds",
        "- Old one?",
        "Write 2 prompts: part 1 of set 1",
    ):
        assert part in request.prompt
    assert read(json.dumps({"prompts": [" a\r\n", "", "c"]})) == ["a", ""]
    for bad in ({"prompts": []}, {"prompts": [1]}, {"prompts": ["a\0"]}):
        with pytest.raises(Unusable):
            read(json.dumps(bad))


def test_topics_are_read_once_each():
    request, read = topics_question(ROLE, "birds", 3)
    assert "Name 3 topics" in request.prompt
    names = ["Owls", " owls ", "", "Gulls\nand terns", "Storks", "Geese"]
    assert read(json.dumps({"topics": names})) == ["Owls", "Gulls and terns", "Storks"]
    with pytest.raises(Unusable, match="no topic"):
        read(json.dumps({"topics": [" "]}))


# What is written


def test_topics_that_are_named_share_the_prompts(tmp_path):
    rows, report, kinds = asked(tmp_path)
    assert (report.prompts, report.wanted, report.topics) == (
        100,
        100,
        {"aa birds": 50, "ab birds": 50},
    )
    assert report.topics_by == "author" and report.short is None and report.notice is None
    assert kinds == {"topics": 1, "bank": 2 * 3}
    assert len({row.prompt for row in rows}) == 100 and rows[0].asked.startswith("i")
    assert "“questions on birds”, on 2 topics that it named itself" in report.told


def test_topics_of_the_configuration_need_no_request(tmp_path):
    _, report, kinds = asked(tmp_path, Wanted(None, ("owls", "gulls", "geese"), 10, 2, 0))
    assert report.topics == {"owls": 4, "gulls": 3, "geese": 3} and kinds == {"bank": 3}
    assert report.told.endswith("by the model `m` from 3 topics of the configuration.")


def test_what_repeats_is_left_out_counted_and_asked_for_again(tmp_path):
    rows, report, kinds = asked(tmp_path, Wanted(None, ("owls",), 40, 9, 0), repeats=0.2)
    assert report.prompts == 40 == len(rows) and report.short is None
    assert min(report.repeated, report.alike) > 0 and kinds["bank"] > 2


def test_after_the_passes_too_few_are_told(tmp_path):
    wanted = Wanted(None, ("owls", "gulls"), 40, 1, 0)
    rows, report, kinds = asked(tmp_path, wanted, repeats=0.5)
    assert kinds["bank"] == 4 and report.short == Shortfall.PASSES and len(rows) == 30
    assert report.notice.startswith("The model `m` wrote 30 of the 40 prompts")


def test_the_budget_ends_the_writing_and_what_is_there_stays(tmp_path):
    budget = Budget(requests=4)
    rows, report, kinds = asked(tmp_path, budget=budget)
    assert report.short == Shortfall.BUDGET and len(rows) == 3 * EACH and kinds["bank"] == 3
    assert "above" not in report.notice and "its `budget` ended the writing" in report.notice
    with pytest.raises(AuditError, match="does not cover a single request"):
        asked(tmp_path / "none", budget=Budget(requests=1))


def test_replies_that_bring_nothing_are_counted_and_an_empty_bank_is_an_error(tmp_path):
    wanted = Wanted(None, ("owls",), 10, 1, 0)
    with pytest.raises(AuditError, match="wrote no prompt that can be used"):
        asked(tmp_path, wanted, garbage=1.0)
    with pytest.raises(AuditError, match=r"named no topics .*\(refused\)"):
        asked(tmp_path, refused=1.0)


def test_another_seed_asks_anew_and_the_same_one_pays_nothing(tmp_path):
    with Loopback() as server:
        roles, found = roles_of(server), []
        for seed in (0, 1, 0):
            with Pool(roles, tmp_path) as pool:
                found.append(written(pool, roles.author, WANTED._replace(seed=seed)))
        assert found[0] == found[2] and server.behaviour.kinds == {"topics": 1, "bank": 12}


def test_of_many_prompts_some_are_shown(tmp_path):
    wanted = Wanted(None, ("owls",), KNOWN + 3 * EACH, 0, 0)
    with Loopback() as server:
        roles = roles_of(server)
        with Pool(roles, tmp_path) as pool:
            written(pool, roles.author, wanted)
        shown = [json.dumps(body).count("- Which owls") for body in server.asked]
    assert shown == [0, 20, 40, 60, 60, 60]


def test_the_estimate_bounds_what_is_asked(tmp_path):
    meter = Meter(sizes(None, None))
    for wanted, repeats in ((WANTED, 0.0), (Wanted(None, ("a", "b"), 90, 2, 0), 0.5)):
        *_, kinds = asked(tmp_path / str(repeats), wanted, repeats=repeats)
        bill = meter.write(ROLE, wanted)
        assert bill.low.requests <= sum(kinds.values()) <= bill.high.requests < bill.worst.requests
