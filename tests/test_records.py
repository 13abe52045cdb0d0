"""The record cache: nothing is lost, and nothing wrong is ever returned."""

import errno
import hashlib
import logging
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from cached import batch, key, only_segment, run_writers

from scripts.cache import records
from scripts.cache.records import RecordCache, VectorCache, record_key, sweep
from scripts.cache.segments import VERSION
from scripts.core.files import replacing

ROOT = Path(__file__).resolve().parents[1]


def test_record_key_is_canonical():
    assert record_key("a", {"x": 1, "y": [2]}) == record_key("a", {"y": [2], "x": 1})
    assert record_key("a", "b") != record_key("ab") != record_key(["a", "b"])
    assert record_key("é") == hashlib.sha256('["é"]'.encode()).hexdigest()
    assert len({record_key("😀"), record_key("\ud83d\ude00"), record_key("\ud83d")}) == 3
    with pytest.raises(ValueError):
        record_key(float("nan"))


def test_round_trip(tmp_path):
    added = batch(*range(100)) | {key("empty"): {}}
    RecordCache(tmp_path / "kind").add_many(added)
    cache = RecordCache(tmp_path / "kind")
    assert cache.get_many([*added, key("absent"), key(3), key(3)]) == added
    assert cache.get_many([key(7)]) == batch(7)
    assert cache.get_many([]) == {}


def test_nothing_added_writes_nothing(tmp_path):
    cache = RecordCache(tmp_path / "kind")
    cache.add_many({})
    assert cache.get_many([key(1)]) == {}
    assert cache.statistics() == {"segments": 0, "records": 0, "bytes": 0}
    assert not (tmp_path / "kind").exists()


def test_many_segments_against_a_dictionary(tmp_path):
    randomness = random.Random(0)
    cache, expected = RecordCache(tmp_path), {}
    for _ in range(40):
        added = batch(*randomness.sample(range(1000), randomness.randint(1, 90)))
        cache.add_many(added)
        expected |= added
    for reader in (cache, RecordCache(tmp_path)):
        for size in (1, 10, 500, 1000):
            asked = [key(name) for name in randomness.sample(range(1200), size)]
            assert reader.get_many(asked) == {k: expected[k] for k in asked if k in expected}


def test_keys_are_compared_whole(tmp_path):
    # Bytes of zero at the end, shared beginnings, bytes above 127.
    names = ["0" * 64, "0" * 63 + "1", "00ff" + "0" * 60, "f" * 64, "80" + "0" * 62, "7f" * 32]
    added = {name: {"name": name} for name in names}
    cache = RecordCache(tmp_path)
    cache.add_many(dict(list(added.items())[:3]))
    cache.add_many(dict(list(added.items())[3:]))
    assert cache.get_many(names) == added
    assert cache.get_many(["00ff" + "0" * 59 + "1", "f" * 63 + "e", "01" + "0" * 62]) == {}


@pytest.mark.parametrize("name", ["abc", "G" * 64, "A" * 64, "a" * 65, " " * 64, b"a" * 64])
def test_a_key_that_is_no_digest_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="64 hex digits"):
        RecordCache(tmp_path).get_many([name])
    with pytest.raises(ValueError, match="64 hex digits"):
        RecordCache(tmp_path).add_many({name: {}})


@pytest.mark.parametrize("value", [[1], "text", {"a": float("nan")}, {"a": np.float32(1)}])
def test_a_record_that_is_no_json_object_is_refused(tmp_path, value):
    with pytest.raises((TypeError, ValueError), match=key("bad")):
        RecordCache(tmp_path).add_many(batch(1) | {key("bad"): value})
    assert os.listdir(tmp_path) == []


def test_of_duplicates_the_smallest_segment_name_is_read(tmp_path):
    first, second = RecordCache(tmp_path), RecordCache(tmp_path)
    held = {}
    for number in range(6):
        before = set(os.listdir(tmp_path))
        first.add_many({key("twice"): {"number": number}})
        (name,) = set(os.listdir(tmp_path)) - before
        held[name] = number
    for cache in (first, second):
        assert cache.get_many([key("twice")]) == {key("twice"): {"number": held[min(held)]}}


