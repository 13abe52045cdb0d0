"""Recipes: which settings and files move which keys of a whole configuration."""

import shutil
from pathlib import Path

import pytest
from audits import make_audit
from whole_config import (
    CONFIG,
    FILES,
    build,
    edited,
    moved,
    stages,
    table,
)

from scripts.core import digests
from scripts.workflow.config import ConfigError
from scripts.workflow.recipes import STAGES

OF_BENCHMARK = {"exhaustive", "rewrite", "trials"}  # stages that no audit has
OPTIONAL = {"responses", "probe", "write"}  # stages that this one does not have
AFTER_BANK = {
    "regions", "contrast", "plan", "embed", "measure", "propose", "screen", "confirm", "report",
}  # fmt: skip


def test_the_same_configuration_has_the_same_keys(configured):
    keys_once = table(CONFIG, configured)
    assert keys_once == table(edited(), configured)
    assert {name.split()[0] for name in keys_once} == set(STAGES) - OF_BENCHMARK - OPTIONAL
    assert len(set(keys_once.values())) == len(keys_once)
    assert all(len(key) == digests.KEY_LENGTH for key in keys_once.values())


def test_probing_is_in_the_keys_of_what_it_is_tested_with_alone(configured):
    without = table(edited(assistant="gemini"), configured)
    probed = table(edited(assistant="gemini", probe={}), configured)
    assert probed.keys() - without.keys() == {"probe", "plan probe"}
    assert moved(without, {n: key for n, key in probed.items() if n in without}) == {
        "confirm", "report",
    }  # fmt: skip
    limited = {"provider": "gemini", "budget": {"requests": 99}}
    before, after = (table(edited(assistant=limited, **p), configured) for p in ({}, {"probe": {}}))
    assert before["screen"] != after["screen"], "the budget covers probing, too"
    more = table(edited(assistant="gemini", probe={"samples": 9}), configured)
    assert moved(probed, more) == {"plan probe", "confirm", "report"}


def with_embeddings(names: set[str]) -> set[str]:
    """With each pool's plan its embeddings."""
    return names | {name.replace("plan", "embed") for name in names if name.startswith("plan")}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"confirm": {"q": 0.1}}, {"confirm", "report"}),
        ({"confirm": {"prompts": 10}}, {"screen", "plan confirm", "confirm", "report"}),
        ({"report": {"map_texts": 50}}, {"report"}),
        ({"screen": {"least_net": 3}}, {"screen", "plan confirm", "confirm", "report"}),
        (
            {"screen": {"prompts": 3}},
            {"plan screen", "screen", "plan confirm", "confirm", "report"},
        ),
        (
            {"hypotheses": "own.jsonl"},
            {"screen", "plan confirm", "confirm", "report"},
        ),
        (
            {"propose": {"hypotheses": 5}},
            {"propose", "plan screen", "screen", "plan confirm", "confirm", "report"},
        ),
    ],
)
def test_a_setting_changes_its_stage_and_what_follows(configured, settings, expected):
    before = table(CONFIG, configured)
    after = table(edited(**settings), configured)
    assert moved(before, after) == with_embeddings(expected)
    assert table(CONFIG, configured) == before  # back again


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"regions": {"count": 3}}, AFTER_BANK),
        ({"pools": {"explore": 0.35, "screen": 0.2}}, AFTER_BANK),
        ({"plan": {"draws": 7}}, AFTER_BANK - {"regions", "contrast"}),
        ({"measure": {"permutations": 700}}, AFTER_BANK - {"regions", "contrast"}),
        ({"seed": 1}, AFTER_BANK | {"decode"}),
    ],
)
def test_a_setting_of_the_loop_changes_the_loop(configured, settings, expected):
    before = table(CONFIG, configured)
    assert stages(moved(before, table(edited(**settings), configured))) == expected


def test_sampling_of_one_side_leaves_the_other(configured):
    before = table(CONFIG, configured)
    raw = edited(intervention={"adapter": "plant:demo", "sampling": {"top_p": 0.5}})
    changed = moved(before, table(raw, configured))
    assert changed >= {"decode intervention", "plan explore"}
    assert not changed & {"decode base", "plant", "bank", "regions"}


def test_a_prompt_changes_the_bank_and_what_follows(configured):
    before = table(CONFIG, configured)
    (configured / "bank/a.yaml").write_text(FILES["bank/a.yaml"].replace("x", "z"))
    assert stages(moved(before, table(CONFIG, configured))) == {"bank"} | AFTER_BANK
    (configured / "bank/a.yaml").write_text(FILES["bank/a.yaml"])
    assert table(CONFIG, configured) == before


def test_a_plant_file_changes_the_intervention_alone(configured):
    before = table(CONFIG, configured)
    (configured / "plant.yaml").write_text("behaviours: [other]\n")
    changed = moved(before, table(CONFIG, configured))
    assert changed >= {"plant", "decode intervention", "plan explore", "report"}
    assert not changed & {"decode base", "bank", "regions"}
    assert not any(name.startswith("model") for name in changed)


