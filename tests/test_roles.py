"""The roles of an assistant: what fills each, which stage has it in its key, and who is asked."""

from pathlib import Path

import pytest
from asked import role_of
from conftest import ROOT
from loopback import Loopback
from test_pool import question

from scripts.assistants.client import Pool
from scripts.assistants.provider import Request
from scripts.assistants.roles import Budget, ConfirmRoles, ProposeRoles, Role, read_roles
from scripts.cache.records import record_key
from scripts.core.errors import AuditError
from scripts.workflow.assistant_sections import Assistant
from scripts.workflow.config import ConfigError, load
from scripts.workflow.keys import DigestIndex
from scripts.workflow.recipes import Recipes

HERE = {"provider": "openai", "base_url": "http://here/v1", "key_variable": "MINE"}


def stages(**given):
    return Assistant.model_validate(given).of_stages()


def filled(**given) -> dict[str, tuple[str, str | None]]:
    """Model and address by role."""
    confirm, author = stages(**given).confirm, stages(**given).propose.author
    return {role.name: (role.model, role.base_url) for role in (author, *confirm.roles)}


def test_short_forms_fill_all_roles():
    assert stages() is stages(provider="local") is None
    assert {m for m, _ in filled(provider="gemini").values()} == {
        "gemini-3.5-flash-lite", "gemini-3.1-pro-preview",
    }  # fmt: skip
    two = filled(**HERE, models={"cheap": "s", "strong": "l"})
    assert {name: model for name, (model, _) in two.items()} == {
        "author": "l", "judge 1": "l", "cheap": "s", "themes": "l",
    }  # fmt: skip


def test_what_a_role_leaves_out_comes_from_the_block_around_it():
    of = stages(**HERE, models={"cheap": "s", "strong": "l"}, temperature=0.5, thinking_tokens=7,
                author={"model": "w", "temperature": None, "extra": {"top_k": 3}},
                judges=["j"], timeout=9)  # fmt: skip
    author, (judge,) = of.propose.author, of.confirm.judges
    assert (author.model, author.temperature, author.extra) == ("w", None, {"top_k": 3})
    assert (judge.model, judge.temperature, judge.extra) == ("j", 0.5, None)
    for role in (author, judge, of.confirm.cheap):
        assert (role.base_url, role.key_variable) == ("http://here/v1", "MINE")
        assert (role.thinking_tokens, role.timeout) == (7, 9)


@pytest.mark.parametrize("elsewhere", [{"base_url": "http://there/v1"}, {"provider": "gemini"}])
def test_no_key_goes_to_another_address(elsewhere):
    given = HERE | {"structured": False, "extra": {"seed": 1}, "temperature": 0.3}
    of = stages(**given, models={"cheap": "s", "strong": "l"}, judges=[{"model": "j"} | elsewhere])
    (judge,) = of.confirm.judges
    assert (judge.key_variable, judge.extra, judge.structured) == (None, None, True)
    assert judge.temperature == 0.3 and judge.base_url != HERE["base_url"]
    same = stages(**given, models={"cheap": "s", "strong": "l"}, judges=[HERE | {"model": "j"}])
    assert same.confirm.judges[0].key_variable == "MINE", "its own address is no other one"


def test_one_model_alone_fills_every_role():
    judge = {"base_url": "http://there/v1", "model": "j"}
    for given in ({"judges": [judge]}, {"author": judge}):
        assert set(filled(**given).values()) == {("j", "http://there/v1")}
    apart = filled(judges=[judge], author={"provider": "gemini", "model": "w"})
    assert apart["themes"] == apart["author"] == ("w", None) and apart["cheap"][0] == "j"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"author": {"temperature": 1}}, "`author` needs a `provider`, or a `base_url`"),
        ({**HERE, "judges": [{"temperature": 1}]}, "`judge 1` needs a `model`"),
        ({**HERE, "models": {"cheap": "s"}}, "`models` needs `cheap` and `strong`"),
        (
            {**HERE, "author": "w", "judges": [{"modle": "j"}]},
            "unknown config key .*0.modle",
        ),
        ({**HERE, "author": {"model": "w", "extra": {"model": "x"}}}, "`extra` cannot set `model`"),
        ({**HERE, "author": "w", "decide": "majority"}, "`decide: majority` needs two judges"),
        ({**HERE, "author": "w", "agreement": {"share": 1}}, "`agreement` needs two judges"),
        (
            {
                **HERE,
                "author": "w",
                "judges": ["a", "b"],
                "decide": "majority",
                "agreement": {"share": 1},
            },
            "every judge reads every pair; leave `agreement` out",
        ),
        (
            {"author": "w", "server": {"engine": "vllm", "model": "x"}, "key_variable": "K"},
            "neither `base_url` nor `key_variable` nor `batch`",
        ),
        ({"provider": "gemini", "extra": {"think": 1}}, "has no field `think`; known: top_p"),
    ],
)
def test_what_cannot_be_is_one_sentence(given, said):
    audit = {"base": {"responses": "a"}, "intervention": {"responses": "b"}, "assistant": given}
    with pytest.raises(ConfigError, match=said) as caught:
        load({"audits": {"mine": audit}})
    assert "\n" not in str(caught.value)


