"""Checkpoints as people have them: revisions by name, code of their own, pickles, other formats."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from conftest import ROOT, copy_workflow, snakemake, tiny_config, write_bank, write_config
from gguf_file import write_gguf
from hub import Hub, Repository
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig

from scripts.assistants import servers_here
from scripts.assistants.roles import Role, RoleServer
from scripts.assistants.servers_here import ServersHere
from scripts.core.errors import AuditError
from scripts.core.ledger import Ledger
from scripts.model import provide
from scripts.models import checkpoint, served
from scripts.models.generation import generate
from scripts.models.gguf import convert_gguf, template_of_gguf
from scripts.models.host import Kept
from scripts.models.hub import repository_and_file
from scripts.models.subject import (
    load_model,
    load_tokenizer,
    prompt_ids,
    require_context,
    stop_tokens,
)
from scripts.prompts.prompt import Prompt
from scripts.workflow.config import ConfigError, load
from scripts.workflow.keys import DigestIndex
from scripts.workflow.preflight import require_runnable
from scripts.workflow.recipes import Node, Recipes
from scripts.workflow.revisions import LOCK, Revisions, pinned, read_lock

FIRST, LAST = "a" * 40, "b" * 40
TINY = "lab/tiny"


def subjects(**given):
    """A configuration with these subjects, of which audits use the first."""
    return {
        "subjects": given,
        "banks": {"few": {"sources": [{"path": "few", "format": "templates"}]}},
        "audits": {"one": {"bank": "few", "base": next(iter(given)), "intervention": {}}},
    }


# Revisions


def test_a_name_becomes_its_commit_wherever_it_stands():
    raw = subjects(
        step={"model": TINY, "revision": "step3", "adapter": "lab/lora", "adapter_revision": "v1"},
        fixed={"model": TINY, "revision": LAST},
    )
    raw["audits"]["one"] |= {
        "intervention": {"revision": "step9"},
        "embed": {"model": "lab/encoder", "revision": "main"},
    }
    raw["audits"]["two"] = {
        "bank": "few", "base": {"model": TINY, "revision": "step9"}, "intervention": "fixed",
    }  # fmt: skip
    commits = {TINY: {"step3": FIRST, "step9": LAST}, "lab/lora": {"v1": FIRST}}
    config, wanted = pinned(load(raw), commits)
    assert wanted == {"lab/encoder": ["main"]}
    one, two = config.audits["one"], config.audits["two"]
    assert config.subject(one, "base", "").revision == FIRST
    changed = config.subject(one, "intervention", "")
    assert (changed.revision, changed.adapter_revision) == (LAST, FIRST)
    assert config.subject(two, "base", "").revision == LAST
    assert config.subject(two, "intervention", "").revision == LAST
    with pytest.raises(AuditError, match=r"`main` of `lab/encoder`: run `snakemake lock --cores 1"):
        Revisions(wanted, LOCK).require(
            Node("model", "k", {"hub": "lab/encoder", "revision": "main"})
        )


def test_what_a_server_that_is_started_serves_has_names_too():
    served = {"engine": "vllm", "model": TINY, "revision": "v1"}
    lora = {"adapter": "lab/lora", "adapter_revision": "v2"}
    raw = subjects(one={"server": {**served, **lora}})
    raw["audits"]["one"] |= {
        "intervention": {"server": {"adapter": "lab/other", "adapter_revision": "v3"}},
        "assistant": {
            "server": {**served, "revision": "v4"},
            "judges": [{}, {"server": {**served, "model": "lab/judge", "revision": "v5"}}],
            "cheap": {"server": {**served, "model": "lab/cheap"}},
        },
    }
    author = {"server": {**served, "model": "lab/author"}}
    raw["banks"]["few"]["sources"].append(
        {"format": "written", "topics": ["a", "b"], "prompts": 8, "author": author}
    )
    config, wanted = pinned(load(raw), {})
    assert config == load(raw)
    assert {hub: sorted(names) for hub, names in wanted.items()} == {
        TINY: ["v1", "v4"], "lab/lora": ["v2"], "lab/other": ["v3"], "lab/judge": ["v5"],
        "lab/cheap": ["v1"], "lab/author": ["v1"],
    }  # fmt: skip
    commits = {hub: dict.fromkeys(names, FIRST) for hub, names in wanted.items()}
    config, wanted = pinned(load(raw), commits)
    assert not wanted and not re.search(r"'v\d'", repr(config))
    audit = config.audits["one"]
    server = config.subject(audit, "intervention", "").server
    assert (server.adapter, server.adapter_revision, server.revision) == ("lab/other", FIRST, FIRST)
    roles = audit.assistant.of_stages().confirm.roles
    assert {role.server.revision for role in roles} == {FIRST}
    written = config.banks["few"].sources[1].roles()
    assert written.author.server.revision == FIRST


def test_what_is_not_named_is_left_as_it_was_given():
    raw = subjects(plain={"model": "models/base"}, ready={"responses": "said.jsonl"})
    config = load(raw)
    found, wanted = pinned(config, {})
    assert found == config and not wanted
    assert found.subjects["ready"].model_fields_set == {"responses"}


def test_a_lock_file_that_was_edited_badly_is_refused(tmp_path):
    (tmp_path / LOCK).write_text(f"{TINY}: {{step3: {FIRST[:7]}}}\n")
    with pytest.raises(AuditError, match=r"`lab/tiny`, `step3` is 'aaaaaaa'.*40 digits"):
        read_lock(tmp_path / LOCK)
    assert read_lock(tmp_path / "none.yaml") == {}


@pytest.fixture
def hub(tiny):
    """A hub with two commits of a tiny model, of which branches and tags have names."""
    commits = {FIRST: Path(tiny["base"]), LAST: Path(tiny["other"])}
    tags = {f"v{n}": FIRST for n in range(30)}
    branches = {"main": LAST, "step3000": FIRST, "step143000": LAST}
    with Hub({TINY: Repository(commits, branches, tags)}) as hub:
        yield hub


def at_hub(hub, tmp_path):
    """Environment of a process that finds this hub, and nothing of others in its cache."""
    return {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1"}


@pytest.mark.parametrize(
    ("name", "revision", "sentence"),
    [
        (
            TINY,
            "step14300",
            "no revision `step14300`; it has the branches `step143000`, `step3000`",
        ),
        (TINY, "v33", "tags `v3`, .* and 20 more"),
        ("lab/none", "main", "`lab/none` at revision main cannot be fetched .*check the id"),
    ],
    ids=["branch", "tag", "model"],
)
def test_a_revision_that_does_not_exist_names_those_that_do(
    hub, tmp_path, name, revision, sentence
):
    code = (
        "import sys\nfrom scripts.models.hub import commit_of\n"
        "from scripts.core.errors import AuditError\n"
        "try: commit_of(*sys.argv[1:])\nexcept AuditError as error: print(error)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, name, revision],
        capture_output=True, text=True, env=at_hub(hub, tmp_path), check=True,
    ).stdout  # fmt: skip
    assert re.search(sentence, said), said
    assert said.count("\n") == 1


def test_revisions_are_looked_up_once_and_fetched_by_commit(hub, tiny, tmp_path):
    """`snakemake lock`, then the model's files at the commit, then all of it without a hub."""
    folder = copy_workflow(tmp_path / "work")
    write_bank(folder / "few")
    config = subjects(step={"model": TINY, "revision": "step3000"})
    config["audits"]["one"]["intervention"] = {"revision": "step143000"}
    config["audits"]["one"]["embed"] = {"model": tiny["encoder"]}
    write_config(folder, config)
    env = at_hub(hub, tmp_path)
    said = snakemake(folder, "-n", "--cores", "1", check=False, env=env)
    assert said.returncode and "`step3000` of `lab/tiny`, `step143000` of `lab/tiny`" in said.stdout
    assert "run `snakemake lock --cores 1`" in said.stdout
    assert not hub.asked, "parsing asks nobody"
    snakemake(folder, "lock", "--cores", "1", env=env)
    lock = folder / "config" / LOCK
    assert yaml.safe_load(lock.read_text()) == {TINY: {"step143000": LAST, "step3000": FIRST}}
    graph = snakemake(folder, "-n", "--cores", "1", env=env).stdout
    models = sorted({word for word in graph.split() if word.endswith("/model.json")})
    snakemake(folder, *models, "--cores", "1", env=env)
    described = [json.loads((folder / model).read_text()) for model in models]
    assert {one.get("revision") for one in described} == {None, FIRST, LAST}
    asked = len(hub.asked)
    lines = snakemake(folder, "lock", "--cores", "1", env=env).stdout
    assert "nothing to do" in lines and len(hub.asked) == asked
    offline = env | {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "1"}
    snakemake(folder, "--force", *models, "--cores", "1", env=offline)
    config["subjects"]["step"]["revision"] = FIRST
    config["audits"]["one"]["intervention"] = {"revision": LAST}
    write_config(folder, config)
    assert "rule model" not in snakemake(folder, "-n", "--cores", "1", env=env).stdout


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
EIGHT_BITS = 0.3  # of logits that reach ±5
PLAIN = {"dtype": "float32", "trust_remote_code": False, "chat_template": True}


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


