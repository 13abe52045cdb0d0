"""The configuration: what it refuses, in which words, and what it makes of what it accepts."""

import copy
import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from scripts.workflow.bank_sections import Source
from scripts.workflow.complaints import sections_below
from scripts.workflow.config import RESERVED, ConfigError, json_schema, load
from scripts.workflow.section import Section
from scripts.workflow.sections import Audit, Execution
from scripts.workflow.subject_sections import Responses, Subject

ROOT = Path(__file__).resolve().parent.parent
COMMIT = "0123456789abcdef0123456789abcdef01234567"
RAW = {
    "subjects": {
        "small": {"model": "embedded:smollm2-135m-instruct", "sampling": {"temperature": 0.5}},
        "recorded": {"responses": "recorded.jsonl"},
    },
    "banks": {
        "everyday": {"sources": [{"path": "prompts"}]},
        "asked": {
            "sources": [{"format": "written", "topics": ["a"], "author": {"provider": "gemini"}}]
        },
    },
    "plants": {"demo": {"file": "demo.yaml", "base": "small"}},
    "audits": {"demo": {"bank": "everyday", "base": "small"}},
}


def changed(path: str, value) -> dict:
    """The raw configuration with one value set; `path` is dotted, numbers index lists."""
    raw = copy.deepcopy(RAW)
    *parents, last = [int(p) if p.isdigit() else p for p in path.split(".")]
    place = raw
    for part in parents:
        place = place[part] if isinstance(place, list) else place.setdefault(part, {})
    place[last] = value
    return raw


def refusal(raw) -> str:
    with pytest.raises(ConfigError) as caught:
        load(raw)
    sentence = str(caught.value)
    assert "\n" not in sentence and "Section" not in sentence and "function-" not in sentence
    return sentence


@pytest.mark.parametrize(
    ("path", "right"),
    [
        ("audit", "audits"),
        ("execution.shard", "shards"),
        ("subjects.small.modle", "model"),
        ("subjects.small.sampling.temprature", "temperature"),
        ("banks.everyday.source", "sources"),
        ("banks.everyday.sources.0.pth", "path"),
        ("banks.asked.sources.0.promts", "prompts"),
        ("banks.asked.sources.0.author.modle", "model"),
        ("plants.demo.step", "steps"),
        ("audits.demo.plann", "plan"),
        ("audits.demo.plan.drawz", "draws"),
        ("audits.demo.regions.cuont", "count"),
        ("audits.demo.pools.explor", "explore"),
        ("audits.demo.intervention.adaptr", "adapter"),
        ("audits.demo.intervention.sampling.topp", "top_p"),
        ("audits.demo.report.evidenc", "evidence"),
    ],
)
def test_an_unknown_key_names_the_nearest_right_one(path, right):
    assert refusal(changed(path, {})) == f"unknown config key `{path}`; did you mean `{right}`?"


def test_an_unknown_key_of_a_subject_written_in_the_audit():
    raw = changed("audits.demo.base", {"model": "embedded:smollm2-135m-instruct", "dtyp": "x"})
    assert refusal(raw) == "unknown config key `audits.demo.base.dtyp`; did you mean `dtype`?"


def test_an_unknown_key_like_no_other_lists_the_known_ones():
    sentence = refusal(changed("execution.zzz", 1))
    assert sentence.startswith("unknown config key `execution.zzz`; known keys: ")
    assert all(name in sentence for name in Execution.model_fields)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("audits.demo.regions.count", 0, "greater than or equal to 1"),
        ("audits.demo.regions.count", "many", "valid integer"),
        ("audits.demo.regions", "categories", "'kmeans' or 'category'"),
        ("audits.demo.confirm.q", 1, "less than 1"),
        ("audits.demo.plan.floor", 1.5, "less than or equal to 1"),
        ("audits.demo.seed", -1, "greater than or equal to 0"),
        ("audits.demo.base", 3, "valid string"),
        ("audits.demo.base", {"model": 3}, "`audits.demo.base.model` is 3"),
        ("audits.demo.intervention.sampling", {"temperature": -1}, "greater than or equal to 0"),
        ("subjects.small.dtype", "int4", "'auto', 'float32', 'bfloat16' or 'float16'"),
        ("subjects.small.revision", "", "at least 1 character"),
        ("banks.everyday.sources", [], "at least 1 item"),
        ("execution.shards", 0, "greater than or equal to 1"),
        ("audits.Demo", {"base": "small"}, "should match pattern"),
        ("audits", {}, "at least 1 item"),
        ("cache", 3, "valid string"),
    ],
)
def test_wrong_types_and_ranges_name_the_field(path, value, words):
    sentence = refusal(changed(path, value))
    assert words in sentence and f"`{path}" in sentence, sentence


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("audits.demo.base", "smal", "did you mean `small`?"),
        ("audits.demo.base", "zzz", "known: `recorded`, `small`"),
        ("audits.demo.intervention", "smal", "did you mean `small`?"),
        ("audits.demo.bank", "everydya", "did you mean `everyday`?"),
        ("audits.demo.bank", None, "`audits.demo.bank` is missing"),
        ("audits.demo.intervention", {"adapter": "plant:dmo"}, "did you mean `demo`?"),
        ("plants.demo.base", "zzz", "`plants.demo.base` names `zzz`"),
        ("plants.demo.base", "recorded", "must be a plain model"),
        ("audits.demo.pools", {"explore": 0.5}, "`pools` must sum to 1"),
        ("audits.demo.pools", {"explore": 0.5, "confirm": 0.35}, "at least 0.4"),
        ("subjects.small.responses", "x", "one of `model`, `server` and `responses`"),
        ("subjects.recorded.adapter", "x", "`server` and `responses` take none"),
        ("audits.demo.base", {}, "one of `model`, `server` and `responses`"),
    ],
)
def test_what_does_not_fit_together(path, value, words):
    sentence = refusal(changed(path, value))
    assert words in sentence and path.split(".")[1] in sentence, sentence


