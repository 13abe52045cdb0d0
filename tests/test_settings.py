"""Settings of stages: what recipes make is what scripts read."""

import copy
from pathlib import Path

import pytest
import yaml
from banks import jsonl
from conftest import ROOT

from scripts.assistants.roles import LOCAL
from scripts.assistants.settings import (
    ConfirmPlace,
    LocalProposeSettings,
    ModelProposeSettings,
    OwnPlace,
    RolesPlace,
    WritePlace,
    WriteSettings,
)
from scripts.benchmark.settings import ExhaustiveSettings, RewriteSettings, TrialsSettings
from scripts.core.digests import canonical
from scripts.core.errors import AuditError
from scripts.core.settings import settings_as
from scripts.divergence.measurement import MeasureSettings
from scripts.draws.settings import EverythingSettings, PoolSettings, RoundSettings
from scripts.judging.settings import (
    ConfirmSettings,
    LocalScreenSettings,
    ModelScreenSettings,
    ProbeSettings,
)
from scripts.model import ModelPlace, ModelSettings
from scripts.models.entailment import ReadingSettings
from scripts.models.settings import (
    EmbedSettings,
    LoadedSettings,
    PlantPlace,
    PlantSettings,
    ServedPlace,
    ServedSettings,
)
from scripts.readers.settings import KeyedRecording
from scripts.recordings.bank import BankSettings, Sources
from scripts.recordings.recording import RecordingPlace
from scripts.regions import RegionsSettings
from scripts.report import ReportPlace, ReportSettings
from scripts.workflow.config import load
from scripts.workflow.keys import DigestIndex
from scripts.workflow.recipes import Recipes

BY_STAGE = {
    "write": WriteSettings,
    "model": ModelSettings,
    "plant": PlantSettings,
    "responses": KeyedRecording,
    "bank": BankSettings,
    "regions": RegionsSettings,
    "embed": ReadingSettings,
    "measure": MeasureSettings,
    "probe": ProbeSettings,
    "confirm": ConfirmSettings,
    "report": ReportSettings,
    "exhaustive": ExhaustiveSettings,
    "rewrite": RewriteSettings,
    "trials": TrialsSettings,
}
BY_ASSISTANT = {
    "propose": (LocalProposeSettings, ModelProposeSettings),
    "screen": (LocalScreenSettings, ModelScreenSettings),
}
BY_KIND = {"loaded": LoadedSettings, "served": ServedSettings}
BY_POOL = {
    "explore": RoundSettings,
    "exhaustive": EverythingSettings,
    "probe": EverythingSettings,
}
PLACES = {
    "write": WritePlace,
    "model": ModelPlace,
    "plant": PlantPlace,
    "responses": RecordingPlace,
    "bank": Sources,
    "propose": RolesPlace,
    "screen": OwnPlace,
    "probe": OwnPlace,
    "confirm": ConfirmPlace,
    "report": ReportPlace,
}
HUB = {"model": "a/b", "revision": "c" * 40}
SERVER = {"url": "http://localhost:1/v1", "model": "m", "extra": {"a": [1]}}
STARTED = {"engine": "vllm", "arguments": {"max-model-len": 8192}, **HUB}
MORE = {
    "a hub's": {
        "base": {
            **HUB, "trust_remote_code": True, "pickled_weights": True, "reasoning": "off",
            "chat_template": {"arguments": {"x": 1}}, "quantization": "int8",
        },
        "intervention": {"adapter": ["x/y", "plant:demo"], "adapter_revision": ["d" * 40, None]},
    },
    "served": {
        "base": {"server": SERVER, "sampling": {"min_p": 0.1, "stop": ["x"]}},
        "intervention": {"system_prompt": "Be brief."},
        "of": "both",
        "unit": "draw",
    },
    "started": {
        "base": {"server": STARTED, "reasoning": {"start": "<t>", "end": "</t>"}},
        "intervention": {"server": {"adapter": "q/w", "adapter_revision": "e" * 40}},
        "embed": {"max_tokens": 64},
        "entailment": {"model": "a/n", "revision": "f" * 40, "statements": ["is about tea"]},
    },
    "recorded": {
        "base": {"responses": {"path": "r.jsonl", "response": "a"}},
        "intervention": {"responses": {"response": "b", "where": {"m": 1}}},
        "match": "last_user",
    },
    "written": {"base": "smollm", "bank": "asked"},
    "judged by models": {
        "base": "smollm",
        "intervention": {"system_prompt": "Be brief."},
        "assistant": {
            "server": {**STARTED, "arguments": {}}, "judges": ["j", "k"], "budget": {"usd": 1},
            "agreement": {"share": 0.5}, "extra": {"top_k": 1}, "temperature": None,
        },
        "propose": {"focus": "tea"},
        "probe": {},
    },
}  # fmt: skip