def logits(model):
    with torch.inference_mode():
        return model(torch.tensor([[5, 6, 7]])).logits


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


def provided(settings: dict, hub, tmp_path) -> Path | str:
    """Where a process that knows this hub puts a model, or why it does not."""
    code = (
        "import json, sys\nfrom pathlib import Path\nfrom scripts.core.errors import AuditError\n"
        "from scripts.model import provide\n"
        "try: print(provide(json.loads(sys.argv[1]), {}, Path(sys.argv[2]), None))\n"
        "except AuditError as error: print(f'refused: {error}')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(settings), str(tmp_path)],
        capture_output=True, text=True, env=at_hub(hub, tmp_path), check=True,
    )  # fmt: skip
    said = done.stdout.strip()
    return said if said.startswith("refused: ") else Path(said)


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


def test_a_gguf_file_counts_by_its_content_and_one_that_cannot_be_read_is_named(tiny, tmp_path):
    file, copy = tmp_path / "model.gguf", tmp_path / "copy.gguf"
    file.write_bytes(b"GGUF" + bytes(64))
    shutil.copy(file, copy)
    write_bank(tmp_path / "few")
    keys = set()
    for one in (file, copy):
        raw = subjects(one={"model": str(one)})
        raw["banks"]["few"]["sources"][0]["path"] = str(tmp_path / "few")
        raw["audits"]["one"]["embed"] = {"model": tiny["encoder"]}
        recipes = Recipes(load(raw), ROOT, DigestIndex(tmp_path / "digests.json"))
        nodes = [node for node in recipes.nodes["model"].values() if "gguf" in node.settings]
        keys |= {node.key for node in nodes}
        assert [node.local["path"] for node in nodes] == [str(one)]
    assert len(keys) == 1
    with pytest.raises(AuditError, match=r"`\S+model\.gguf` cannot be loaded by transformers"):
        list(convert_gguf(Kept(), {"gguf": str(file), "folder": str(tmp_path / "out")}))


