"""Checksums of outputs: every change is seen, named and set aside; none is seen where none is."""

import pytest

from scripts.core.checksums import check, damage, forget, record, sum_file, summed
from scripts.core.errors import AuditError


def write(path, text="some text"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("change", [b"some_text", b"some tex", b"", b"some text\n"])
def test_any_change_is_named_and_set_aside(tmp_path, change):
    file, whole = write(tmp_path / "a.jsonl"), write(tmp_path / "b.jsonl")
    record([file, whole])
    check([file, whole])
    file.write_bytes(change)
    with pytest.raises(AuditError) as said:
        check([file, whole])
    assert str(said.value) == (
        f"`{file}` is not as it was written and was set aside as `a.jsonl.damaged`; "
        "the same call again makes it anew"
    )
    assert not file.exists() and (tmp_path / "a.jsonl.damaged").read_bytes() == change
    write(file)
    check([file, whole])


def test_sums_that_are_damaged_are_damage(tmp_path):
    file = write(tmp_path / "a.jsonl")
    record([file])
    content = sum_file(file).read_bytes()
    for place in range(len(content)):
        for byte in (content[place] ^ 1, 0xFF):
            sum_file(file).write_bytes(content[:place] + bytes([byte]) + content[place + 1 :])
            if damage(file) is None:  # the two spaces and the end of the line mean nothing
                assert sum_file(file).read_bytes().split() == content.split()
        sum_file(file).write_bytes(content[:place])
        assert damage(file) or place == len(content) - 1  # the end of the line


def test_a_folder_and_weights_beside_a_description_are_covered(tmp_path):
    figures = tmp_path / "figures"
    write(figures / "a" / "b.svg")
    description, weights = write(tmp_path / "model.json"), write(tmp_path / "files" / "w.bin")
    record([figures, description])
    record([weights])  # as `restore` does; sums have no sums
    record([description])
    assert summed(tmp_path) == [figures, description]
    check([figures, description])
    write(weights, "other")
    assert damage(description) == weights and damage(figures) is None
    with pytest.raises(AuditError, match=r"`.*files/w.bin` is not as it was written and was set"):
        check([description])
    assert not description.exists(), "what describes the weights is made anew, with them"
    write(figures / "a" / "b.svg", "other")
    assert damage(figures) == figures / "a" / "b.svg"


def test_what_has_no_sums_or_is_not_there_is_no_damage(tmp_path):
    file = write(tmp_path / "of-a-user.txt")
    check([file, tmp_path / "missing"])
    record([file])
    forget([file, tmp_path / "missing"])
    write(file, "other")
    check([file])


def test_every_rules_script_checks_its_inputs(request):
    """`run` does it; a script without it would read whatever lies there."""
    root = request.config.rootpath
    for rule in (root / "rules").glob("*.smk"):
        for line in rule.read_text().splitlines():
            if line.strip().startswith('"../scripts/'):
                script = root / "rules" / line.strip().strip('"')
                assert script.read_text().endswith("    run(main)\n"), script