LAB = {"adapter": "lab/tone", "adapter_revision": "1" * 40}


@pytest.mark.parametrize(
    ("intervention", "start"),
    [
        ({"adapter": None}, "d6380b36f93e6875"),
        (LAB, "546831fed1196968"),
        (
            {"adapter": ["lab/tone", "lab/style"], "adapter_revision": ["1" * 40, "2" * 40]},
            "58e86ac323da32a0",
        ),
        (
            {"server": {"engine": "vllm", "model": "lab/m", "revision": "3" * 40, **LAB}},
            "8b6a5c50d813dabc",
        ),
    ],
)
def test_texts_of_subjects_without_a_plant_are_found_as_ever(configured, intervention, start):
    """Caches hold texts under these digests; another one here decodes all of them again."""
    raw = edited()
    raw["audits"]["demo"]["intervention"] = intervention
    loop = build(raw, configured).audits["demo"].ancestor("measure").inputs["plan"]
    assert loop.inputs["intervention"].settings["subject"].startswith(start)


def test_what_trains_a_plant_is_in_no_name_of_its_texts(configured):
    """What it becomes completes the name in decode's jobs (scripts/models/planted.py)."""
    raw = edited(base="planted")
    raw["subjects"]["planted"] = {**raw["subjects"]["small"], "adapter": "plant:other"}
    raw["plants"]["other"] = raw["plants"]["demo"] | {"steps": 4}
    report = build(raw, configured).audits["demo"]
    sides = report.ancestor("measure").inputs["plan"].inputs
    assert sides["base"].settings == sides["intervention"].settings
    assert sides["base"].key != sides["intervention"].key, "these are two adapters"
    assert not report.settings["null"]
    raw["audits"]["demo"]["intervention"] = {}
    assert build(raw, configured).audits["demo"].settings["null"]


def test_own_hypotheses_count_by_content(configured):
    raw = edited(hypotheses="own.jsonl")
    before = table(raw, configured)
    (configured / "own.jsonl").write_text(FILES["own.jsonl"].replace("short", "long"))
    assert moved(before, table(raw, configured)) == with_embeddings(
        {"screen", "plan confirm", "confirm", "report"}
    )


def test_site_settings_change_no_key(configured):
    raw = edited() | {
        "execution": {"shards": 8, "batch_size": 3, "embed_batch_size": 5},
        "cache": "/somewhere/else",
    }
    assert table(raw, configured) == table(CONFIG, configured)


def test_places_change_no_key_of_a_computation(configured):
    """Paths are no content: a moved bank or plant changes nothing."""
    before = table(CONFIG, configured)
    raw = edited()
    shutil.copytree("bank", "moved", dirs_exist_ok=True)
    shutil.copy("plant.yaml", "moved-plant.yaml")
    raw["banks"]["everyday"]["sources"][0]["path"] = "moved"
    raw["plants"]["demo"]["file"] = "moved-plant.yaml"
    assert not moved(before, table(raw, configured))


def test_how_a_model_or_an_assistant_is_reached_changes_no_key(configured):
    for place in ("here", "there"):
        Path(place).mkdir()
        Path(place, "config.json").write_text("{}")
    raw = edited(assistant={"provider": "gemini", "concurrency": 4, "timeout": 30})
    raw["subjects"]["small"]["model"] = "here"
    before = build(raw, configured)
    raw["subjects"]["small"]["model"] = "there"
    raw["audits"]["demo"]["assistant"] |= {"concurrency": 5, "timeout": 31}
    after = build(raw, configured)
    assert before.audits["demo"].key == after.audits["demo"].key
    shown = (made.audits["demo"].local["config"]["audit"]["base"] for made in (before, after))
    assert [subject["model"] for subject in shown] == ["here", "there"]


def test_an_address_counts_where_nothing_else_says_what_is_served(configured):
    def key(**server):
        raw = edited(intervention={"server": {"url": "http://a/v1", "model": "m"} | server})
        raw["audits"]["demo"]["intervention"].pop("adapter", None)
        return build(raw, configured).audits["demo"].key

    assert key() != key(url="http://b/v1")
    assert key(identity="m of May") == key(identity="m of May", url="http://b/v1", timeout=9)


def test_audits_with_one_base_share_its_work(configured):
    raw = edited()
    raw["audits"]["other"] = {**raw["audits"]["demo"], "intervention": {"dtype": "float32"}}
    first, second = table(raw, configured, "demo"), table(raw, configured, "other")
    shared = {name for name in first if first[name] == second.get(name)}
    assert {"decode base", "bank", "regions"} <= shared
    assert not shared & {"decode intervention", "plan explore", "measure", "report"}
    assert len(build(raw, configured).nodes["decode"]) == 3