@pytest.fixture(scope="module")
def tiny_gguf(tiny, tmp_path_factory) -> Path:
    return write_gguf(Path(tiny["base"]), tmp_path_factory.mktemp("gguf") / "tiny.Q8_0.gguf")


def test_a_gguf_file_says_what_transformers_says_of_it(tiny, tiny_gguf, tmp_path):
    """Decoded here from the file, and by transformers' own `generate` with `gguf_file`."""
    folder = tmp_path / "out"
    list(convert_gguf(Kept(), {"gguf": str(tiny_gguf), "folder": str(folder)}))
    model, tokenizer = load_model(folder, [], PLAIN), load_tokenizer(folder, PLAIN)
    told = {"gguf_file": tiny_gguf.name}
    theirs = AutoModelForCausalLM.from_pretrained(tiny_gguf.parent, **told, dtype=torch.float32)
    known = AutoTokenizer.from_pretrained(tiny_gguf.parent, **told)
    assert template_of_gguf(tiny_gguf) == known.chat_template == tokenizer.chat_template
    original = load_model(Path(tiny["base"]), [], PLAIN)
    assert torch.allclose(logits(model), logits(original), atol=EIGHT_BITS)
    assert torch.equal(logits(model), logits(theirs))
    sampling = {"temperature": 0.0, "top_p": 1.0, "top_k": 0, "max_new_tokens": 12}
    settings = PLAIN | {"sampling": sampling, "system_prompt": None, "response_prefix": ""}
    prompts = [Prompt("", f"Tell me about number {n}.") for n in range(4)]
    ids = prompt_ids(tokenizer, prompts, settings)
    numbers = [[np.zeros(12)] for _ in ids]
    found = generate(model, ids, numbers, sampling, stop_tokens(model, tokenizer), 1, 4)
    said = {p: reply.tokens for some in found for p, _, reply in some}
    for place, prompt in enumerate(prompts):
        turn = [{"role": "user", "content": prompt.content}]
        asked = known.apply_chat_template(turn, add_generation_prompt=True, tokenize=False)
        given = known(asked, add_special_tokens=False, return_tensors="pt")["input_ids"]
        out = theirs.generate(given, do_sample=False, max_new_tokens=12, pad_token_id=1)
        own = out[0, given.shape[1] :].tolist()
        assert said[place] == (own[: own.index(0)] if 0 in own else own)


