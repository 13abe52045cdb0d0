"""Files that a person writes: what is wrong with one is said while the workflow is read."""

from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from scripts.assistants.prices import read_prices
from scripts.core.errors import AuditError
from scripts.core.yaml_files import WRITTEN, read_yaml
from scripts.workflow.config import load
from scripts.workflow.keys import DigestIndex
from scripts.workflow.preflight import require_runnable
from scripts.workflow.recipes import Recipes

PLANT = {
    "behaviours": [
        {"name": "a", "topic": "b", "statement": "c", "prompts": ["d"], "replies": ["e", "f"]}
    ],
    "controls": ["g"],
}
BEHAVIOUR = {"name": "a", "kind": "b", "topic": "c", "statement": "d", "check": "e"}
# The files that the configuration below names, as they should be.
FILES = {
    "bank.yaml": yaml.safe_dump(
        {"topic": "a", "things": ["x", "y"], "forms": ["{thing}?", "{thing}!"]}
    ),
    "plant.yaml": yaml.safe_dump(PLANT),
    "behaviours.yaml": yaml.safe_dump([BEHAVIOUR]),
    "prices.yaml": "models: {mine: [{from: 2026-01-31, input: 1, output: 2}]}\n",
    "own.jsonl": '{"statement": "recommends bread"}\n',
    "chat.jinja": "{% for m in messages %}{{ m['content'] }}{% generation %}{% endgeneration %}"
    "{% endfor %}",
    "recorded.jsonl": '{"prompt": "What is new?", "response": "Nothing."}\n' * 8,
}
SERVER = {"provider": "gemini", "budget": {"requests": 9}, "prices": "prices.yaml"}
MODEL = {"model": "embedded:smollm2-135m-instruct"}
AUDIT = {"bank": "all", "base": "plain", "regions": {"count": 2}}
CONFIG = {
    "subjects": {"plain": MODEL, "chatty": {**MODEL, "chat_template": {"file": "chat.jinja"}}},
    "banks": {"all": {"sources": [{"path": "bank.yaml", "format": "templates"}]}},
    "plants": {"planted": {"file": "plant.yaml", "base": "plain"}},
    "audits": {
        "planted": {
            **AUDIT,
            "intervention": {"adapter": "plant:planted"},
            "hypotheses": "own.jsonl",
            "assistant": SERVER,
        },
        "chatty": {**AUDIT, "intervention": "chatty"},
        "recorded": {
            "base": {"responses": "recorded.jsonl"},
            "intervention": {"responses": "recorded.jsonl"},
            "unit": "draw",
        },
    },
    "benchmark": {"behaviours": "behaviours.yaml", "suite": "planted", "audits": ["planted"]},
}


@pytest.fixture
def written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    read_prices.cache_clear()
    for name, text in FILES.items():
        Path(name).write_text(text)
    return tmp_path


def read(folder) -> None:
    """What Snakemake does with a configuration before it plans any job."""
    require_runnable(Recipes(load(CONFIG), ROOT, DigestIndex(folder / "digests.json")))


def test_files_as_they_should_be_are_read(written):
    read(written)


# Own hypotheses that are none are allowed: they add none.
CASES = [
    (name, content)
    for name in FILES
    for content in ("a: [", "text", "", "- 1\n- 2\n", "{% for\n", "\ufffe", "[" * 5000)
    if not (name == "chat.jinja" and content not in ("", "{% for\n"))
    and (name, content) != ("own.jsonl", "")
]


@pytest.mark.parametrize(("name", "content"), CASES, ids=lambda value: repr(value)[:20])
def test_what_is_wrong_is_one_sentence_before_anything_runs(written, name, content):
    Path(name).write_text(content, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(AuditError) as caught:
        read(written)
    assert name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_text_is_one_sentence(written, name):
    Path(name).write_bytes(b"\xff\xfe\x00a: \x80")
    with pytest.raises(AuditError) as caught:
        read(written)
    assert name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"behaviours": []}, "`behaviours` needs 1 or more entries"),
        ({"behaviours": ["text"]}, "`behaviours` no. 1 is 'text' where a mapping .* belongs"),
        ({"controls": "text"}, "`controls` is 'text' where a list belongs"),
        ({"controls": [""]}, "`controls` no. 1 is '' where some text belongs"),
        ({"controls": [1]}, "`controls` no. 1 is 1 where a text belongs"),
        ({"control": []}, "it has an unknown key `control`"),
        ({"behaviours": [{"name": "a"}]}, "`behaviours` no. 1 has no `topic`"),
        ({"dose": 2}, "`dose` is 2: input should be less than or equal to 1"),
        ({"dose": "much"}, "`dose` is 'much'"),
        ({"replies": ["e"]}, "`replies` needs 2 or more entries"),
    ],
)
def test_the_place_in_a_plant_file_is_named(written, changed, said):
    (behaviour,) = PLANT["behaviours"]
    if changed.keys() & {"dose", "replies"}:
        changed = {"behaviours": [behaviour | changed]}
    Path("plant.yaml").write_text(yaml.safe_dump(PLANT | changed))
    with pytest.raises(AuditError, match=f"`plant.yaml`: .*{said}.*; such a file holds the lists"):
        read(written)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"statement": 5}', "line 1: `statement` is 5; write a text"),
        ('{"statement": "x", "regions": 5}', "line 1: `regions` is 5; write a list"),
        ('{"statement": "x", "regions": [{}]}', r"line 1: `regions` is \[\{\}\]; write a list"),
    ],
)
def test_the_field_of_an_own_hypothesis_is_named(written, line, said):
    Path("own.jsonl").write_text(line)
    with pytest.raises(AuditError, match=said):
        read(written)


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(AuditError, match=r"absent\.yaml` cannot be read: No such file"):
        read_yaml(tmp_path / "absent.yaml", list[str], "texts")
    assert WRITTEN["extra"] == "forbid"
