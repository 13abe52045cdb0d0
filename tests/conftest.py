"""Workspaces and tiny models for the tests that run the whole workflow."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from checkpoints import FIRST, LAST, TINY
from filelock import FileLock
from hub import Hub, Repository
from reported import context, page_of

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("Snakefile", "rules", "scripts", "config", "envs", "profiles")
DATA = ROOT.parent / "shared" / "data"

# Of generations: many to die between, and few enough that the cache merges none.
BATCH = 16

TOPICS = {
    "gardens": ["roses", "tulips", "weeds", "lawns", "hedges", "compost", "seeds", "apple trees"],
    "planets": ["Mars", "Venus", "Saturn", "Jupiter", "Mercury", "Neptune", "Uranus", "Pluto"],
    "music": ["violins", "trumpets", "drums", "pianos", "flutes", "harps", "guitars", "choirs"],
    "sailing": [
        "sails",
        "anchors",
        "harbours",
        "tides",
        "knots",
        "masts",
        "lighthouses",
        "rudders",
    ],
}
FORMS = [
    "What should I know about {thing}?", "Tell me a fact about {thing}.",
    "Why do people like {thing}?",
    "How are {thing} described?", "Write a line about {thing}.", "Who knows most about {thing}?",
    "What is new about {thing}?", "Explain {thing} to a child.", "When did {thing} matter most?",
    "What surprises people about {thing}?",
]  # fmt: skip


def pytest_configure(config) -> None:
    """Workers side by side keep to one core each: two torch processes that share cores are ten
    times slower."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    if worker and hasattr(os, "sched_setaffinity"):  # not on macOS
        os.sched_setaffinity(0, {cores()[int(worker) % len(cores())]})


def pytest_collection_modifyitems(items) -> None:
    """Files that run whole audits first, so that at the end short ones are left to share out."""
    long = {item.path for item in items if {"tiny", "embedded"} & set(item.fixturenames)}
    items.sort(key=lambda item: item.path not in long)


def cores() -> list[int]:
    """The processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def write_bank(folder: Path) -> None:
    """Four topics of eighty prompts as template files."""
    folder.mkdir(parents=True)
    for topic, things in TOPICS.items():
        content = {"topic": topic, "things": things, "forms": FORMS}
        (folder / f"{topic}.yaml").write_text(yaml.safe_dump(content))


def snakemake(
    folder: Path, *arguments: str, check: bool = True, program=("-m", "snakemake"), **more
) -> subprocess.CompletedProcess:
    """Run Snakemake in a workspace as a user does; stdout and stderr together."""
    environment = os.environ | {"PYTHONPATH": "", **more.pop("env", {})}
    environment.pop("AUTO_INTERVENTIONS_CALL", None)
    done = subprocess.run(
        [sys.executable, *program, *arguments],
        cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=environment, **more,
    )  # fmt: skip
    assert not check or done.returncode == 0, done.stdout[-6000:]
    return done


def copy_workflow(folder: Path) -> Path:
    """A copy of the workflow without results, as a fresh clone would be."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in (*PARTS, "Snakefile"):
        source = ROOT / part
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / part, ignore=ignored, dirs_exist_ok=True)
        else:
            shutil.copy(source, folder / part)
    if not (folder / "slurm").exists():
        (folder / "slurm").symlink_to("profiles/slurm")
    return folder


def write_config(folder: Path, config: dict, name: str = "config/config.yaml") -> None:
    (folder / name).write_text(yaml.safe_dump(config, sort_keys=False))


def read_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in Path(path).read_text().split("\n") if line]


def shared(tmp_path_factory, name: str, build: Callable[[Path], None]) -> Path:
    """A folder for all workers, which the first one to ask for it builds while others wait."""
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    built = place.with_suffix(".built")
    with FileLock(place.with_suffix(".lock")):
        if not built.exists():
            shutil.rmtree(place, ignore_errors=True)  # what a worker that failed has left
            place.mkdir()
            build(place)
            built.touch()
    return place


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> dict[str, str]:
    """Directories of tiny random models: two language models of unequal width, an encoder."""
    place = shared(tmp_path_factory, "tiny", build_tiny)
    return {name: str(place / name) for name in ("base", "other", "encoder")}


