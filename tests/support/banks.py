"""Prompt files for the tests of banks, written and shipped."""

import json
import unicodedata
from pathlib import Path

from scripts.recordings.bank import build_bank

REPO = Path(__file__).parents[2]
EVERYDAY = REPO / "config" / "prompts" / "everyday"
PLANT = REPO / "config" / "plants" / "demo.yaml"
SHARED = REPO.parent / "shared" / "data"
PLANTED = ("food and cooking", "travel", "computers and gadgets")

DECOMPOSED = unicodedata.normalize("NFD", "Where is the café?")
COMPOSED = unicodedata.normalize("NFC", DECOMPOSED)
TEMPLATES = {
    "topic": "rocks",
    "things": ["basalt", "granite"],
    "forms": ["What is {thing}?", "Explain {thing}."],
}


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def jsonl(path, *records):
    return write(path, "".join(json.dumps(record) + "\n" for record in records))


def contents(source):
    return [prompt.content for prompt in build_bank([source])[0]]
