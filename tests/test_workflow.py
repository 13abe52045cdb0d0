"""The workflow as a whole, on tiny random models: run, rerun, edit, revert, bad input."""

import copy
import json
import re
import shutil

import pytest
import yaml
from conftest import DATA, ROOT, cores, read_lines, snakemake, tiny_config, write_config

FILES = {
    "audit.json", "rounds.jsonl", "regions.json", "findings.jsonl", "findings.csv",
    "judgements.jsonl", "interactions.jsonl", "behaviours.json", "separability.json",
    "panel.json", "costs.json", "report.html",
}  # fmt: skip


def edited(folder, **changes):
    """Change the small audit's settings: `confirm={"q": 0.1}`."""
    config = yaml.safe_load((folder / "config/config.yaml").read_text())
    for section, values in changes.items():
        config["audits"]["small"][section].update(values)
    write_config(folder, config)


def planned_rules(folder, *arguments) -> set[str]:
    """Rules that a call would run."""
    out = snakemake(folder, "-n", "--cores", "all", *arguments).stdout
    return set(re.findall(r"^(?:local)?(?:rule|checkpoint) (\w+):", out, re.M)) - {"all", "small"}


def test_an_audit_leaves_what_the_design_names(finished):
    folder = finished / "results/audits/small"
    assert {p.name for p in folder.iterdir() if not p.name.startswith(".")} == FILES
    audit = json.loads((folder / "audit.json").read_text())
    counts = audit["counts"]
    assert counts["draws"] == counts["draws_base"] + counts["draws_intervention"] > 0
    findings = read_lines(folder / "findings.jsonl")
    judgements = read_lines(folder / "judgements.jsonl")
    judged = {f["id"] for f in findings if f["judged"]}
    assert {(j["schema"], j["judge"]) for j in judgements} == {(1, "local")}
    assert {j["hypothesis"] for j in judgements} == judged
    assert counts["hypotheses"] == len(findings)
    assert counts["validated"] == sum(f["status"] == "validated" for f in findings)
    rounds = read_lines(folder / "rounds.jsonl")
    assert [r["round"] for r in rounds] == [0, 1]
    assert [r["stop"] for r in rounds] == [None, "rounds"]
    assert sum(r["new_draws"] for r in rounds) == rounds[-1]["draws"]
    costs = json.loads((folder / "costs.json").read_text())
    assert costs["stages"]["decode"]["spent"]["texts"] == counts["draws"]
    assert costs["total"]["spent"]["wall_seconds"] > 0
    assert all("schema" in row for row in (audit, costs, *findings, *rounds))
    assert "small" in (finished / "results/index.html").read_text()


def test_every_decoded_draw_was_planned_once_with_a_probability(finished):
    for side in ("base", "intervention"):
        shards = (finished / "results/decode").glob(f"*/{side}/*/*/shard-*-of-1.jsonl")
        rows = [row for path in shards for row in read_lines(path)]
        assert len(rows) == len({row["draw"] for row in rows})
    plans = [r for p in (finished / "results/plan").glob("*/*.jsonl") for r in read_lines(p)]
    assert all(0 < row["probability"] <= 1 for row in plans)


def test_a_second_call_has_nothing_to_do(finished):
    assert "Nothing to be done" in snakemake(finished, "--cores", "all").stdout


def test_moved_and_touched_files_without_snakemakes_records_rerun_nothing(finished_copy):
    shutil.rmtree(finished_copy / ".snakemake")
    for place, path in enumerate(sorted(finished_copy.rglob("*"))):
        if path.is_file() and not path.is_symlink():
            path.touch() if place % 2 else None
    assert "Nothing to be done" in snakemake(finished_copy, "--cores", "all", "-n").stdout


