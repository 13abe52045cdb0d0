"""verify: with the standard library alone, whatever was changed is found."""

import hashlib
import json

from audits import key, make_audit, write
from packed import judged, pack, run_verify, unpacked

from scripts.core.files import write_jsonl
from scripts.tools.verify import problems


def test_verify_passes_twice_on_what_was_packed_and_needs_no_packages(tmp_path):
    audit = make_audit()
    judged(tmp_path, audit)
    folder = unpacked(pack(tmp_path, audit), tmp_path / "out")
    for _ in range(2):  # it leaves nothing behind
        done = run_verify(folder)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "the findings of demo follow from their judgements" in done.stdout


def test_one_flipped_byte_in_any_file_is_named(tmp_path):
    audit = make_audit()
    judged(tmp_path, audit)
    folder = unpacked(pack(tmp_path, audit), tmp_path / "out")
    assert problems(folder) == []
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        content = file.read_bytes()
        place = len(content) // 2
        flipped = bytes(byte ^ 1 for byte in content[place : place + 1]) or b"x"
        file.write_bytes(content[:place] + flipped + content[place + 1 :])
        name = file.relative_to(folder).as_posix()
        said = problems(folder)
        assert said and any(name in s or name == "MANIFEST.sha256" for s in said), name
        file.write_bytes(content)
    assert problems(folder) == []


def test_missing_and_extra_files_are_named(tmp_path):
    audit = make_audit()
    judged(tmp_path, audit)
    folder = unpacked(pack(tmp_path, audit), tmp_path / "out")
    (folder / "LICENSE").unlink()
    write(folder / "results" / "more")
    assert problems(folder) == [
        "LICENSE is missing", "results/more is extra: the manifest does not name it",
    ]  # fmt: skip
    (folder / "MANIFEST.sha256").unlink()
    assert problems(folder) == [
        "MANIFEST.sha256 is missing or unreadable; unpack the archive again"
    ]


def test_a_judgement_that_rests_on_nothing_that_was_asked_is_found(tmp_path):
    audit = make_audit()
    judged(tmp_path, audit)
    file = tmp_path / "results" / "confirm" / key("confirm 0.05") / "judgements.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows[0]["asked"] = ["i0"]
    write_jsonl(file, rows)
    folder = unpacked(pack(tmp_path, audit), tmp_path / "out")
    assert problems(folder) == ["demo: interactions.jsonl lacks what a judgement rests on"]


def test_a_changed_judgement_is_found_even_with_a_new_manifest(tmp_path):
    audit = make_audit()
    judged(tmp_path, audit)
    folder = unpacked(pack(tmp_path, audit), tmp_path / "out")
    file = folder / "results" / "confirm" / key("confirm 0.05") / "judgements.jsonl"
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    row = next(r for r in rows if r["raced"] and r["base"] != r["intervention"])
    row |= {"base": row["intervention"], "intervention": row["base"]}
    write_jsonl(file, rows)
    manifest = folder / "MANIFEST.sha256"
    after = hashlib.sha256(file.read_bytes()).hexdigest()
    manifest.write_text(manifest.read_text().replace(before, after))
    said = run_verify(folder)
    assert said.returncode == 1
    assert "MANIFEST.sha256 is changed: its digest is" in said.stdout
    assert f"demo, finding {row['hypothesis']}: wins is" in said.stdout
