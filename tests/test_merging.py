"""Merging small segments: nothing is lost while others read and write."""

import errno
import os
from pathlib import Path

import numpy as np
from cached import batch, key, run_writers

from scripts.cache import records
from scripts.cache.records import RecordCache, VectorCache
from scripts.cache.segments import Segment, open_segment


def test_many_small_segments_become_few(tmp_path):
    cache, added = RecordCache(tmp_path), {}
    for number in range(300):
        more = batch(*(f"{number} {i}" for i in range(number % 5 + 1)))
        cache.add_many(more)
        added |= more
    assert cache.statistics()["segments"] < records._MANY_SEGMENTS + 5
    for reader in (cache, RecordCache(tmp_path)):
        assert reader.get_many([*added, key("absent")]) == added
    assert cache.statistics()["records"] == len(added)


def test_few_large_segments_are_merged_until_they_are_large_enough(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "_LARGE_SEGMENT", 100)
    cache = RecordCache(tmp_path)
    for number in range(20):
        cache.add_many(batch(*(f"{number} {i}" for i in range(30))))
    sizes = sorted(count for _, count, _ in cache.segments())
    assert sizes == [120] * 5  # four of 30 reach 100 together, and 120 is left alone


def test_vectors_are_merged_as_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "_MANY_SEGMENTS", 4)
    VectorCache(tmp_path, 2).add_many({key("other kind"): np.zeros(2, np.float16)})
    cache = VectorCache(tmp_path, 3)
    added = {key(n): np.array([n, -n, 0.5], np.float16) for n in range(6)}
    for name, vector in added.items():
        cache.add_many({name: vector})
    found = VectorCache(tmp_path, 3).get_many(list(added))
    for name, vector in added.items():
        np.testing.assert_array_equal(found[name], vector, strict=True)
    assert cache.statistics()["segments"] < 6


def test_of_duplicates_merging_keeps_the_one_that_was_read(tmp_path, monkeypatch):
    cache = RecordCache(tmp_path)
    for number in range(6):
        cache.add_many({key("twice"): {"number": number}, key(number): {}})
    before = cache.get_many([key("twice")])
    monkeypatch.setattr(records, "_MANY_SEGMENTS", 2)
    cache.add_many(batch("more"))
    assert cache.statistics()["segments"] == 1
    assert RecordCache(tmp_path).get_many([key("twice")]) == before


def test_a_segment_that_holds_all_the_others_is_not_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "_MANY_SEGMENTS", 3)
    cache = RecordCache(tmp_path)
    for names in ((1,), (2,), (1, 2)):
        cache.add_many(batch(*names))
    assert cache.statistics()["segments"] == 1
    assert RecordCache(tmp_path).get_many([key(1), key(2)]) == batch(1, 2)


def test_a_reader_finds_what_was_merged_while_it_read(tmp_path, monkeypatch):
    writer, added = RecordCache(tmp_path), batch(*range(20))
    for number in range(10):
        writer.add_many(batch(2 * number, 2 * number + 1))
    reader, once = RecordCache(tmp_path), []
    read_block = Segment.read_block

    def merging(segment, file, number):
        if not once:
            once.append(True)
            monkeypatch.setattr(records, "_MANY_SEGMENTS", 2)
            writer.add_many(batch("more"))
        return read_block(segment, file, number)

    monkeypatch.setattr(Segment, "read_block", merging)
    assert reader.get_many(list(added)) == added
    assert writer.statistics()["segments"] == 1


def test_a_reader_finds_what_was_merged_while_it_opened_segments(tmp_path, monkeypatch):
    writer, added = RecordCache(tmp_path), batch(*range(10))
    for number in range(10):
        writer.add_many(batch(number))
    once = []

    def merging(path):
        if not once:
            once.append(True)
            monkeypatch.setattr(records, "_MANY_SEGMENTS", 2)
            writer.add_many(batch("more"))
        return open_segment(path)

    monkeypatch.setattr(records, "open_segment", merging)
    assert RecordCache(tmp_path).get_many(list(added)) == added


def test_merging_sets_a_torn_segment_aside_and_keeps_the_rest(tmp_path, monkeypatch, caplog):
    cache = RecordCache(tmp_path)
    for number in range(5):
        cache.add_many(batch(number))
    torn = min(tmp_path.glob("*.seg"))
    (lost,) = [n for n in range(5) if _holds(torn, n)]
    content = bytearray(torn.read_bytes())
    content[-1] ^= 1
    torn.write_bytes(content)
    monkeypatch.setattr(records, "_MANY_SEGMENTS", 2)
    cache.add_many(batch("more"))
    expected = batch(*(n for n in range(5) if n != lost), "more")
    assert RecordCache(tmp_path).get_many([*expected, key(lost)]) == expected
    assert torn.with_name(f"{torn.name}.corrupt").exists() and "set aside" in caplog.text


def _holds(path: Path, name) -> bool:
    return bytes.fromhex(key(name)) in path.read_bytes()


def test_merging_that_cannot_be_written_removes_nothing(tmp_path, monkeypatch, caplog):
    cache = RecordCache(tmp_path)
    for number in range(5):
        cache.add_many(batch(number))
    monkeypatch.setattr(records, "_MANY_SEGMENTS", 2)
    wrote = []
    replace = os.replace

    def full_after_one(*paths):
        if wrote:
            raise OSError(errno.ENOSPC, "no space")
        wrote.append(paths)
        replace(*paths)

    monkeypatch.setattr("scripts.core.files.os.replace", full_after_one)
    cache.add_many(batch("more"))
    monkeypatch.undo()
    expected = batch(*range(5), "more")
    assert RecordCache(tmp_path).get_many(list(expected)) == expected
    assert not list(tmp_path.glob("*.corrupt"))


def merge_eagerly(directory: str, writer: int) -> None:
    records._MANY_SEGMENTS = 3
    cache = RecordCache(directory)
    for number in range(40):
        cache.add_many(batch(*(f"{writer} {number} {i}" for i in range(3))))
        mine = batch(*(f"{writer} {n} 0" for n in range(number + 1)))
        assert cache.get_many(list(mine)) == mine


def test_processes_that_merge_at_once_lose_nothing(tmp_path, caplog):
    run_writers(merge_eagerly, tmp_path)
    expected = batch(*(f"{w} {n} {i}" for w in range(3) for n in range(40) for i in range(3)))
    cache = RecordCache(tmp_path)
    assert cache.get_many(list(expected)) == expected
    assert cache.statistics()["segments"] < 20
    assert not caplog.records and not list(tmp_path.glob("*.corrupt"))
