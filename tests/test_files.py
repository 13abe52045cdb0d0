"""Files are whole or absent, and JSON comes back as it went in."""

import errno
import os

import pytest

from scripts.core import files
from scripts.core.files import (
    is_temporary,
    read_json,
    read_jsonl,
    replacing,
    write_json,
    write_jsonl,
)

AWKWARD = 'naïve 日本 😀\u2028\u2029\x85\x0b\x0c\x1c\r\n\t"\\ \ufeff \x00 end'


def test_replacing_creates_folders_and_leaves_only_the_file(tmp_path):
    path = tmp_path / "a" / "b" / "vectors.h5"
    with replacing(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".h5"
        assert is_temporary(temporary.name)
        temporary.write_bytes(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert os.listdir(path.parent) == ["vectors.h5"]


@pytest.mark.parametrize("error", [RuntimeError("stop"), KeyboardInterrupt(), SystemExit(1)])
def test_replacing_leaves_what_stood_when_the_block_raises(tmp_path, error):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(type(error)), replacing(path) as temporary:
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["table.csv"]


def test_replacing_a_long_name(tmp_path):
    path = tmp_path / ("é" * 120 + ".json")
    write_json(path, {})
    assert read_json(path) == {}


def test_a_block_that_writes_nothing_fails(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "nothing"):
        pass
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch, code, call):
    def full(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files.os, call, full)
    path = tmp_path / "plan.jsonl"
    with pytest.raises(OSError) as caught:
        write_jsonl(path, [{"a": 1}])
    monkeypatch.undo()
    assert caught.value.errno == code
    assert str(caught.value).startswith(f"{path} could not be written")
    assert "free some space" in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_a_full_disk_that_only_hdf5s_text_tells(tmp_path):
    with pytest.raises(OSError, match="free some space") as caught, replacing(tmp_path / "a.h5"):
        raise RuntimeError("Can't decrement id ref count (errno = 28, error message = 'No space')")
    assert caught.value.errno == errno.ENOSPC


def test_another_os_error_keeps_its_own_text(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file") as caught:
        write_json(tmp_path / "file" / "below.json", {})
    assert "free some space" not in str(caught.value)


def test_a_folder_that_cannot_be_synced_is_no_error(tmp_path, monkeypatch):
    opened = os.open

    def refuse(path, *arguments, **options):
        if os.path.isdir(path):
            raise PermissionError(path)
        return opened(path, *arguments, **options)

    monkeypatch.setattr(files.os, "open", refuse)
    write_json(tmp_path / "a.json", [1])
    assert read_json(tmp_path / "a.json") == [1]


@pytest.mark.parametrize("value", [{}, [], {"text": AWKWARD, "z": 1, "a": [0.1, None, True]}])
def test_json_round_trip(tmp_path, value):
    path = tmp_path / "audit.json"
    write_json(path, value)
    assert read_json(path) == value
    assert path.read_bytes().endswith(b"\n")


def test_json_keeps_order_and_readable_text(tmp_path):
    path = tmp_path / "audit.json"
    write_json(path, {"z": "日本", "a": 1})
    assert path.read_text(encoding="utf-8") == '{\n "z": "日本",\n "a": 1\n}\n'


def test_jsonl_round_trip_splits_on_newlines_alone(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [{"text": AWKWARD}, {}, {"text": "a\nb"}, {"nested": [{"a": AWKWARD}]}]
    write_jsonl(path, (row for row in rows))
    assert read_jsonl(path) == rows
    assert path.read_bytes().count(b"\n") == len(rows)


def test_empty_jsonl(tmp_path):
    write_jsonl(tmp_path / "rows.jsonl", [])
    assert (tmp_path / "rows.jsonl").read_bytes() == b""
    assert read_jsonl(tmp_path / "rows.jsonl") == []


def test_a_lone_surrogate_is_written_as_valid_utf8(tmp_path):
    path = tmp_path / "rows.jsonl"
    write_jsonl(path, [{"text": "cut \ud83d here"}])
    assert rb"cut \ud83d here" in path.read_bytes()
    assert read_jsonl(path) == [{"text": "cut \ud83d here"}]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, 2}])
def test_what_json_cannot_hold_names_file_and_row(tmp_path, value):
    with pytest.raises(ValueError, match=r"Row 2 of .*rows.jsonl"):
        write_jsonl(tmp_path / "rows.jsonl", [{"a": 1}, {"a": value}])
    with pytest.raises(ValueError, match=r"a.json"):
        write_json(tmp_path / "a.json", value)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "line", [b'{"text": "cut', b"\x00\x00\x00", b'{"a": NaN}', b'{"a": "\xff"}', b"[" * 100_000]
)
def test_an_invalid_line_is_named(tmp_path, line):
    path = tmp_path / "rows.jsonl"
    path.write_bytes('{"text": "a\u2028b"}\n\n'.encode() + line)
    with pytest.raises(ValueError, match=r"Line 3 of .*rows.jsonl is not valid JSON"):
        read_jsonl(path)


def test_a_line_that_is_no_object_is_named(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n[1]\n')
    with pytest.raises(ValueError, match=r"Line 2 of .*rows.jsonl holds a list"):
        read_jsonl(path)


def test_files_from_other_systems(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n{"a": 2}\r\n\r\n{"a": 3}')
    assert read_jsonl(path) == [{"a": 1}, {"a": 2}, {"a": 3}]


def test_invalid_json_names_the_file(tmp_path):
    path = tmp_path / "audit.json"
    path.write_text('{"a": ')
    with pytest.raises(ValueError, match=r"audit.json is not valid JSON"):
        read_json(path)