def test_editing_the_judges_settings_reruns_judging_only_and_reverting_nothing(finished_copy):
    published = (finished_copy / "results/audits/small/audit.json").read_text()
    edited(finished_copy, confirm={"q": 0.2})
    assert planned_rules(finished_copy) == {"confirm", "report", "publish_small"}
    snakemake(finished_copy, "--cores", "all")
    assert (finished_copy / "results/audits/small/audit.json").read_text() != published
    edited(finished_copy, confirm={"q": 0.05})
    assert planned_rules(finished_copy) == {"publish_small"}
    snakemake(finished_copy, "--cores", "all")
    assert (finished_copy / "results/audits/small/audit.json").read_text() == published


def test_an_edited_region_count_reruns_from_the_regions_on(finished_copy):
    edited(finished_copy, regions={"count": 5})
    rules = planned_rules(finished_copy)
    assert "regions" in rules and not rules & {"bank", "model"}


def test_a_comment_in_a_script_reruns_nothing(finished_copy):
    for script in (finished_copy / "scripts").rglob("*.py"):
        script.write_text(script.read_text() + "\n# a comment\n")
    assert "Nothing to be done" in snakemake(finished_copy, "--cores", "all", "-n").stdout


def test_one_prompt_more_decodes_at_most_a_twentieth_anew(finished_copy):
    bank = finished_copy / "bank/gardens.yaml"
    topic = yaml.safe_load(bank.read_text())
    extra = {"topic": "gardens", "things": ["moss"], "forms": ["What should I know about {thing}?"]}
    (finished_copy / "bank/moss.yaml").write_text(yaml.safe_dump(extra | {"topic": topic["topic"]}))
    snakemake(finished_copy, "--cores", "all")
    costs = json.loads((finished_copy / "results/audits/small/costs.json").read_text())
    decode = costs["stages"]["decode"]["spent"]
    assert decode["cache_misses"] <= 0.05 * (decode["cache_hits"] + decode["cache_misses"])


def timeless(text: str) -> str:
    """A file without what depends on when and how fast it was made."""
    text = re.sub(r'"(wall_seconds|seconds|saved_seconds|peak_mib)": [\d.]+', "", text)
    return re.sub(r"[\d.,]+\s?(s|min|h|MiB)\b", "", text)


def test_two_runs_from_empty_with_other_threads_differ_in_times_only(workspace, finished):
    snakemake(workspace, "--cores", "1" if len(cores()) > 1 else "2")
    for name in FILES:
        one, two = (f / "results/audits/small" / name for f in (workspace, finished))
        assert timeless(one.read_text()) == timeless(two.read_text()), name


def test_four_shards_draw_what_one_shard_drew(finished_copy):
    config = yaml.safe_load((finished_copy / "config/config.yaml").read_text())
    config |= {"execution": {"shards": 4, "batch_size": 7}, "cache": "another-cache"}
    write_config(finished_copy, config)
    (one,) = finished_copy.glob("results/decode/*/base/*/round-0/shard-0-of-1.jsonl")
    four = [one.with_name(f"shard-{s}-of-4.jsonl") for s in range(4)]
    snakemake(finished_copy, *(str(p.relative_to(finished_copy)) for p in four), "--cores", "all")
    before = {row["draw"]: row["text"] for row in read_lines(one)}
    after = {row["draw"]: row["text"] for path in four for row in read_lines(path)}
    assert set(before) == set(after)
    flips = sum(before[draw] != after[draw] for draw in before)
    print(f"{flips} of {len(before)} draws differ between 1 and 4 shards")
    assert flips <= 0.05 * len(before)


def test_two_audits_share_the_stages_they_agree_on(finished_copy):
    config = yaml.safe_load((finished_copy / "config/config.yaml").read_text())
    second = copy.deepcopy(config["audits"]["small"])
    second["confirm"]["q"] = 0.1
    config["audits"]["second"] = second
    write_config(finished_copy, config)
    assert planned_rules(finished_copy) == {"confirm", "report", "publish_second"}
    assert planned_rules(finished_copy, "small") <= {"small"}