def test_equal_batches_are_one_segment(tmp_path):
    RecordCache(tmp_path).add_many(batch(1, 2))
    RecordCache(tmp_path).add_many(batch(2, 1))
    assert RecordCache(tmp_path).statistics()["segments"] == 1


def test_refresh_finds_what_others_wrote_and_misses_what_they_removed(tmp_path, caplog):
    reader, writer = RecordCache(tmp_path), RecordCache(tmp_path)
    assert reader.get_many([key(1)]) == {}
    writer.add_many(batch(1))
    assert reader.get_many([key(1)]) == batch(1)
    only_segment(tmp_path).unlink()
    assert list(reader.segments()) == []
    assert reader.get_many([key(1)]) == {}
    writer.add_many(batch(1))
    assert reader.get_many([key(1)]) == batch(1)
    assert not caplog.records


def test_segments_and_statistics(tmp_path):
    cache = RecordCache(tmp_path)
    cache.add_many(batch(1, 2))
    cache.add_many(batch(3))
    found = list(RecordCache(tmp_path).segments())
    assert [path for path, _, _ in found] == sorted(tmp_path.glob("*.seg"))
    assert sorted(count for _, count, _ in found) == [1, 2]
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert cache.statistics() == {"segments": 2, "records": 3, "bytes": size}