def type_of(node):
    if node.stage == "decode":
        return BY_KIND.get(node.settings["kind"])
    if node.stage in BY_ASSISTANT:
        return BY_ASSISTANT[node.stage][node.settings["assistant"] != LOCAL]
    if node.stage == "plan":
        return BY_POOL.get(node.settings["pool"], PoolSettings)
    return BY_STAGE.get(node.stage)


def nodes(raw):
    index = DigestIndex(Path("digests.json"))
    made = Recipes(load(raw), ROOT, index).nodes
    return [node for of_stage in made.values() for node in of_stage.values()]


def of_demo(audit):
    raw = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    source = {"format": "written", "topics": ["tea"], "author": "gemini", "budget": {"usd": 1}}
    raw["banks"]["asked"] = {"sources": [source, {"path": "README.md", "format": "text"}]}
    return raw | {"audits": {"it": {"bank": "everyday", **audit}}}


@pytest.mark.parametrize("name", [*MORE, "config.yaml", "benchmarks/full.yaml"])
def test_what_recipes_make_is_what_scripts_read_to_the_letter(name, tmp_path, monkeypatch):
    """A field that the type lacks, or that it would change, would leave the key behind."""
    monkeypatch.chdir(ROOT)
    raw = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    if name in MORE:
        raw = of_demo(copy.deepcopy(MORE[name]))
    elif name != "config.yaml":
        more = yaml.safe_load((ROOT / "config" / name).read_text())
        raw = {**raw, **more, **{s: raw.get(s, {}) | more.get(s, {}) for s in
               ("subjects", "banks", "plants", "audits")}}  # fmt: skip
    if name == "recorded":
        path = jsonl(tmp_path / "r.jsonl", {"prompt": "hi", "a": "x", "b": "y", "m": 1})
        raw["audits"]["it"]["base"]["responses"]["path"] = path
    seen = set()
    for node in nodes(raw):
        if kind := type_of(node):
            read = settings_as(kind, dict(node.settings), node.stage)
            assert canonical(read) == canonical(node.settings), node.stage
            seen.add(node.stage)
        place = PLACES.get(node.stage)
        if node.stage == "decode" and node.settings["kind"] == "served":
            place = ServedPlace
        if place:
            settings_as(place, dict(node.local), node.stage)
    assert {"bank", "regions", "embed", "measure", "propose", "screen", "confirm"} <= seen


def test_a_field_that_a_script_does_not_read_is_named():
    given = {"embedder": "x", "dtype": "auto", "max_tokens": None}
    assert settings_as(EmbedSettings, given, "embed") == given
    with pytest.raises(AuditError, match=r"settings of `embed` .* `dtpe`"):
        settings_as(EmbedSettings, given | {"dtpe": "auto"}, "embed")
    with pytest.raises(AuditError, match="`max_tokens`: Field required"):
        settings_as(EmbedSettings, {"embedder": "x", "dtype": "auto"}, "embed")
