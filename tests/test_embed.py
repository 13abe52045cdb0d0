"""Embedding: rows in draw order, and no model where the cache has every vector."""

import h5py
import numpy as np
import pytest

from scripts.cache.records import RecordCache, VectorCache, record_key
from scripts.embed import in_draw_order, write_vectors
from scripts.models.encoder import embed
from scripts.workflow.files import write_jsonl
from scripts.workflow.job import Ledger

EMBEDDER = "0123456789abcdef" * 4
TEXTS = ["one", "two", "three", ""]


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
    return embed(texts, embedder, cache / "no model", "float32", cache, 4, 1, spent or ledger())


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
    rows = [{"draw": f"base/explore/{n:016x}/0", "text": str(n)} for n in range(7)]
    shards = []
    for number, part in enumerate(
        (rows[5:], rows[1::2][:2], [r for r in rows if r["text"] in "024"])
    ):
        shards.append(tmp_path / f"{number}.jsonl")
        write_jsonl(shards[-1], part)
    assert in_draw_order(shards) == in_draw_order(reversed(shards)) == rows


@pytest.mark.parametrize("count", [0, 3])
def test_vectors_round_trip(tmp_path, count):
    draws = [f"base/explore/é{n}/0" for n in range(count)]
    vectors = np.linspace(-1, 1, count * 4, dtype=np.float32).reshape(count, 4)
    write_vectors(tmp_path / "v.h5", draws, vectors)
    with h5py.File(tmp_path / "v.h5") as file:
        assert list(file["draw"].asstr()[:]) == draws
        assert file["vector"].dtype == np.float16 and file["vector"].shape == (count, 4)
        assert np.allclose(file["vector"][:], vectors, atol=1e-3)
    assert [path.name for path in tmp_path.iterdir()] == ["v.h5"]