def test_the_null_audit_decodes_both_sides_from_one_node(configured):
    report = build(edited(intervention={"dtype": "bfloat16"}), configured).audits["demo"]
    raw = edited()
    raw["audits"]["demo"]["intervention"] = {}
    null = build(raw, configured).audits["demo"]
    assert null.settings["null"] and not report.settings["null"]
    assert len({key for stage, key in null.ancestors() if stage == "decode"}) == 1


def test_a_recording_counts_by_its_content_and_its_fields(configured):
    def recorded(path="a.csv", **given):
        raw = edited(intervention={})
        del raw["audits"]["demo"]["bank"]
        prompts = {"path": "q.csv", "prompt": "text"}
        base = {"path": path, "response": "x", "prompts": prompts} | given
        sides = {"base": {"responses": base}, "intervention": {"responses": {"response": "y"}}}
        raw["audits"]["demo"] |= sides
        report = build(raw, configured).audits["demo"]
        plan = report.ancestor("measure").inputs["plan"]
        sides = {side: plan.inputs[side].inputs["responses"] for side in sides}
        bank = report.ancestor("bank")
        assert bank.inputs == sides and "a.csv" not in str([n.settings for n in sides.values()])
        return {"bank": bank.key} | {side: node.key for side, node in sides.items()}

    for name in ("a.csv", "moved.csv"):
        (configured / name).write_text("id,x,y\n1,a,b\n")
    (configured / "q.csv").write_text("id,text\n1,Why?\n")
    before = recorded()
    assert recorded("moved.csv") == before
    assert moved(before, recorded(response="y")) == {"bank", "base"}
    assert recorded(response="y")["base"] == before["intervention"]  # one side's column, once read
    assert moved(before, recorded(where={"id": 1})) == {"bank", "base", "intervention"}
    (configured / "q.csv").write_text("id,text\n1,How?\n")
    assert moved(before, recorded()) == {"bank", "base", "intervention"}


# Recipes: what cannot be resolved


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("plants", "demo", "file", "none.yaml"), "`plants.demo.file`: there is no file"),
        (("subjects", "small", "model", "embedded:x"), "embedded models: "),
        (("subjects", "small", "model", "./none"), "no model directory or GGUF file `./none`"),
        (("subjects", "small", "model", "owner/name"), "a hub id needs `revision`"),
        (("audits", "demo", "hypotheses", "none.jsonl"), "`audits.demo.hypotheses`: there is no"),
        (("audits", "demo", "base", {"responses": "none.jsonl"}), "`audits.demo.base.responses`"),
    ],
)
def test_what_is_not_there_is_said_in_one_sentence(configured, change, words):
    raw = edited()
    section, name, field, value = change
    raw[section][name][field] = value
    if field == "base":
        raw["audits"]["demo"]["intervention"] = {}
    with pytest.raises(ConfigError) as caught:
        build(raw, configured)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_bank_names_the_audit_and_the_bank(configured):
    raw = edited()
    raw["banks"]["everyday"]["sources"][0]["path"] = "bnk"
    with pytest.raises(
        ConfigError, match=r"`audits\.demo`, bank `everyday`: .*did you mean `bank`"
    ):
        build(raw, configured)


# Audits made by hand, which tests of tools read (support/audits.py)


def names_in(given, known) -> set[str]:
    """Names of nested settings that are given and not known."""
    if not isinstance(given, dict) or not isinstance(known, dict):
        return set()
    below = (names_in(value, known[name]) for name, value in given.items() if name in known)
    return set(given) - set(known) | set().union(*below)


def test_audits_made_by_hand_have_the_names_that_recipes_give(configured):
    recorded = [configured / f"{side}.jsonl" for side in ("base", "intervention")]
    for path in recorded:
        path.write_text('{"prompt": "x?", "response": "x"}\n')
    sides = {p.stem: {"responses": {"path": str(p)}} for p in recorded}
    raw = edited(hypotheses="own.jsonl")
    made = {"decoded": make_audit(configured / "plant.yaml", ["own.jsonl"]),
            "recorded": make_audit(responses=recorded)}  # fmt: skip
    raw["audits"] = {
        "decoded": raw["audits"]["demo"],
        "recorded": {"bank": "everyday", **sides},
    }
    reports = build(raw, configured).audits
    for name, audit in made.items():
        real = list(reports[name].ancestors().values())
        for node in audit["nodes"]:
            alike = [n for n in real if n.stage == node["stage"] and same_pool(n, node)]
            assert alike, node["stage"]
            for part in ("settings", "local", "inputs"):
                wrong = [names_in(node[part], dict(getattr(n, part))) for n in alike]
                assert set() in wrong, (name, node["stage"], part, wrong)


def same_pool(real, made) -> bool:
    return made["stage"] != "plan" or real.settings["pool"] == made["settings"]["pool"]