@pytest.fixture
def keyed(tmp_path, monkeypatch):
    """From an assistant to the settings of each stage that has roles."""
    monkeypatch.chdir(tmp_path)
    Path("p.yaml").write_text("models: {x: [{from: 2026-01-31, input: 1, output: 2}]}\n")
    Path("said.jsonl").write_text('{"prompt": "What is new?", "response": "Nothing."}\n' * 8)
    recorded = {"responses": "said.jsonl"}
    audit = {"base": recorded, "intervention": recorded, "unit": "draw"}

    def settings(assistant):
        config = load({"audits": {"mine": {**audit, "assistant": assistant}}})
        report = Recipes(config, ROOT, DigestIndex(tmp_path / "digests.json")).audits["mine"]
        return {
            stage: report.ancestor(stage).settings for stage in ("propose", "screen", "confirm")
        }

    return settings


def moved(keyed, assistant, **changed) -> set[str]:
    """The stages whose settings a change to the assistant moves; keys behind them follow."""
    before, after = keyed(assistant), keyed(assistant | changed)
    return {stage for stage in before if before[stage] != after[stage]}


@pytest.mark.parametrize(
    ("role", "stage"),
    [
        ("author", {"propose", "screen"}), ("judges", {"screen", "confirm"}),
        ("cheap", {"screen", "confirm"}), ("themes", {"confirm"}),
    ],
)  # fmt: skip
def test_a_role_is_in_the_keys_of_the_stages_that_have_it(keyed, role, stage):
    given = {"provider": "openai", "author": "w", "judges": ["j"], "themes": "t", "cheap": "s"}

    def with_(**more):
        changed = {"model": "x", **more}
        return {role: [changed] if role == "judges" else changed}

    given |= with_()
    assert moved(keyed, given, **with_(temperature=0.7)) == stage
    assert moved(keyed, given, **with_(extra={"reasoning_effort": "low"})) == stage
    reached = {"concurrency": 3, "timeout": 7, "prices": "p.yaml", "key_variable": "MINE"}
    assert not moved(keyed, given, **with_(**reached, batch=True))


def test_how_an_assistant_is_reached_moves_no_report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("said.jsonl").write_text('{"prompt": "What is new?", "response": "Nothing."}\n' * 8)
    Path("model").mkdir()
    recorded = {"responses": "said.jsonl"}

    def key(**given):
        audit = {"base": recorded, "intervention": recorded, "unit": "draw", "assistant": given}
        config = load({"audits": {"mine": audit}})
        return Recipes(config, ROOT, DigestIndex(tmp_path / "digests.json")).audits["mine"].key

    given = {"provider": "openai", "author": "w"}
    reached = {"batch": True, "key_variable": "MINE", "concurrency": 3, "timeout": 9.0}
    assert key(**given) == key(**given, **reached) != key(**given, temperature=1.0)
    served = {"engine": "vllm", "model": "model"}
    assert key(server=served) == key(server=served | {"start_within": 9})
    of = stages(**given, **reached).confirm
    whole = read_roles(ConfirmRoles, of.settings(), of.reach())
    assert whole.judges[0].key_variable == "MINE", "a job is told it all the same"


def test_another_judge_counts_in_the_screen_where_a_budget_decides_who_is_tested(keyed):
    given = {"provider": "openai", "author": "w", "judges": ["j", "k"]}
    assert moved(keyed, given, judges=["j", "l"]) == {"confirm"}
    limited = given | {"budget": {"requests": 9}}
    assert moved(keyed, limited, judges=["j", "l"]) == {"screen", "confirm"}


