"""What texts entail: as the plain cross-encoder has it, once a pair, and nothing loaded where the
cache has it; from the embed stage to hypotheses that the local assistant proposes."""

import json
from dataclasses import replace

import numpy as np
import pytest
import transformers
from conftest import snakemake, tiny_config, write_config
from sentence_transformers import CrossEncoder
from tiny_bert import tiny_bert, vocabulary

from scripts.assistants.local_placebos import placebo_checks
from scripts.checks.check import EntailedCheck, FeatureCheck, Placed, Text, compare, holds
from scripts.core.arrays import read_array, read_names
from scripts.core.errors import AuditError
from scripts.core.ledger import Ledger
from scripts.core.rows import read_rows
from scripts.draws.entailed import Entailed, together
from scripts.draws.vectors import Vectors
from scripts.hypotheses.finding import Finding
from scripts.hypotheses.hypothesis import new_hypothesis
from scripts.hypotheses.wording import claim
from scripts.models.entailment import entailed, load_reader, read
from scripts.models.text_model import TextModel

LABELS = ("contradiction", "entailment", "neutral")
TEXTS = ["a b c", "", "h", "a b c", "d e f " * 60]
STATEMENTS = ["a", "g h"]


def build(made, labels=LABELS, tokenizer=None):
    """A tiny random cross-encoder with these labels."""
    if tokenizer is None:
        words = vocabulary(made, *"abcdefgh", "the", "response", ".")
        tokenizer = transformers.BertTokenizer(str(words), model_max_length=64)
    config = tiny_bert(
        len(tokenizer),
        initializer_range=0.4,
        id2label=dict(enumerate(labels)),
        label2id={label: place for place, label in enumerate(labels)},
    )
    transformers.BertForSequenceClassification(config).save_pretrained(made / "model")
    tokenizer.save_pretrained(made / "model")
    return made / "model"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build(tmp_path_factory.mktemp("reader"))


def asked(texts, statements, folder, cache):
    model = TextModel(folder, "float32", cache, 2, 1, Ledger("embed", "call"))
    return entailed(texts, statements, "m" * 64, model)


def test_chances_are_those_of_the_plain_call(folder, tmp_path):
    found = asked(TEXTS, STATEMENTS, folder, tmp_path)
    pairs = [(text, f"The response {statement}.") for text in TEXTS for statement in STATEMENTS]
    plain = CrossEncoder(str(folder)).predict(pairs, apply_softmax=True)[:, 1]
    assert found.statements == tuple(STATEMENTS) and found.chances.dtype == np.float32
    assert np.allclose(found.chances.ravel(), plain, atol=1e-3)
    assert np.ptp(plain) > 0.01, "a model that tells texts apart"


def test_only_what_is_new_is_read(folder, tmp_path):
    first = asked(TEXTS, STATEMENTS, folder, tmp_path)
    # The folder holds no model, so that whatever loads one fails.
    again = asked(TEXTS[::-1], STATEMENTS[1:], tmp_path / "no model", tmp_path)
    assert np.array_equal(again.chances, first.chances[::-1, 1:])
    assert asked([], STATEMENTS, tmp_path / "no model", tmp_path).chances.shape == (0, 2)
    with pytest.raises(Exception, match="no model"):
        asked(["new"], STATEMENTS, tmp_path / "no model", tmp_path)


def test_what_is_read_in_part_is_said(folder, caplog):
    list(read(load_reader(folder, "float32"), TEXTS * 2, ["a"] * 10, 4))
    assert "1 of 4 texts is longer than the 55 tokens that the encoder reads" in caplog.text


def test_a_model_of_other_labels_is_refused(tmp_path):
    other = build(tmp_path, ("toxic", "fine"))
    with pytest.raises(AuditError, match="labels are toxic, fine; name a cross-encoder"):
        load_reader(other, "float32")


def test_files_of_draws_hold_it(tmp_path):
    found = Entailed(("a", "b"), np.array([[0.75, 0.25], [0.5, 0.0]], dtype=np.float32))
    Vectors(["y", "x"], np.ones((2, 3)), found).write(tmp_path / "with.h5")
    Vectors(["y", "x"], np.ones((2, 3))).write(tmp_path / "without.h5")
    back = Vectors.read(tmp_path / "with.h5", tmp_path / "with.h5").by_draw().entailed
    assert back.holding() == [frozenset("a")] * 4 and back.chances[0, 1] == 0
    assert Vectors.read(tmp_path / "without.h5").by_draw().entailed is None
    assert together(found, found).chances.shape == (4, 2) and together(found, None) is None


def test_a_statement_holds_where_it_is_entailed():
    check = EntailedCheck(statement="is kind")
    turned = replace(check, absent=True)
    kind, other = Placed(0, 0.0, frozenset({"is kind"})), Placed(0, 0.0)
    assert holds(check, "x", kind) and not holds(check, "x", other) and not holds(check, "x")
    assert compare(check, Text("x", other), Text("x", kind)) == 1
    assert compare(turned, Text("x", other), Text("x", kind)) == -1
    assert claim(check) == (
        "gives responses that read as one that “is kind” more often than the base's do"
    )


def test_placebos_say_something_else():
    own = new_hypothesis(
        "s", "more", "local", ["r0"], check=EntailedCheck(statement="refuses to answer")
    )
    placed = Placed(0, 0.0, frozenset({"refuses to answer"}))
    texts = {"r0": [Text("I'm sorry, but I cannot help you with that. Is it fine?", placed)] * 8}
    found = placebo_checks(own, [], texts, 400, 0)
    assert FeatureCheck(feature="question") in found
    assert FeatureCheck(feature="refusal") not in found


def test_an_audit_reads_statements(workspace, tiny, tmp_path):
    """Of a random model, so that nothing is found but what it reads: the statement of the user's
    own is tested, on every prompt."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny["encoder"], model_max_length=64)
    reader = build(tmp_path, tokenizer=tokenizer)
    config = tiny_config(tiny, entailment=str(reader), hypotheses="mine.jsonl")
    write_config(workspace, config)
    (workspace / "mine.jsonl").write_text(json.dumps({"statement": "recommends violins"}))
    snakemake(workspace, "--cores", "all")
    (folder,) = (workspace / "results" / "measure").iterdir()
    texts = folder / "round-1" / "texts.h5"
    assert "recommends violins" in read_names(texts, "statement")
    assert read_array(texts, "entailed").shape[1] == 19
    findings = read_rows(workspace / "results/audits/small/findings.jsonl", Finding)
    (own,) = [finding for finding in findings if finding.source == "user"]
    assert own.check == EntailedCheck(statement="recommends violins") and own.judged
    page = (workspace / "results/audits/small/report.html").read_text()
    assert "A model for natural language inference" in page