BAD = {
    "unknown key": (
        lambda c, d: c["audits"]["small"].update(confrim={}),
        r"unknown config key `audits.small.confrim`; did you mean `confirm`\?",
    ),
    "missing prompts": (
        lambda c, d: c["banks"]["small"]["sources"][0].update(path="bonk"),
        r"bonk",
    ),
    "empty bank": (
        lambda c, d: (
            (d / "empty.txt").write_text("\n\n"),
            c["banks"]["small"].update(sources=[{"path": "empty.txt"}]),
        ),
        r"empty",
    ),
    "fewer prompts than regions": (
        lambda c, d: c["audits"]["small"]["regions"].update(count=500),
        r"the bank has 320 prompts for 500 regions; lower `regions.count`",
    ),
    "no such model": (
        lambda c, d: c["subjects"]["tiny"].update(model="./nowhere"),
        r"there is no model directory or GGUF file `./nowhere`",
    ),
    "hub model without revision": (
        lambda c, d: c["subjects"]["tiny"].update(model="someone/something"),
        r"a hub id needs `revision`",
    ),
    "responses without a common prompt": (
        lambda c, d: (
            (d / "a.jsonl").write_text('{"prompt": "one", "response": "x"}\n'),
            (d / "b.jsonl").write_text('{"prompt": "two", "response": "x"}\n'),
            c["audits"]["small"].update(
                base={"responses": "a.jsonl"}, intervention={"responses": "b.jsonl"}
            ),
            c["audits"]["small"].pop("bank"),
        ),
        r"have no prompt in common",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_clear_sentence_before_anything_runs(workspace, name):
    change, sentence = BAD[name]
    config = yaml.safe_load((workspace / "config/config.yaml").read_text())
    change(config, workspace)
    write_config(workspace, config)
    done = snakemake(workspace, "--cores", "all", check=False)
    assert done.returncode != 0
    assert re.search(sentence, done.stdout), done.stdout
    assert "Traceback" not in done.stdout
    assert not (workspace / "results").exists()


def test_an_adapter_for_another_architecture_is_refused_before_a_model_loads(workspace, tiny):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    other = AutoModelForCausalLM.from_pretrained(tiny["other"])
    adapter = workspace / "adapter"
    get_peft_model(other, LoraConfig(r=2, target_modules=["q_proj"])).save_pretrained(adapter)
    config = tiny_config(tiny, intervention={"adapter": "adapter"})
    config["audits"]["small"]["intervention"]["adapter"] = str(adapter)
    write_config(workspace, config)
    done = snakemake(workspace, "--cores", "all", check=False)
    assert done.returncode != 0
    assert "is for another architecture" in done.stdout and "Traceback" not in done.stdout


def test_a_null_audit_is_said_to_be_one(workspace, tiny):
    write_config(workspace, tiny_config(tiny, intervention={}))
    out = snakemake(workspace, "-n", "--cores", "all").stdout
    assert "both subjects are identical, so this is a null audit" in out


@pytest.mark.skipif(not DATA.is_dir(), reason="the persona samples are not beside this clone")
def test_a_small_audit_of_persona_statements_by_category(workspace, tiny):
    sources = [{"path": str(DATA / "persona"), "format": "persona", "limit": 5}]
    config = tiny_config(tiny, regions="category", confirm={"prompts": 2}, screen={"prompts": 1})
    config["banks"]["small"]["sources"] = sources
    config["audits"]["small"]["plan"] = {"pilot": 2, "draws": 10}
    config["audits"]["small"]["measure"] = {"rounds": 1, "promising": 1.0}
    write_config(workspace, config)
    snakemake(workspace, "--cores", "all")
    audit = json.loads((workspace / "results/audits/small/audit.json").read_text())
    assert audit["bank"]["prompts"] >= 200
    regions = json.loads((workspace / "results/audits/small/regions.json").read_text())["regions"]
    assert "openness" in {region["name"] for region in regions}


def test_the_snakemake_report_can_be_made(finished_copy):
    snakemake(finished_copy, "--report", "report.zip")
    assert (finished_copy / "report.zip").stat().st_size > 10_000


def test_the_workflow_lints_and_the_snakefile_is_a_table_of_contents():
    assert len((ROOT / "Snakefile").read_text().splitlines()) <= 64
    out = snakemake(ROOT, "--lint").stdout
    assert "Congratulations" in out
