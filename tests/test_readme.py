"""What README.md and docs/ tell people to type works: commands plan, targets exist, YAML loads."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, copy_workflow, snakemake

from scripts.workflow.config import load

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Commands that set the scene and have no effect to check.
SCENERY = ("source",)
# Those of Slurm are run by tests/cluster/test_slurm.py, verify.py by tests/test_verify.py.
ELSEWHERE = ("sinfo", "sbatch", "scancel", "python3")


def blocks(page: Path, language: str) -> list[str]:
    """Contents of the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.M | re.S)


def commands() -> list[str]:
    """Every line of the shell blocks, comments taken off, and what the text itself names, each
    once."""
    lines = [
        line
        for page in PAGES
        for language in ("sh", "bash", "shell", "console")
        for block in blocks(page, language)
        for line in block.replace("\\\n", " ").split("\n")
    ]
    for page in PAGES:
        lines += re.findall(r"`((?:snakemake|make) [^`]*)`", page.read_text())
    found = [shlex.join(shlex.split(line.removeprefix("$ "), comments=True)) for line in lines]
    return list(dict.fromkeys(filter(None, found)))


def configurations() -> list[str]:
    return [block for page in PAGES for block in blocks(page, "ya?ml")]


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """A copy of the workflow with the files that the README's examples name."""
    folder = copy_workflow(tmp_path_factory.mktemp("readme"))
    shutil.copy(ROOT / "Makefile", folder)
    for lock in ROOT.glob("requirements*.lock"):
        shutil.copy(lock, folder)
    prompts = [f"What is a fact about the number {n}?" for n in range(60)]
    (folder / "prompts.txt").write_text("\n".join(prompts))
    for name in ("before", "after"):
        rows = "".join(f'{{"prompt": "{p}", "response": "{name}"}}\n' for p in prompts)
        (folder / f"{name}.jsonl").write_text(rows)
    outputs = "".join(f'"{p}",a,b\n' for p in prompts)
    (folder / "outputs.csv").write_text(f"question,model_a,model_b\n{outputs}")
    for name, line in (
        ("outputs", '{{"prompt": "{p}", "model": "{m}", "response": "x"}}\n'),
        ("batch_input", '{{"custom_id": "{p}", "body": {{"messages": [{{"role": "user", "content": '
         '"{p}"}}]}}}}\n'),
        ("batch_output", '{{"custom_id": "{p}", "response": {{"body": {{"choices": [{{"message": '
         '{{"content": "x"}}}}]}}}}}}\n'),
    ):  # fmt: skip
        models = ("gpt-4o", "claude-sonnet-35") if name == "outputs" else ("",)
        rows = "".join(line.format(p=p, m=m) for p in prompts for m in models)
        (folder / f"{name}.jsonl").write_text(rows)
    shutil.copy(folder / "batch_output.jsonl", folder / "other_output.jsonl")
    exported = folder / "results/export/mine/texts.jsonl"
    exported.parent.mkdir(parents=True)
    rows = (f'{{"prompt": "{p}", "base": "x", "intervention": "y"}}\n' for p in prompts)
    exported.write_text("".join(rows))
    described = {
        "base": ("config.json", "{}"), "thinking": ("config.json", "{}"),
        "nli": ("config.json", "{}"), "adapter": ("adapter_config.json", '{"peft_type": "LORA"}'),
    }  # fmt: skip
    for name, (file, content) in described.items():
        (folder / "models" / name).mkdir(parents=True)
        (folder / "models" / name / file).write_text(content)
    thinks = "{{ messages[-1].content }}{{ '' if enable_thinking else '<think></think>' }}"
    (folder / "models" / "base" / "chat_template.jinja").write_text(thinks)
    (folder / "models" / "adapter" / "adapter_model.safetensors").touch()
    (folder / "evals").mkdir()
    row = '{{"question": "{p}", "statement": "x", "label_confidence": 0.9}}\n'
    (folder / "evals/one.jsonl").write_text("".join(row.format(p=p) for p in prompts))
    (folder / "chat.jinja").write_text("{{ messages[-1].content }}")
    (folder / "my.yaml").write_text(configurations()[0])
    return folder


def test_there_is_something_to_check():
    programs = {command.split()[0] for command in commands()}
    assert programs - {*SCENERY, *ELSEWHERE} == {"make", "snakemake"}
    assert len(configurations()) >= 3


@pytest.mark.parametrize("command", commands())
def test_commands_can_be_typed_as_they_stand(clone, command):
    program, *arguments = shlex.split(command)
    if program == "make":
        done = subprocess.run(
            ["make", "-n", *arguments], cwd=clone, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "Nothing to be done" not in done.stdout
    elif program == "snakemake":
        if "--unlock" in arguments:
            snakemake(clone, *arguments)
            return
        said = snakemake(clone, *arguments, "-n").stdout
        assert "This was a dry-run" in said or "Job stats" in said, said[-2000:]
    else:
        assert program in (*SCENERY, *ELSEWHERE)


@pytest.mark.parametrize("text", configurations())
def test_configurations_load_and_plan(clone, text):
    """Checked by the schema, and by a dry run in which every file that they name is found."""
    config = load(yaml.safe_load(text))
    assert config.audits
    (clone / "example.yaml").write_text(text)
    said = snakemake(clone, "-n", "--cores", "1", "--configfile", "example.yaml").stdout
    assert "Job stats" in said, said[-2000:]


def test_links_lead_somewhere():
    for page in [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "results" / "README.md"]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert target.startswith("https://") or (page.parent / target).exists(), target


def test_files_that_the_texts_name_exist():
    """Paths in code spans that begin with a folder of the project's sources."""
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        for path in re.findall(
            r"`((?:rules|scripts|config|profiles|tests|envs|docs)/[\w./-]+)`", page.read_text()
        ):
            if path != "config/schemas/config.schema.json":
                assert (ROOT / path).exists(), f"{page.name}: {path}"