def test_a_server_that_is_started_fills_a_role(keyed):
    """What it serves and how stands for it, and its model is an input of the stages that ask it."""
    for name in ("one", "other"):
        Path(name).mkdir()
        Path(name, "config.json").write_text(f'{{"name": "{name}"}}')
    served = {"engine": "vllm", "model": "one", "arguments": {"max-model-len": 64}}
    for given in ({"server": served}, {"judges": [{"server": served}]}):
        of = stages(**given)
        for role in (of.propose.author, of.confirm.judges[0], of.screen.cheap):
            assert (role.model, role.provider, role.base_url) == ("one", "openai", None)
    given = {**HERE, "author": "w", "cheap": "s", "judges": [{"server": served}]}
    both = {"screen", "confirm"}
    assert not stages(**given).propose.servers() and stages(**given).confirm.servers()
    assert moved(keyed, given, judges=[{"server": served | {"model": "other"}}]) == both
    assert moved(keyed, given, judges=[{"server": served | {"arguments": {}}}]) == both
    assert not moved(keyed, given, judges=[{"server": served | {"start_within": 9}}])
    Path("one").rename("moved")
    again = {"server": served | {"model": "moved"}, "model": "one"}
    assert keyed(given | {"judges": [again]})["confirm"]["assistant"]["judges"][0]["server"]


def test_how_a_panel_is_heard_is_in_the_key_where_there_is_one(keyed):
    given = {"provider": "openai", "author": "w", "judges": ["j", "k"]}
    assert moved(keyed, given, decide="majority") == {"screen", "confirm"}
    assert moved(keyed, given, agreement={"share": 0.5}) == {"confirm"}
    budget = given | {"budget": {"requests": 9}}
    assert moved(keyed, budget, decide="majority") == {"screen", "confirm"}
    assert keyed(given | {"judges": ["j"]})["confirm"]["assistant"]["panel"] is None


def test_judges_of_one_model_are_told_apart():
    of = stages(**HERE, author="w", judges=["j", {"model": "j", "temperature": 1}, "k"])
    titles = [judge.title for judge in of.confirm.judges]
    assert titles == ["j (judge 1)", "j (judge 2)", "k"]
    asked = stages(**HERE, author="w", judges=["j"], cheap={"model": "j", "temperature": 1})
    assert asked.confirm.cheap.title == "j (cheap)"


def test_a_stage_reads_the_roles_that_its_settings_were_made_from():
    of = stages(**HERE, author="w", judges=["j", "k"], concurrency=3, timeout=7)
    assert read_roles(ConfirmRoles, of.confirm.settings(), of.confirm.reach()) == of.confirm


@pytest.mark.parametrize(
    ("keyed", "sentence"),
    [
        ({"temprature": 1}, r"`author.temprature`: Unexpected"),
        ({"thinking_tokens": "few"}, r"`author.thinking_tokens`: Input should be a valid integer"),
        ({"name": "wright"}, "no `access` says how the role `wright` is reached"),
    ],
)
def test_a_role_that_a_stage_cannot_read_is_named(keyed, sentence):
    of = stages(**HERE, author="w").propose
    given = of.settings()
    given["author"] |= keyed
    with pytest.raises(AuditError, match=sentence):
        read_roles(ProposeRoles, given, of.reach())


def test_each_role_is_asked_at_its_own_address(tmp_path):
    with Loopback() as first, Loopback() as second:
        judge, cheap = role_of(first), role_of(second, name="cheap", extra={"top_k": 5})
        roles = ConfirmRoles(Budget(requests=12), (judge,), cheap, judge)
        with Pool(roles, tmp_path) as pool:
            answers = pool.ask([question(n, role) for n in range(5) for role in (judge, cheap)])
            assert pool.spent.requests == 10, "one budget over all"
        assert [a.value for a in answers] == ["A"] * 10
        assert (first.attempts, second.attempts) == (5, 5)
        assert {body.get("top_k") for body in second.asked} == {5}
        assert not any("top_k" in body for body in first.asked)


def test_null_in_extra_leaves_a_field_out(tmp_path):
    with Loopback() as server:
        role = role_of(server, extra={"temperature": None, "reasoning_effort": "low"})
        with Pool(ConfirmRoles(Budget(), (role,), role, role), tmp_path) as pool:
            pool.ask([question(1, role)])
        (body,) = server.asked
    assert "temperature" not in body and body["reasoning_effort"] == "low"


def test_replies_that_were_paid_before_there_were_roles_are_found():
    role = Role("author", "openai", "small", "http://127.0.0.1:1/v1", label="small (author)")
    request = Request("judge", role, "sys", "pr", {"type": "object"}, 50)
    assert record_key("reply", role.identity, request.content()).startswith("4f0f98c859ccbaec")