def build_tiny(place: Path) -> None:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import (
        AutoModelForCausalLM,
        BertConfig,
        BertModel,
        LlamaConfig,
        PreTrainedTokenizerFast,
    )

    torch.manual_seed(0)
    torch.set_num_threads(len(cores()))
    texts = [f.format(thing=t) for things in TOPICS.values() for t in things for f in FORMS]
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    special = ["<end>", "<pad>", "[UNK]", "[CLS]", "[SEP]"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=special, initial_alphabet=alphabet)
    bpe.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token="<end>", pad_token="<pad>", unk_token="[UNK]",
        cls_token="[CLS]", sep_token="[SEP]", mask_token="[UNK]", model_max_length=256,
    )  # fmt: skip
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    for name, width in (("base", 32), ("other", 48)):
        model = AutoModelForCausalLM.from_config(
            LlamaConfig(
                vocab_size=len(tokenizer),
                hidden_size=width,
                intermediate_size=2 * width,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                max_position_embeddings=256,
                bos_token_id=None,
                eos_token_id=0,
                pad_token_id=1,
                initializer_range=0.4,
            )
        )
        model.save_pretrained(place / name)
        tokenizer.save_pretrained(place / name)
    bert = BertModel(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=256,
        )
    )
    bert.save_pretrained(place / "bert")
    tokenizer.save_pretrained(place / "bert")
    transformer = Transformer(str(place / "bert"))
    SentenceTransformer(modules=[transformer, Pooling(32)]).save(str(place / "encoder"))


@pytest.fixture
def hub(tiny):
    """A hub with two commits of a tiny model, of which branches and tags have names."""
    commits = {FIRST: Path(tiny["base"]), LAST: Path(tiny["other"])}
    tags = {f"v{n}": FIRST for n in range(30)}
    branches = {"main": LAST, "step3000": FIRST, "step143000": LAST}
    with Hub({TINY: Repository(commits, branches, tags)}) as hub:
        yield hub


@pytest.fixture(scope="session")
def pristine(tmp_path_factory) -> Path:
    """A copy of the code beside what whole_config.py configures, of which tests put back what they
    edit."""
    from whole_config import project

    return project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def configured(pristine, monkeypatch):
    """That copy as the working directory; the files of the configuration are put back."""
    from whole_config import write_files

    monkeypatch.chdir(pristine)
    yield pristine
    write_files(pristine)


@pytest.fixture(scope="session")
def page(tmp_path_factory) -> str:
    """The report of a made-up audit."""
    return page_of(context(), tmp_path_factory.mktemp("figures"))


@pytest.fixture(scope="session")
def embedded(tmp_path_factory) -> Path:
    """A workspace in which the embedded models are ready: fetched once, shared by links."""
    folder = copy_workflow(tmp_path_factory.mktemp("embedded"))
    ready = ROOT / "results" / "model"
    if ready.is_dir():  # those of an earlier run in this clone are as good
        shutil.copytree(ready, folder / "results" / "model", copy_function=os.link)
    return folder


def tiny_config(tiny: dict[str, str], **audit) -> dict:
    """A configuration of one small audit of the tiny model against a system prompt."""
    return {
        "subjects": {
            "tiny": {
                "model": tiny["base"],
                "dtype": "float32",
                "sampling": {"temperature": 1.0, "max_new_tokens": 12},
            }
        },
        "execution": {"batch_size": BATCH},
        "banks": {"small": {"sources": [{"path": "bank", "format": "templates"}]}},
        "audits": {
            "small": {
                "bank": "small",
                "base": "tiny",
                "intervention": {"system_prompt": "violins violins violins"},
                "regions": {"method": "kmeans", "count": 4},
                "embed": {"model": tiny["encoder"]},
                "plan": {"pilot": 6, "draws": 24},
                "measure": {"rounds": 2, "promising": 1.0},
                "screen": {"prompts": 4, "least_net": -100},
                "confirm": {"prompts": 8},
            }
            | audit
        },
    }


@pytest.fixture
def workspace(tmp_path, tiny) -> Path:
    """A fresh workflow with a small bank and the tiny models, nothing run yet."""
    folder = copy_workflow(tmp_path / "work")
    write_bank(folder / "bank")
    write_config(folder, tiny_config(tiny))
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory, tiny) -> Path:
    """A workspace whose small audit has been run to the end; copy it before changing it."""

    def build(place: Path) -> None:
        folder = copy_workflow(place)
        write_bank(folder / "bank")
        write_config(folder, tiny_config(tiny))
        (folder / "first.log").write_text(snakemake(folder, "--cores", "all").stdout)

    ready = shared(tmp_path_factory, "finished", build)
    return Path(shutil.copytree(ready, tmp_path_factory.mktemp("own") / "work", symlinks=True))


@pytest.fixture
def finished_copy(finished, tmp_path) -> Path:
    """A copy of the finished workspace, with its outputs, cache and Snakemake's own records."""
    return Path(shutil.copytree(finished, tmp_path / "copy", symlinks=True))