def test_a_gguf_file_of_the_hub_is_named_behind_the_id(tiny, tiny_gguf, tmp_path):
    folder = tmp_path / "repository"
    (folder / "q8").mkdir(parents=True)
    shutil.copy(tiny_gguf, folder / "q8")
    name = f"{TINY}/q8/{tiny_gguf.name}"
    assert repository_and_file(name) == (TINY, f"q8/{tiny_gguf.name}")
    assert repository_and_file(TINY) == (TINY, None)
    raw = subjects(one={"model": name, "revision": "v1"})
    _, wanted = pinned(load(raw), {})
    assert wanted == {TINY: ["v1"]}
    given = {"hub": TINY, "revision": FIRST, "gguf_file": f"q8/{tiny_gguf.name}", "conversion": 1}
    with Hub({TINY: Repository({FIRST: folder}, {"main": FIRST})}) as hub:
        found = provided(given, hub, tmp_path)
        assert torch.allclose(
            logits(load_model(Path(found), [], PLAIN)),
            logits(load_model(Path(tiny["base"]), [], PLAIN)), atol=EIGHT_BITS,
        )  # fmt: skip
        served = {**given, "unconverted": True}
        del served["conversion"]
        assert Path(provided(served, hub, tmp_path)).read_bytes() == tiny_gguf.read_bytes()
        missing = provided(given | {"gguf_file": "q8/tiny.Q4_0.gguf"}, hub, tmp_path)
        assert "has no file `q8/tiny.Q4_0.gguf` at" in missing
        assert f"it has `q8/{tiny_gguf.name}`" in missing
        del served["gguf_file"]
        assert "name the one that you mean behind the id" in provided(served, hub, tmp_path)


def test_a_gguf_file_that_llama_cpp_serves_is_left_as_it_is(tiny, tiny_gguf, tmp_path):
    write_bank(tmp_path / "few")
    nodes = []
    for model in (str(tiny_gguf), "embedded:smollm2-135m-instruct"):
        raw = subjects(one={"server": {"engine": "llamacpp", "model": model}})
        raw["banks"]["few"]["sources"][0]["path"] = str(tmp_path / "few")
        raw["audits"]["one"]["embed"] = {"model": tiny["encoder"]}
        recipes = Recipes(load(raw), ROOT, DigestIndex(tmp_path / "digests.json"))
        nodes += [n for n in recipes.nodes["model"].values() if "unconverted" in n.settings]
    local, embedded = nodes
    assert "conversion" not in local.settings
    assert provide(local.settings, local.local, tmp_path, Ledger("model", "k")) == tiny_gguf
    assert embedded.settings["kind"] == "gguf"


def test_a_gguf_file_that_llama_cpp_serves_for_a_role_is_left_as_it_is(
    tiny, tiny_gguf, tmp_path, monkeypatch
):
    write_bank(tmp_path / "few")
    of_hub = {"model": f"{TINY}/q8/{tiny_gguf.name}", "revision": FIRST}
    found = []
    for given in ({"model": str(tiny_gguf)}, of_hub):
        raw = subjects(one={"model": tiny["base"]})
        raw["banks"]["few"]["sources"][0]["path"] = str(tmp_path / "few")
        raw["audits"]["one"] |= {
            "embed": {"model": tiny["encoder"]},
            "assistant": {"server": {"engine": "llamacpp", **given}},
        }
        recipes = Recipes(load(raw), ROOT, DigestIndex(tmp_path / "digests.json"))
        for stage in ("propose", "screen", "confirm"):
            found.append(recipes.audits["one"].ancestor(stage).inputs["served 0"].settings)
    assert all(settings["unconverted"] and "conversion" not in settings for settings in found)
    blob = tmp_path / "blobs" / "0a1b"  # as the hub's cache has it
    blob.parent.mkdir()
    shutil.copy(tiny_gguf, blob)
    (tmp_path / "snapshot").mkdir()
    (link := tmp_path / "snapshot" / tiny_gguf.name).symlink_to(blob)
    assert provide({"gguf": "x", "unconverted": True}, {"path": str(link)}, tmp_path, None) == link
    asked = []
    monkeypatch.setattr(servers_here, "command", lambda *given: asked.append(given[1]) or 1 / 0)
    server = RoleServer("llamacpp", str(link), None, {}, 60.0, "1f2e3d4c")
    start = ServersHere({"1f2e3d4c": link}, tmp_path / "confirm.log").start_of(
        Role("judge 1", "openai", "judge", server=server)
    )
    with pytest.raises(ZeroDivisionError):
        start()
    assert asked == [link]


def test_a_whole_audit_of_a_gguf_file(workspace, tiny, tiny_gguf):
    """From a file of the lab's to the report, against the model that it was made from."""
    config = tiny_config(tiny, intervention={"model": str(tiny_gguf)}, measure={"rounds": 1})
    write_config(workspace, config)
    snakemake(workspace, "--cores", "all")
    page = (workspace / "results/audits/small/report.html").read_text()
    assert tiny_gguf.name in page
