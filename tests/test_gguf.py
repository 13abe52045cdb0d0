"""GGUF files: converted to be loaded here, and served as they are."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoints import FIRST, PLAIN, TINY, logits, provided, subjects
from conftest import ROOT, snakemake, tiny_config, write_bank, write_config
from gguf_file import write_gguf
from hub import Hub, Repository
from transformers import AutoModelForCausalLM, AutoTokenizer

from scripts.assistants import servers_here
from scripts.assistants.roles import Role, RoleServer
from scripts.assistants.servers_here import ServersHere
from scripts.core.errors import AuditError
from scripts.core.ledger import Ledger
from scripts.model import provide
from scripts.models.generation import generate
from scripts.models.gguf import convert_gguf, template_of_gguf
from scripts.models.host import Kept
from scripts.models.hub import repository_and_file
from scripts.models.subject import (
    load_model,
    load_tokenizer,
    prompt_ids,
    stop_tokens,
)
from scripts.prompts.prompt import Prompt
from scripts.workflow.config import load
from scripts.workflow.keys import DigestIndex
from scripts.workflow.recipes import Recipes
from scripts.workflow.revisions import pinned

EIGHT_BITS = 0.3  # of logits that reach ±5


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
