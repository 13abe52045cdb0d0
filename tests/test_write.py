"""Banks that a language model writes: asked for, left out, asked for again, and told."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from types import MappingProxyType

import pytest
from conftest import ROOT, copy_workflow, read_lines, snakemake, tiny_config, write_config
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
from scripts.workflow.config import ConfigError, load
from scripts.workflow.keys import DigestIndex
from scripts.workflow.preflight import notices, require_credentials, require_runnable
from scripts.workflow.recipes import Recipes

ROLE = Role("bank author", "openai", "m")
UNLIMITED = Budget()
WANTED = Wanted("questions on birds", (), 100, 2, 0)


def roles_of(server, budget=UNLIMITED):
    return ProposeRoles(
        budget, Role("bank author", "openai", "m", base_url=server.openai, concurrency=4)
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
    assert report.notice.endswith(". Left out: 16 repeated, 14 nearly repeated.")


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


# What the configuration says

PLAIN = {
    "subjects": {"a": {"model": "embedded:smollm2-135m-instruct"}},
    "audits": {"m": {"bank": "b", "base": "a"}},
}


def source_of(**given):
    """A source of a bank, from what is given beside its format."""
    raw = PLAIN | {"banks": {"b": {"sources": [{"format": "written", **given}]}}}
    return load(raw).banks["b"].sources[0]


@pytest.mark.parametrize(
    ("author", "provider", "model"),
    [
        ("gemini", "gemini", "gemini-3.1-pro-preview"),
        ({"base_url": "http://localhost:8000/v1", "model": "m"}, "openai", "m"),
        ({"server": {"engine": "vllm", "model": "models/base"}}, "openai", "base"),
    ],
)
def test_an_author_is_a_role_of_its_own(author, provider, model):
    role = source_of(topics=["owls"], author=author).roles().author
    assert (role.name, role.provider, role.model) == ("bank author", provider, model)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"topics": ["a"]}, "`banks.b.sources.0.author` is missing"),
        ({"topics": ["a"], "author": "local"}, "`author` needs a `provider`, or a `base_url`"),
        ({"topics": ["a"], "author": {"model": "m"}}, "`author` needs a `provider`"),
        ({"author": "gemini", "description": " "}, "sources.0.description` is ' '"),
        ({"author": "gemini"}, "a `description`, `topics`, or both"),
        ({"author": "gemini", "topics": ["Owls", "owls "]}, "`topics` names one twice"),
        ({"author": "gemini", "topics": ["a", "b"], "prompts": 1}, "leaves some of 2 topics"),
        (
            {"author": "gemini", "topics": ["a"], "format": "writen"},
            "sources.0.format` is 'writen'",
        ),
    ],
)
def test_what_cannot_be_written_is_told_in_one_sentence(given, words):
    with pytest.raises(ConfigError) as caught:
        source_of(**given)
    assert words in str(caught.value) and "\n" not in str(caught.value)


# A whole audit

KEY = {"MARKED_KEY": "a-key-of-the-tests"}
AT_ONCE = 2


@pytest.fixture(scope="module")
def server():
    with Loopback(delay=0.05, repeats=0.4) as server:
        yield server


@pytest.fixture(scope="module")
def fresh(tmp_path_factory, tiny, server):
    """A workspace whose bank is still to be written; its models lie in it."""
    folder = copy_workflow(tmp_path_factory.mktemp("written") / "work")
    for name in ("base", "encoder"):
        shutil.copytree(tiny[name], folder / "models" / name)
    author = {
        "provider": "openai", "base_url": server.openai, "model": "writer",
        "key_variable": "MARKED_KEY", "concurrency": AT_ONCE,
    }  # fmt: skip
    config = tiny_config(
        {"base": "models/base", "encoder": "models/encoder"},
        regions={"method": "category", "least": 1}, measure={"rounds": 1, "promising": 1.0},
        confirm={"prompts": 4},
    )  # fmt: skip
    config["banks"]["small"]["sources"] = [
        {"format": "written", "description": "questions on birds", "prompts": 120, "passes": 1,
         "author": author}
    ]  # fmt: skip
    write_config(folder, config)
    return folder


def test_before_it_is_written_everything_is_bounded_and_nothing_asked(fresh, server):
    said = snakemake(fresh, "-n", "--cores", "1").stdout
    assert "rule write" in said and "rule bank" in said
    assert not [*fresh.glob("results"), *fresh.glob("cache")]
    estimated = snakemake(fresh, "estimate", "--cores", "1").stdout
    (line,) = re.findall(r"^small +write +(\d+ - \d+)", estimated, re.M)
    assert line == "6 - 11" and re.search(r"regions +600 ", estimated) and not server.asked


@pytest.fixture(scope="module")
def audited(fresh, server):
    """The workspace after an audit that was killed amid the writing of its bank."""
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "all"], cwd=fresh,
        env=os.environ | KEY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 300
        while server.behaviour.kinds["bank"] < 4 and time.monotonic() < deadline:
            assert process.poll() is None, "the run ended before it could be killed"
            time.sleep(0.005)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert not list(fresh.glob("results/write/*/prompts.jsonl")), "killed too late"
    snakemake(fresh, "--unlock")
    snakemake(fresh, "--cores", "all", env=KEY)
    return fresh


def test_killed_while_a_bank_is_written_it_pays_for_none_twice(audited, server):
    assert sum(server.replies.values()) - len(server.replies) <= AT_ONCE
    (usage,) = audited.glob("results/write/*/usage.json")
    counted = json.loads(usage.read_text())["roles"]["bank author"]
    assert counted["cache_hits"] >= 4 - AT_ONCE
    assert counted["requests"] + counted["cache_hits"] == len(server.replies) == 10


def test_topics_are_the_regions_and_the_prompts_are_in_a_keyed_file(audited):
    (folder,) = audited.glob("results/write/*")
    rows = read_lines(folder / "prompts.jsonl")
    report = json.loads((folder / "written.json").read_text())
    assert len(rows) == report["prompts"] and report["topics_by"] == "author"
    regions = json.loads((audited / "results/audits/small/regions.json").read_text())["regions"]
    assert {r["name"]: r["prompts"] for r in regions} == report["topics"]
    pools = read_lines(next(audited.glob("results/regions/*/prompts.jsonl")))
    assert {row["pool"] for row in pools} == {"explore", "screen", "confirm"}
    asked = {row["id"] for row in read_lines(audited / "results/audits/small/interactions.jsonl")}
    assert {row["asked"] for row in rows} <= asked


def test_the_page_says_who_wrote_the_prompts_from_what_and_that_they_are_too_few(audited):
    published = audited / "results/audits/small"
    page = " ".join((published / "report.html").read_text().split())
    (report,) = json.loads((published / "audit.json").read_text())["bank"]["written"]
    assert (report["short"], report["prompts"]) == ("passes", 102) and report["alike"]
    assert 'all of them <a href="#reproduce">written for it</a> by the model' in page
    assert "The model `writer` wrote 102 of the 120 prompts that the bank asks for" in page
    assert "from the description “questions on birds”, on 3 topics that it named itself" in page
    costs = json.loads((published / "costs.json").read_text())["stages"]["write"]
    assert costs["full"]["requests"] == {"writer": 10}
    (log,) = audited.glob("logs/write/*.log")
    assert "WARNING The model `writer` wrote 102 of the 120" in log.read_text()


def test_from_an_archive_the_bank_is_made_again_without_a_key(audited, tmp_path):
    snakemake(audited, "archive", "--cores", "1")
    (target,) = (audited / "results/archives").iterdir()
    clone = copy_workflow(tmp_path / "clone")
    shutil.copytree(audited / "models", clone / "models")
    snakemake(clone, "restore", "--cores", "1", "--config", f"archive={target}")
    (restored,) = (clone / "config/restored").glob("*.yaml")
    (bank,) = clone.glob("results/bank/*/bank.jsonl")
    held = bank.read_text()
    bank.unlink()
    target = str(bank.relative_to(clone))
    snakemake(clone, target, "--cores", "1", "--configfile", str(restored))
    assert bank.read_text() == held


# What is said before anything is asked

ASKED = {"topics": ["owls"], "author": {"base_url": "http://localhost:1/v1", "model": "writer"}}


def recipes_of(folder, audit=MappingProxyType({}), **given):
    source = {"format": "written", **ASKED, **given}
    audits = {"m": {"bank": "b", "base": "a", **audit}}
    raw = PLAIN | {"banks": {"b": {"sources": [source]}}, "audits": audits}
    return Recipes(load(raw), ROOT, DigestIndex(folder / "digests.json"))


@pytest.mark.parametrize(
    ("audit", "given", "words"),
    [
        (
            {},
            {"budget": {"usd": 1}},
            "`banks.b`: the `budget.usd` of what is written needs a price",
        ),
        ({}, {"prompts": 1}, "of 1 prompt none is left to explore"),
        ({"unit": "draw"}, {}, "is for at most 200 prompts, the bank has 300"),
        ({"regions": {"count": 50}}, {"prompts": 40}, "the bank has 40 prompts for 50 regions"),
    ],
)
def test_what_could_not_be_audited_is_told_before_it_is_written(tmp_path, audit, given, words):
    with pytest.raises(AuditError, match=re.escape(words)):
        require_runnable(recipes_of(tmp_path, audit, **given))


def test_of_few_prompts_and_of_a_price_that_nobody_knows_is_told(tmp_path):
    said = list(notices(recipes_of(tmp_path, prompts=9)))
    assert any("with 9 prompts nothing can be validated" in sentence for sentence in said)
    assert any("bank `b`: no price is known for its author `writer`" in s for s in said)


def test_without_its_key_no_audit_begins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipes = recipes_of(tmp_path, author="gemini")
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    with pytest.raises(AuditError, match="GEMINI_API_KEY"):
        require_credentials(recipes.audits["m"])


def test_recorded_responses_answer_no_prompts_that_are_written(tmp_path):
    (tmp_path / "before.jsonl").write_text('{"prompt": "a", "response": "b"}\n')
    recorded = {"responses": str(tmp_path / "before.jsonl")}
    with pytest.raises(ConfigError, match="names prompts that are written, which nobody has"):
        recipes_of(tmp_path, {"base": recorded, "intervention": "a"})


def test_the_key_holds_what_is_asked_and_not_how(tmp_path):
    def key(**given):
        (node,) = recipes_of(tmp_path, **given).nodes["write"].values()
        return node.key

    same, author = key(), ASKED["author"]
    assert key(author=author | {"concurrency": 3, "timeout": 9}) == same
    changes = [
        {"topics": ["gulls"]}, {"description": "x"}, {"prompts": 299}, {"passes": 1}, {"seed": 1},
        {"author": author | {"model": "other"}}, {"author": author | {"temperature": 1.0}},
        {"budget": {"requests": 9}},
    ]  # fmt: skip
    assert len({same, *(key(**change) for change in changes)}) == 1 + len(changes)
