"""Embedding: rows in draw order, no model where the cache has every vector, and the vectors of the
plain call where not."""

import numpy as np
import pytest
import torch
import transformers
from sentence_transformers import SentenceTransformer
from tiny_bert import tiny_bert, vocabulary

from scripts.cache.records import RecordCache, VectorCache, record_key
from scripts.core.arrays import read_array
from scripts.core.ledger import Ledger
from scripts.core.rows import write_rows
from scripts.draws.generation import Generation
from scripts.draws.vectors import Vectors
from scripts.embed import in_draw_order, in_pairs
from scripts.models.encoder import batches, embed, encode, load_encoder
from scripts.models.text_model import TextModel

EMBEDDER = "0123456789abcdef" * 4
TEXTS = ["one", "two", "three", ""]


def encoded(encoder, texts, batch_size):
    """`encode`'s vectors in the order of the texts."""
    parts = [
        pair
        for rows, part in encode(encoder, texts, batch_size)
        for pair in zip(rows, part, strict=True)
    ]
    return np.stack([vector for _, vector in sorted(parts, key=lambda pair: pair[0])])


def ledger():
    return Ledger("embed", "call")


@pytest.fixture
def filled(tmp_path):
    """A cache that knows the embedder and a vector of length 2 for each text."""
    RecordCache(tmp_path / "embedders").add_many(
        {record_key("embedder", EMBEDDER): {"dimension": 8, "seconds_per_text": 0.5}}
    )
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(len(TEXTS), 8))
    vectors *= 2 / np.linalg.norm(vectors, axis=1, keepdims=True)
    VectorCache(tmp_path / "embeddings" / EMBEDDER[:16], 8).add_many(
        {
            record_key("embedding", EMBEDDER, text): vector.astype(np.float16)
            for text, vector in zip(TEXTS, vectors, strict=True)
        }
    )
    return tmp_path, dict(zip(TEXTS, vectors / 2, strict=True))


def embedded(texts, cache, spent=None, embedder=EMBEDDER):
    # The folder holds no model, so that whatever loads one fails.
    model = TextModel(cache / "no model", "float32", cache, 4, 1, spent or ledger())
    return embed(texts, embedder, model)


def test_cached_texts_need_no_model(filled):
    cache, known = filled
    order = ["three", "one", "", "three", "two"]
    spent = ledger()
    found = embedded(order, cache, spent)
    assert found.dtype == np.float32 and found.shape == (5, 8)
    assert np.allclose(found, [known[text] for text in order], atol=2e-3)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert (spent.texts, spent.cache_hits, spent.cache_misses) == (0, 5, 0)
    assert spent.saved_seconds == pytest.approx(2.5)


def test_nothing_to_embed_gives_no_rows(filled):
    assert embedded([], filled[0]).shape == (0, 8)
    assert embedded([], filled[0], embedder="f" * 64).shape[0] == 0


def test_rows_do_not_depend_on_shards(tmp_path):
    rows = [
        Generation(f"base/explore/{n:016x}/0", "explore", f"{n:064x}", 0, "r000", str(n))
        for n in range(7)
    ]
    shards = []
    for number, part in enumerate((rows[5:], rows[1::2][:2], [r for r in rows if r.text in "024"])):
        shards.append(tmp_path / f"{number}.jsonl")
        write_rows(shards[-1], part)
    assert in_draw_order(shards) == in_draw_order(reversed(shards)) == rows


@pytest.mark.parametrize("count", [0, 3])
def test_vectors_round_trip(tmp_path, count):
    draws = [f"base/explore/é{n}/0" for n in range(count)]
    vectors = np.linspace(-1, 1, count * 4, dtype=np.float32).reshape(count, 4)
    Vectors(draws, vectors).write(tmp_path / "v.h5")
    found = Vectors.read(tmp_path / "v.h5")
    assert found.draws == draws
    assert found.vectors.dtype == np.float32 and found.vectors.shape == (count, 4)
    assert np.allclose(found.vectors, vectors, atol=1e-3)
    assert read_array(tmp_path / "v.h5", "vector").dtype == np.float16
    assert [path.name for path in tmp_path.iterdir()] == ["v.h5"]


def test_batches_hold_like_lengths_and_few_tokens():
    lengths = np.array([3, 300, 5, 5, 250, 0, 256])
    found = list(batches(lengths, 4, 512))
    assert sorted(row for part in found for row in part) == list(range(7))
    assert found[0] == [1] and found[1] == [6, 4] and found[2:] == [[2, 3, 0, 5]]
    assert all(len(part) * lengths[part].max() <= 512 for part in found)
    assert [len(part) for part in batches(lengths, 4, None)] == [4, 3]
    assert list(batches(np.array([900]), 4, 512)) == [[0]], "one text at least"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A sentence encoder of the family of the embedded one, with random weights."""
    made = tmp_path_factory.mktemp("encoder")
    tokenizer = transformers.BertTokenizer(str(vocabulary(made, *"abcdefgh")))
    config = tiny_bert(len(tokenizer), num_hidden_layers=2)
    transformers.BertModel(config).save_pretrained(made / "bert")
    tokenizer.save_pretrained(made / "bert")
    encoder = SentenceTransformer(str(made / "bert"), device="cpu")
    encoder.max_seq_length = 32
    encoder.save(str(made / "model"))
    return made / "model"


SENTENCES = ["a b c", "", "h", "a a b g", "d e f " * 3, "c b a " * 30]


def test_vectors_are_those_of_the_plain_call(folder):
    plain = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    found = encoded(load_encoder(folder, "float32"), SENTENCES, 4)
    assert np.allclose(found, plain.encode(SENTENCES), atol=1e-5)
    assert found.dtype == np.float32


def test_a_limit_of_tokens_reads_the_beginning(folder):
    short = encoded(load_encoder(folder, "float32", 5), SENTENCES, 4)
    whole = encoded(load_encoder(folder, "float32"), ["c b a", "d e f"], 4)
    assert np.allclose(short[[5, 4]], whole, atol=1e-5)
    assert load_encoder(folder, "float32", 99).max_seq_length == 32, "the model's own at most"


def test_what_is_read_in_part_is_said(folder, caplog):
    encoder = load_encoder(folder, "float32")
    caplog.clear()
    encoded(encoder, SENTENCES[:5], 4)
    assert "longer than" not in caplog.text
    encoded(encoder, SENTENCES, 4)
    # 90 words and two marks, of which 32 are read
    assert (
        "1 of 6 texts is longer than the 32 tokens that the encoder reads: "
        "of these texts it reads 35 % of the tokens" in caplog.text
    )


def test_a_draw_without_one_of_its_texts_is_left_out_on_both_sides():
    def said(prompt, sample, text):
        return Generation(f"{prompt}/{sample}", "explore", prompt, sample, "r0", text)

    found = in_pairs(
        {
            "base": [said("a", 0, "x"), said("a", 1, None), said("b", 0, "y"), said("b", 1, "")],
            "intervention": [said("a", 0, None), said("a", 1, "z"), said("b", 0, "w"),
                             said("b", 1, "v")],
        }
    )  # fmt: skip
    assert [[g.draw for g in side] for side in found.values()] == [["b/0", "b/1"]] * 2
