"""Checkpoints as people have them: code of their own, pickles, other formats, copies."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from checkpoints import FIRST, LAST, PLAIN, TINY, logits, provided, subjects
from conftest import ROOT, write_bank
from hub import Hub, Repository
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, LlamaConfig

from scripts.assistants import servers_here
from scripts.assistants.roles import Role, RoleServer
from scripts.assistants.servers_here import ServersHere
from scripts.core.errors import AuditError
from scripts.models import checkpoint, served
from scripts.models.subject import load_model, require_context
from scripts.workflow.config import ConfigError, load
from scripts.workflow.keys import DigestIndex
from scripts.workflow.preflight import require_runnable
from scripts.workflow.recipes import Recipes

# Code of their own

OWN_CODE = """
from transformers import LlamaConfig, LlamaForCausalLM

class OwnConfig(LlamaConfig):
    model_type = "own-of-the-lab"

class OwnModel(LlamaForCausalLM):
    config_class = OwnConfig

    def forward(self, *args, **more):
        out = super().forward(*args, **more)
        out.logits = -out.logits
        return out
"""


def with_code(tiny, folder: Path) -> Path:
    """A copy of the tiny model whose forward pass is its own code."""
    shutil.copytree(tiny["base"], folder)
    (folder / "own.py").write_text(OWN_CODE)
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "own-of-the-lab",
        "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_code_of_a_folder_runs_where_it_is_trusted_alone(tiny, tmp_path):
    folder = with_code(tiny, tmp_path / "own")
    with pytest.raises(AuditError, match=r"Python code of its own.*`trust_remote_code: true`"):
        load_model(folder, [], PLAIN)
    own = load_model(folder, [], PLAIN | {"trust_remote_code": True})
    assert torch.allclose(logits(own), -logits(load_model(Path(tiny["base"]), [], PLAIN)))


def test_code_in_another_repository_is_not_run(tiny, tmp_path):
    folder = with_code(tiny, tmp_path / "own")
    text = (folder / "config.json").read_text().replace("own.OwnModel", "lab/other--own.OwnModel")
    (folder / "config.json").write_text(text)
    with pytest.raises(AuditError, match=r"another repository \(`lab/other--own\.OwnModel`\)"):
        load_model(folder, [], PLAIN | {"trust_remote_code": True})


def test_of_the_hub_code_and_pickles_come_at_the_commit_where_they_are_allowed(tiny, tmp_path):
    code = with_code(tiny, tmp_path / "own")
    pickled = shutil.copytree(tiny["base"], tmp_path / "pickled")
    torch.save(load_file(pickled / "model.safetensors"), pickled / "pytorch_model.bin")
    both = shutil.copytree(pickled, tmp_path / "both")
    (pickled / "model.safetensors").unlink()
    repository = Repository({FIRST: code, LAST: pickled, "c" * 40: both}, {"main": LAST})
    with Hub({TINY: repository}) as hub:
        given = {"hub": TINY, "revision": FIRST}
        assert not list(provided(given, hub, tmp_path).glob("*.py"))
        folder = provided(given | {"code": True}, hub, tmp_path)
        own = load_model(folder, [], PLAIN | {"trust_remote_code": True})
        assert folder.name == FIRST
        assert torch.allclose(logits(own), -logits(load_model(Path(tiny["base"]), [], PLAIN)))
        given = {"hub": TINY, "revision": LAST}
        assert re.search("no safetensors.*`pickled_weights: true`", provided(given, hub, tmp_path))
        folder = provided(given | {"pickled_weights": True}, hub, tmp_path)
        assert (folder / "pytorch_model.bin").is_file()
        given = {"hub": TINY, "revision": "c" * 40, "pickled_weights": True}
        assert not list(provided(given, hub, tmp_path).glob("*.bin"))


def held(hub, tmp_path, files: dict[str, object]) -> Callable[[str], set[str]]:
    """Which files with an ending are fetched of a repository that has these, with their JSON."""
    root = tmp_path / "held"
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(json.dumps(content))
    hub.repositories["lab/held"] = Repository({FIRST: root}, {"main": FIRST})
    given = {"hub": "lab/held", "revision": FIRST, "pickled_weights": True}
    folder = provided(given, hub, tmp_path)

    def names(ending: str) -> set[str]:
        found = (path.relative_to(folder).as_posix() for path in folder.rglob(f"*.{ending}"))
        return set(found)

    return names


COPIES = {"original/model.safetensors": 0, "metal/model.bin": 0, "consolidated.safetensors": 0}


def test_of_weights_that_a_repository_holds_twice_those_of_the_index_come(hub, tmp_path):
    shards = {f"layer.{n}": f"model-0000{n}-of-00002.safetensors" for n in (1, 2)}
    files = {"config.json": {}, "qwen.tiktoken": 0, "extra.safetensors": 0, **COPIES}
    files |= {"model.safetensors.index.json": {"weight_map": shards}}
    found = held(hub, tmp_path, files | dict.fromkeys(shards.values(), 0))
    assert found("safetensors") == set(shards.values())
    assert not found("bin") and found("tiktoken") == {"qwen.tiktoken"}


def test_without_an_index_weights_at_the_top_come(hub, tmp_path):
    found = held(hub, tmp_path, {"config.json": {}, "model.safetensors": 0, **COPIES})
    assert found("safetensors") == {"model.safetensors"}


def test_pickles_in_folders_stay_where_they_are(hub, tmp_path):
    found = held(hub, tmp_path, {"config.json": {}, "pytorch_model.bin": 0, **COPIES})
    assert found("bin") == {"pytorch_model.bin"}


def test_the_parts_of_an_encoder_come_with_their_weights(hub, tmp_path):
    parts = [{"path": ""}, {"path": "1_Pooling"}, {"path": "2_Dense"}]
    files = {"modules.json": parts, "config.json": {}, "model.safetensors": 0, **COPIES}
    files |= {"1_Pooling/config.json": {}, "2_Dense/model.safetensors": 0}
    found = held(hub, tmp_path, files | {"onnx/model.safetensors": 0})
    assert found("safetensors") == {"model.safetensors", "2_Dense/model.safetensors"}
    assert "1_Pooling/config.json" in found("json")


# Pickles


def test_a_pickled_checkpoint_is_loaded_where_it_is_allowed_and_runs_no_code(tiny, tmp_path):
    folder = shutil.copytree(tiny["base"], tmp_path / "pickled")
    tensors = load_file(folder / "model.safetensors")
    torch.save(tensors, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(AuditError, match=r"pytorch_model\.bin` alone.*`pickled_weights: true`"):
        load_model(folder, [], PLAIN)
    allowed = PLAIN | {"pickled_weights": True}
    wanted = logits(load_model(Path(tiny["base"]), [], PLAIN))
    assert torch.equal(logits(load_model(folder, [], allowed)), wanted)
    torch.save(tensors | {"more": Path("somewhere")}, folder / "pytorch_model.bin")
    with pytest.raises(AuditError, match="its pickle holds more than tensors"):
        load_model(folder, [], allowed)


def test_a_server_that_is_started_has_code_and_pickles_where_they_are_allowed(
    tiny, tmp_path, monkeypatch
):
    write_bank(tmp_path / "few")
    allows = {"trust_remote_code": True, "pickled_weights": True}
    digests = DigestIndex(tmp_path / "digests.json")

    def made(**more):
        served = {"engine": "vllm", "model": TINY, "revision": FIRST, **more}
        raw = subjects(one={"server": served})
        raw["banks"]["few"]["sources"][0]["path"] = str(tmp_path / "few")
        raw["audits"]["one"] |= {
            "embed": {"model": tiny["encoder"]}, "assistant": {"server": served},
        }  # fmt: skip
        return Recipes(load(raw), ROOT, digests)

    def models(recipes):
        report = recipes.audits["one"]
        plan = report.ancestor("measure").inputs["plan"]
        decode = plan.inputs["base"]
        return decode, [decode.inputs["model"], report.inputs["confirm"].inputs["served 0"]]

    plain, without = models(made())
    assert set(plain.settings["server"]) == {"engine", "arguments", "extra"}
    assert not any({"code", "pickled_weights"} & set(node.settings) for node in without)
    decode, nodes = models(made(**allows))
    assert all(node.settings["code"] and node.settings["pickled_weights"] for node in nodes)
    assert decode.settings["server"]["trust_remote_code"] and decode.key != plain.key
    with pytest.raises(ConfigError, match=r"`server\.trust_remote_code` does nothing for `engine"):
        load(subjects(one={"server": {"engine": "llamacpp", "model": "x", **allows}}))

    folder = shutil.copytree(tiny["base"], tmp_path / "pickled")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    here = {"model": str(folder), "revision": None}
    remedy = r"`pickled_weights: true` beside that `model`, in its subject or `server`"
    with pytest.raises(AuditError, match=remedy):
        require_runnable(made(**here))
    require_runnable(made(**here, pickled_weights=True))
    asked = []

    def stop(*given):
        asked.append(given[4])
        raise AuditError("far enough")

    monkeypatch.setattr(served, "command", stop)
    monkeypatch.setattr(servers_here, "command", stop)
    settings = {"server": {"engine": "vllm", "arguments": {"a": 1}, "extra": {}}, "subject": "f"}
    start = served.StartedHere({"start_within": 1}, folder, None, tmp_path / "log")
    role = RoleServer("vllm", str(folder), None, {"a": 1}, 60.0, "1f2e3d4c")

    def role_started(role):
        servers = ServersHere({"1f2e3d4c": folder}, tmp_path / "confirm.log")
        servers.start_of(Role("judge 1", "openai", "judge", server=role))()

    with pytest.raises(AuditError, match=remedy):
        list(start({}, {}, settings, 0))
    with pytest.raises(AuditError, match=remedy):
        role_started(role)
    settings["server"] |= allows
    with pytest.raises(AuditError, match="far enough"):
        list(start({}, {}, settings, 0))
    with pytest.raises(AuditError, match="far enough"):
        role_started(replace(role, **allows))
    assert asked == [{"a": 1, "trust-remote-code": True}] * 2


def test_code_and_pickles_are_in_no_key_of_those_without_them():
    plain = load(subjects(one={"model": "models/base"})).subjects["one"]
    assert plain.allowed == []
    given = {"model": "models/base", "trust_remote_code": True, "pickled_weights": True}
    assert load(subjects(one=given)).subjects["one"].allowed == ["code", "pickled_weights"]


# Formats


@pytest.mark.parametrize(
    ("method", "package"),
    [("gptq", "`gptqmodel` and `optimum`"), ("compressed-tensors", "`compressed-tensors`"),
     ("awq", "`gptqmodel`")],
)  # fmt: skip
def test_a_format_that_needs_a_package_names_it_before_weights_are_fetched(
    tiny, tmp_path, monkeypatch, method, package
):
    folder = shutil.copytree(tiny["base"], tmp_path / "quantised")
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": method, "bits": 4}
    (folder / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr(checkpoint.PathFinder, "find_spec", lambda name: None)
    with pytest.raises(AuditError, match=f"format {method}, which needs the package {package};"):
        load_model(folder, [], PLAIN)
    with pytest.raises(AuditError, match="needs the package"):
        checkpoint.check_format(folder)


@pytest.mark.parametrize("bits", ["int8", "int4"])
def test_a_checkpoint_that_bitsandbytes_quantised_is_loaded_as_it_is(tmp_path, bits):
    size = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1}  # a block is 64
    shape = LlamaConfig(vocab_size=90, num_attention_heads=4, num_key_value_heads=4, **size)
    AutoModelForCausalLM.from_config(shape).save_pretrained(tmp_path / "plain")
    quantised = load_model(tmp_path / "plain", [], PLAIN | {"quantization": bits})
    quantised.save_pretrained(tmp_path / "quantised")
    found = load_model(tmp_path / "quantised", [], PLAIN)
    assert torch.equal(logits(found), logits(quantised))
    with pytest.raises(AuditError, match=r"quantised already .*take out `quantization: int4`"):
        load_model(tmp_path / "quantised", [], PLAIN | {"quantization": "int4"})


# What does not fit


def test_a_context_shorter_than_prompt_and_reply_is_told_before_decoding(tiny):
    model = load_model(Path(tiny["base"]), [], PLAIN)
    asked = {"sampling": {"max_new_tokens": 56}}
    require_context(model, [[1] * 200, [1] * 3], asked)
    with pytest.raises(AuditError, match=r"prompt has 201 tokens; with a reply of up to 56 .* 256"):
        require_context(model, [[1] * 201, [1] * 3], asked)
    with pytest.raises(AuditError, match="a thought of up to 9, a reply of up to 56"):
        require_context(model, [[1] * 192], asked | {"thoughts": {"max_tokens": 9}})
    model.config.rope_parameters = {"factor": 4.0, "original_max_position_embeddings": 256}
    require_context(model, [[1] * 900], asked)