def test_a_missing_key_is_named():
    raw = copy.deepcopy(RAW)
    del raw["audits"]
    assert refusal(raw) == "config key `audits` is missing"
    raw = copy.deepcopy(RAW)
    del raw["audits"]["demo"]["base"]
    assert refusal(raw) == "config key `audits.demo.base` is missing"


def resolved(intervention, base="small") -> tuple[Subject, Subject]:
    raw = changed("audits.demo.intervention", intervention)
    raw["audits"]["demo"]["base"] = base
    config = load(raw)
    audit = config.audits["demo"]
    return tuple(config.subject(audit, side, "x") for side in ("base", "intervention"))


def test_an_intervention_inherits_from_its_base():
    base, intervention = resolved({})
    assert base == intervention
    base, intervention = resolved({"adapter": "plant:demo", "sampling": {"top_p": 0.9}})
    expected = base.model_dump() | {"adapter": "plant:demo"}
    expected["sampling"]["top_p"] = 0.9
    assert expected["sampling"]["temperature"] == 0.5  # the base's, not the default
    assert intervention.model_dump() == expected
    inline = {"model": "m/n", "revision": COMMIT, "dtype": "float32"}
    base, intervention = resolved({"system_prompt": "Be brief."}, inline)
    assert intervention.model_dump() == base.model_dump() | {"system_prompt": "Be brief."}


def test_another_model_brings_its_own_revision():
    inline = {"model": "m/n", "revision": COMMIT, "dtype": "float32"}
    _, intervention = resolved({"model": "./folder"}, inline)
    assert (intervention.model, intervention.revision) == ("./folder", None)
    assert intervention.dtype == "float32"


def test_responses_and_models_replace_one_another():
    _, intervention = resolved({"responses": "other.jsonl"})
    assert (intervention.model, intervention.responses.path) == (None, "other.jsonl")
    inline = {"model": "./folder", "log_probabilities": True}
    _, intervention = resolved({"responses": "other.jsonl"}, inline)
    assert not intervention.log_probabilities
    inline = {"model": "m/n", "revision": COMMIT, "dtype": "float32", "tokenizer": "base",
              "adapter": "lab/lora", "adapter_revision": COMMIT, "trust_remote_code": True,
              "pickled_weights": True}  # fmt: skip
    for other in ({"responses": "other.jsonl"}, {"server": {"url": "http://x", "model": "m"}}):
        _, intervention = resolved(other, inline)
        assert intervention == Subject.model_validate(other), "what only a model has is left behind"
    _, intervention = resolved({"model": "m/n", "revision": COMMIT}, "recorded")
    assert (intervention.model, intervention.responses) == ("m/n", None)
    base, intervention = resolved("recorded")
    assert base.model and intervention.responses == Responses(path="recorded.jsonl")


def test_an_intervention_without_a_path_reads_the_file_of_the_base():
    raw = changed("audits.demo", {
        "base": {"responses": {"path": "out.csv", "response": "a", "prompts": "questions.csv"}},
        "intervention": {"responses": {"response": "b", "where": {"model": "m"}}},
    })  # fmt: skip
    config = load(raw)
    found = config.subject(config.audits["demo"], "intervention", "audits.demo").responses
    assert (found.path, found.response, found.prompts.path) == ("out.csv", "b", "questions.csv")
    raw["audits"]["demo"]["intervention"] = {"responses": {"path": "out.csv", "response": "b"}}
    config = load(raw)
    found = config.subject(config.audits["demo"], "intervention", "audits.demo").responses
    assert found == Responses(path="out.csv", response="b")