def test_vectors_round_trip(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(300, 384)).astype(np.float16)
    added = {key(number): vector for number, vector in enumerate(vectors)}
    VectorCache(tmp_path, 384).add_many(added)
    found = VectorCache(tmp_path, 384).get_many([*added, key("absent")])
    assert found.keys() == added.keys()
    for name, vector in added.items():
        np.testing.assert_array_equal(found[name], vector, strict=True)
        assert found[name].flags.writeable


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (np.zeros(4), TypeError, "is float64, not a float16"),
        (np.zeros(4, int), TypeError, "is int64"),
        ([0.0] * 4, TypeError, "is list"),
        (np.zeros(3, np.float16), ValueError, r"has shape \(3,\), not \(4,\)"),
        (np.zeros((1, 4), np.float16), ValueError, r"has shape \(1, 4\)"),
        (np.float16([0, 1, np.nan, 2]), ValueError, "not finite"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(tmp_path, value, error, message):
    with pytest.raises(error, match=message):
        VectorCache(tmp_path, 4).add_many({key(1): np.zeros(4, np.float16), key(2): value})
    assert os.listdir(tmp_path) == []


def test_segments_of_another_kind_are_ignored_with_one_warning(tmp_path, caplog):
    VectorCache(tmp_path, 4).add_many({key(1): np.ones(4, np.float16)})
    RecordCache(tmp_path).add_many(batch(1))
    for cache, expected in ((VectorCache(tmp_path, 8), {}), (RecordCache(tmp_path), batch(1))):
        caplog.clear()
        assert cache.get_many([key(1)]) == cache.get_many([key(1)]) == expected
        assert len(caplog.records) == (2 if isinstance(cache, VectorCache) else 1)
        assert "another kind" in caplog.text
    assert len(list(tmp_path.glob("*.seg"))) == 2


def test_another_version_is_ignored_and_left_alone(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("scripts.cache.segments.VERSION", 2)
    RecordCache(tmp_path).add_many(batch(1))
    monkeypatch.undo()
    assert RecordCache(tmp_path).get_many([key(1)]) == {}
    assert "its format is version 2" in caplog.text
    assert only_segment(tmp_path)


def assert_never_wrong(tmp_path: Path, make, added: dict, damaged: list[bytes]) -> None:
    """No damaged copy of a segment may yield anything but what was added, or nothing."""
    same = np.array_equal if isinstance(next(iter(added.values())), np.ndarray) else dict.__eq__
    for number, content in enumerate(damaged):
        directory = tmp_path / f"damaged-{number}"
        directory.mkdir()
        path = directory / f"{'0' * 32}.seg"
        path.write_bytes(content)
        cache = make(directory)
        found = cache.get_many(list(added))
        assert all(same(value, added[name]) for name, value in found.items()), number
        assert len(found) < len(added), number
        if int.from_bytes(content[8:12], "little") == VERSION or len(content) < 12:
            assert os.listdir(directory) == [f"{path.name}.corrupt"], number
        cache.add_many(added)
        found = make(directory).get_many(list(added))
        assert all(same(found[name], value) for name, value in added.items()), number


@pytest.fixture(params=["records", "vectors"])
def tiny(request, tmp_path, monkeypatch):
    """A maker of caches, what was added, and the bytes of its segment of several blocks."""
    monkeypatch.setattr(records, "_RECORDS_A_BLOCK", 2)
    monkeypatch.setattr(records, "_VECTOR_BLOCK_BYTES", 8)
    monkeypatch.setattr("scripts.core.files.os.fsync", lambda _: None)
    if request.param == "records":
        make, added = RecordCache, batch(1, 2, 3)
    else:

        def make(directory):
            return VectorCache(directory, 2)

        added = {key(n): np.array([n, -n], np.float16) for n in (1, 2, 3)}
    make(tmp_path / "whole").add_many(added)
    return make, added, only_segment(tmp_path / "whole").read_bytes()


def test_a_segment_cut_at_any_length_yields_nothing_wrong(tmp_path, tiny):
    make, added, whole = tiny
    assert_never_wrong(tmp_path, make, added, [whole[:length] for length in range(len(whole))])


def test_a_flipped_byte_anywhere_yields_nothing_wrong(tmp_path, tiny):
    make, added, whole = tiny
    damaged = []
    for place in range(len(whole)):
        for flip in (0x01, 0x80, 0xFF):
            damaged.append(whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :])
    assert_never_wrong(tmp_path, make, added, damaged)


def test_bytes_added_at_the_end_are_damage(tmp_path, tiny):
    make, added, whole = tiny
    assert_never_wrong(tmp_path, make, added, [whole + b"\0", whole + whole])


def test_damage_after_opening_is_found_and_said_once(tmp_path, caplog):
    cache = RecordCache(tmp_path)
    cache.add_many(batch(1, 2))
    assert cache.get_many([key(1)]) == batch(1)
    path = only_segment(tmp_path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert cache.get_many([key(1)]) == {}
    assert cache.get_many([key(1)]) == {}
    (warning,) = caplog.records
    assert str(path) in warning.getMessage() and "computed again" in warning.getMessage()
    cache.add_many(batch(1, 2))
    assert RecordCache(tmp_path).get_many([key(1)]) == batch(1)


def test_a_damaged_segment_does_not_hide_a_sound_one(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "_RECORDS_A_BLOCK", 1)
    cache = RecordCache(tmp_path)
    cache.add_many(batch(1, 2, 3, 4))
    path = only_segment(tmp_path)
    for number in range(50):  # the sound one must come after the damaged one
        other = RecordCache(tmp_path / f"try-{number}")
        other.add_many(batch(1, 2, 3, 4) | {key("more"): {"number": number}})
        sound = only_segment(other.directory)
        if sound.name > path.name:
            break
    sound.rename(tmp_path / sound.name)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1  # the last of four blocks
    path.write_bytes(content)
    assert cache.get_many(list(batch(1, 2, 3, 4))) == batch(1, 2, 3, 4)
    assert path.with_name(f"{path.name}.corrupt").exists()


def test_a_corrupt_segment_that_cannot_be_renamed_is_ignored(tmp_path, caplog, monkeypatch):
    RecordCache(tmp_path).add_many(batch(1))
    path = only_segment(tmp_path)
    path.write_bytes(path.read_bytes()[:-1])

    def refuse(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(records.os, "replace", refuse)
    cache = RecordCache(tmp_path)
    assert cache.get_many([key(1)]) == cache.get_many([key(1)]) == {}
    assert len(caplog.records) == 1 and "cannot be renamed" in caplog.text
    monkeypatch.undo()
    cache.add_many(batch(1))
    assert cache.get_many([key(1)]) == batch(1)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_folder_that_cannot_be_written_warns_once(tmp_path, caplog, monkeypatch, code):
    cache = RecordCache(tmp_path)
    cache.add_many(batch(0))

    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("scripts.core.files.os.replace", refuse)
    cache.add_many(batch(1))
    cache.add_many(batch(2))
    (warning,) = caplog.records
    assert warning.levelno == logging.WARNING and str(tmp_path) in warning.getMessage()
    assert cache.get_many([key(0), key(1)]) == batch(0)
    monkeypatch.undo()
    assert [path.suffix for path in tmp_path.iterdir()] == [".seg"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes anywhere")
def test_a_read_only_folder_is_still_read(tmp_path, caplog):
    RecordCache(tmp_path).add_many(batch(1))
    tmp_path.chmod(0o555)
    try:
        cache = RecordCache(tmp_path)
        cache.add_many(batch(2))
        assert cache.get_many([key(1), key(2)]) == batch(1)
        assert len(caplog.records) == 1
    finally:
        tmp_path.chmod(0o755)


def test_a_file_where_the_folder_should_be_only_warns(tmp_path, caplog):
    (tmp_path / "kind").write_text("")
    cache = RecordCache(tmp_path / "kind")
    cache.add_many(batch(1))
    assert cache.get_many([key(1)]) == cache.get_many([key(1)]) == {}
    assert len(caplog.records) == 2


def write_batches(directory: str, writer: int) -> None:
    cache = RecordCache(directory)
    for number in range(20):
        cache.add_many(batch(f"shared {number}", *(f"{writer} {number} {i}" for i in range(5))))
        assert len(cache.get_many([key(f"{writer} {number} 0")])) == 1


def test_processes_that_write_at_once_lose_nothing(tmp_path, caplog):
    run_writers(write_batches, tmp_path)
    expected = batch(*(f"{w} {n} {i}" for w in range(3) for n in range(20) for i in range(5)))
    expected |= batch(*(f"shared {n}" for n in range(20)))
    cache = RecordCache(tmp_path)
    assert cache.get_many(list(expected)) == expected
    assert cache.statistics()["segments"] == 60
    assert not caplog.records


ENDLESS_WRITER = """
import hashlib, itertools, sys
from scripts.cache.records import RecordCache
cache = RecordCache(sys.argv[1])
for number in itertools.count():
    names = [f"{sys.argv[2]} {number} {i}" for i in range(200)]
    cache.add_many({hashlib.sha256(n.encode()).hexdigest(): {"name": n} for n in names})
    print(number, flush=True)
"""


def test_a_killed_writer_leaves_whole_segments_only(tmp_path, caplog):
    randomness = random.Random(1)
    for attempt in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", ENDLESS_WRITER, tmp_path, str(attempt)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        writer.stdout.readline()
        time.sleep(randomness.uniform(0, 0.05))
        writer.kill()
        said = writer.communicate()[0].split()
        whole = 1 + len(said)  # a number that was printed stands for a segment that is there
        expected = [f"{attempt} {number} {i}" for number in range(whole) for i in range(200)]
        found = RecordCache(tmp_path).get_many([key(name) for name in expected])
        assert found == {key(name): {"name": name} for name in expected}
    assert RecordCache(tmp_path).statistics()["records"] % 200 == 0
    assert not caplog.records and not list(tmp_path.glob("*.corrupt"))


def test_a_segment_that_is_being_written_is_left_alone(tmp_path, caplog):
    cache = RecordCache(tmp_path)
    with replacing(tmp_path / f"{'0' * 32}.seg") as temporary:
        temporary.write_bytes(b"half")
        assert cache.get_many([key(1)]) == {}
        assert temporary.read_bytes() == b"half"
        assert os.listdir(tmp_path) == [temporary.name]
    assert not caplog.records


def test_sweep_removes_old_temporary_files_alone(tmp_path):
    cache = RecordCache(tmp_path / "kind")
    cache.add_many(batch(1))
    with pytest.raises(RuntimeError), replacing(cache.directory / "x.seg") as temporary:
        raise RuntimeError
    old, young = temporary, temporary.with_name(temporary.name.replace("x.seg", "y.seg"))
    for path in (old, young):
        path.write_bytes(b"half")
    for path in (old, only_segment(cache.directory)):
        os.utime(path, (time.time() - 2 * records.DAY,) * 2)
    assert sweep(tmp_path) == 1
    assert not old.exists() and young.exists()
    assert cache.get_many([key(1)]) == batch(1)
    assert sweep(tmp_path / "absent") == 0
