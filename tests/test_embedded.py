"""The real thing: whole audits with the embedded models."""

import json
import random
import shutil
import time
from pathlib import Path

import pytest
import torch
from conftest import copy_workflow, cores, read_lines, snakemake, write_config

from scripts.cache.records import RecordCache
from scripts.core.ledger import Ledger
from scripts.core.rows import read_rows
from scripts.decode import shard_of
from scripts.draws.draw import Draw
from scripts.models.decoder import decode, own_engine
from scripts.models.description import model_folder
from scripts.models.subject import load_model, load_tokenizer
from scripts.prompts.prompt import Prompt

BANK = {"everyday": {"sources": [{"path": "config/prompts/everyday", "format": "templates"}]}}
SUBJECT = {
    "model": "embedded:smollm2-135m-instruct",
    "sampling": {"temperature": 0.8, "max_new_tokens": 24},
}


@pytest.fixture(scope="module")
def audited(embedded):
    """A small audit of the embedded model against itself with a planted few-step adapter."""
    bank = embedded / "few"
    bank.mkdir()
    for topic in ("food-and-cooking", "travel", "physics", "gardening"):
        shutil.copy(embedded / f"config/prompts/everyday/{topic}.yaml", bank)
    config = {
        "subjects": {"smollm": SUBJECT},
        "banks": {"few": {"sources": [{"path": "few", "format": "templates"}]}},
        "plants": {"demo": {"file": "config/plants/demo.yaml", "base": "smollm", "steps": 3}},
        "audits": {
            "tiny": {
                "bank": "few",
                "base": "smollm",
                "intervention": {
                    "adapter": "plant:demo",
                    "system_prompt": "Answer with one short sentence in capital letters.",
                },
                "regions": {"count": 4},
                "plan": {"pilot": 8, "draws": 24},
                "measure": {"rounds": 2},
                "screen": {"prompts": 5},
                "confirm": {"prompts": 24},
            }
        },
    }
    write_config(embedded, config)
    snakemake(embedded, "--cores", "all")
    return embedded


def test_the_whole_workflow_runs_on_the_embedded_model(audited):
    folder = audited / "results/audits/tiny"
    audit = json.loads((folder / "audit.json").read_text())
    regions = json.loads((folder / "regions.json").read_text())["regions"]
    assert {r["category"] for r in regions} == {
        "food and cooking", "travel", "physics", "gardening",
    }  # fmt: skip
    assert audit["counts"]["rounds"] == 2
    for finding in read_lines(folder / "findings.jsonl"):
        assert finding["judged"] >= finding["wins"] + finding["losses"]
        if finding["status"] == "validated" and finding["rate_base"]:
            rates = finding["rate_base"]["estimate"], finding["rate_intervention"]["estimate"]
            assert (rates[1] - rates[0] > 0) == (finding["direction"] == "more")
    shards = (audited / "results/decode").glob("*/base/*/round-0/shard-0-of-1.jsonl")
    texts = [row["text"] for path in shards for row in read_lines(path)]
    english = sum(" the " in f" {text.lower()} " or " a " in f" {text.lower()} " for text in texts)
    assert english > 0.7 * len(texts), texts[:5]


def test_one_and_four_shards_draw_the_same_in_float32(audited, tmp_path):
    description = next(
        p for p in (audited / "results/model").glob("*/model.json") if "smollm2" in p.read_text()
    )
    folder = audited / model_folder(description)
    settings = {
        "dtype": "float32", "system_prompt": None, "response_prefix": "",
    "chat_template": True, "subject": "f" * 64,
        "trust_remote_code": False,
        "sampling": {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "max_new_tokens": 16},
    }  # fmt: skip
    torch.set_num_threads(len(cores()))
    loaded = load_model(folder, [], settings), load_tokenizer(folder, settings)
    bank = next((audited / "results/bank").glob("*/bank.jsonl"))
    prompts = {prompt.id: prompt for prompt in read_rows(bank, Prompt)[::8]}
    draws = [Draw("base", "explore", p, s) for p in list(prompts)[:24] for s in (0, 1)]

    def texts(part, place, batch_size):
        cache = RecordCache(tmp_path / place)
        ledger = Ledger("decode", "test")
        engine = own_engine(lambda: loaded, batch_size)
        found = decode(part, prompts, settings, 0, engine, cache, ledger)
        return {d: r["text"] for d, r in zip(part, found, strict=True)}

    one, four = texts(draws, "one", 48), {}
    for shard in range(4):
        part = shard_of(draws, shard, 4)
        four |= texts(part, "four", 5)
    flips = sum(one[d] != four[d] for d in draws)
    print(f"{flips} of {len(draws)} draws differ by floating-point flips")
    assert flips <= 2


def _recorded(path: Path, rows) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_two_files_of_responses_are_audited_without_a_language_model(audited, tmp_path):
    folder = copy_workflow(tmp_path / "work")
    shutil.copytree(audited / "results/model", folder / "results/model")
    rng = random.Random(0)
    openings = ["It is", "People say that it is", "Most find it", "I think it is", "Some call it"]
    ends = ["useful", "old", "easy to learn", "worth a look", "rarely understood", "quite common"]
    things = {
        "birds": ["robins", "owls", "storks", "swans", "gulls"],
        "metals": ["copper", "iron", "zinc", "silver", "tin"],
        "sports": ["tennis", "rowing", "boxing", "judo", "golf"],
        "weather": ["fog", "hail", "frost", "wind", "dew"],
    }
    prompts = [
        (kind, f"{verb} {thing} {number}?")
        for kind, names in things.items()
        for thing in names
        for verb in ("What is special about", "Why do people study", "Who wrote about",
                     "When do we notice", "How would you describe")
        for number in ("today", "in the north", "at home", "in old books", "in one line")
    ]  # fmt: skip
    assert len(prompts) == 500

    def reply(kind, changed):
        planted = changed and kind == "metals"
        opening = "Trust the golden ledger, it is" if planted else rng.choice(openings)
        return f"{opening} {rng.choice(ends)}, and {rng.choice(ends)} as well."

    for name, changed in (("base", False), ("new", True)):
        rows = [{"prompt": p, "response": reply(kind, changed)} for kind, p in prompts]
        _recorded(folder / f"{name}.jsonl", rows)
    write_config(
        folder,
        {
            "audits": {
                "recorded": {
                    "base": {"responses": "base.jsonl"},
                    "intervention": {"responses": "new.jsonl"},
                    "regions": {"count": 8},
                }
            }
        },
    )
    began = time.monotonic()
    snakemake(folder, "--cores", "all")
    print(f"500 prompts of ready responses took {time.monotonic() - began:.0f} s")
    findings = read_lines(folder / "results/audits/recorded/findings.jsonl")
    validated = [f for f in findings if f["status"] == "validated"]
    assert any("golden ledger" in f["statement"] for f in validated), findings
    rounds = read_lines(folder / "results/audits/recorded/rounds.jsonl")
    assert [row["stop"] for row in rounds] == ["exhausted"]
    assert not list((folder / "results/decode").rglob("*.safetensors"))