def test_a_source_knows_the_earlier_names_of_its_columns():
    found = Source.model_validate({"path": "a.csv", "column": "q", "category_column": "kind"})
    assert found == Source(path="a.csv", prompt="q", category="kind")


def test_ready_responses_on_both_sides_need_no_bank():
    raw = changed("audits.demo", {"base": "recorded", "intervention": {"responses": "b.jsonl"}})
    assert load(raw).audits["demo"].bank is None


@pytest.mark.parametrize("method", ["kmeans", "category"])
def test_the_bare_word_is_short_for_the_method(method):
    long = load(changed("audits.demo.regions", {"method": method}))
    assert load(changed("audits.demo.regions", method)) == long
    assert long.audits["demo"].regions.method == method


def test_fields_are_described_and_only_these_are_required():
    required = set()
    for section in sections_below(Section):
        assert section.__doc__, section
        for name, field in section.model_fields.items():
            assert field.description, f"{section.__name__}.{name} has no docstring"
            if field.is_required():
                required.add(f"{section.__name__}.{name}")
    assert required == {
        "File.path", "Responses.path", "Source.path", "Bank.sources", "Plant.file", "Plant.base",
        "Audit.base", "Config.audits", "Benchmark.behaviours", "Benchmark.suite",
        "Server.model", "StartedServer.engine", "StartedServer.model", "Entailment.model",
        "Written.format", "Written.author",
    }  # fmt: skip


def test_defaults_pass_their_own_checks():
    for section in sections_below(Section):
        if section is not Subject and not any(
            field.is_required() for field in section.model_fields.values()
        ):
            assert section.model_validate(section().model_dump()) == section()
    written_out = Audit(base="small").model_dump()
    assert Audit.model_validate(written_out).model_dump() == written_out


def test_nothing_can_be_changed_after_loading():
    config = load(RAW)
    with pytest.raises(ValueError, match="frozen"):
        config.audits["demo"].plan.draws = 3


@pytest.mark.parametrize("name", ["config.yaml", "aa.yaml", "quantized.yaml"])
def test_the_configurations_of_the_repository_load(name):
    raw = yaml.safe_load((ROOT / "config" / name).read_text())
    assert load(raw).audits
    jsonschema.Draft202012Validator(json_schema()).validate(raw)


def test_the_schema_for_editors_is_current_and_strict():
    committed = json.loads((ROOT / "config" / "schemas" / "config.schema.json").read_text())
    assert committed == json_schema(), "run `make schema`"
    validator = jsonschema.Draft202012Validator(committed)
    validator.check_schema(committed)
    assert validator.is_valid(RAW)
    assert not validator.is_valid(changed("audits.demo.plan.drawz", 1))
    assert not validator.is_valid(changed("audits.demo.plan.draws", 0))


def test_adapters_are_named_one_by_one_or_as_a_list():
    one, several = (
        Subject(model="models/base", adapter=given, adapter_revision=revision)
        for given, revision in (("lab/a", "v1"), (["lab/a", "plant:demo"], ["v1", None]))
    )
    assert one.adapters == [("lab/a", "v1")] and one.plants == []
    assert several.adapters == [("lab/a", "v1"), ("plant:demo", None)]
    assert several.plants == ["demo"]
    for adapter, revision in ((["lab/a"], "v1"), ("lab/a", ["v1"]), (["a/b", "a/c"], ["v1"])):
        with pytest.raises(ValueError, match="`adapter_revision`"):
            Subject(model="models/base", adapter=adapter, adapter_revision=revision)


def test_a_revision_of_what_is_not_of_the_hub_does_nothing_and_is_refused():
    for given, said in [
        ({"model": "embedded:smollm2-135m-instruct", "revision": "v1"}, "`revision` does nothing"),
        ({"model": "m", "adapter_revision": "v1"}, "`adapter_revision` needs an `adapter`"),
        ({"model": "m", "adapter": "plant:demo", "adapter_revision": "v1"}, "is trained here"),
        ({"server": {"engine": "vllm", "model": "m", "adapter_revision": COMMIT}},
         r"`server\.adapter_revision` needs an `adapter`"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=said):
            Subject.model_validate(given)


def test_every_rule_is_a_name_that_no_audit_may_have():
    rules = re.compile(r"^(?:rule|checkpoint) (\w+):", re.M)
    files = [ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk")]
    named = {name for file in files for name in rules.findall(file.read_text())}
    assert named | {"publish"} == RESERVED  # publish has a rule of its own for each audit
