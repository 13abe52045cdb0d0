"""Revisions by name: looked up once, locked, and fetched by their commits."""

import json
import re
import subprocess
import sys

import pytest
import yaml
from checkpoints import FIRST, LAST, TINY, at_hub, subjects
from conftest import copy_workflow, snakemake, write_bank, write_config

from scripts.core.errors import AuditError
from scripts.workflow.config import load
from scripts.workflow.recipes import Node
from scripts.workflow.revisions import LOCK, Revisions, pinned, read_lock


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
