"""Keys: what changes one, what does not, and that every module of a stage is part of its key."""

import ast
import json
import os
import shutil
from pathlib import Path

import pytest

from scripts.core.digests import canonical, digest, file_digest
from scripts.workflow import keys
from scripts.workflow.keys import DigestIndex, code_digest, local_imports
from scripts.workflow.recipes import STAGES, script_of

ROOT = Path(__file__).resolve().parent.parent
# Rings of which no stage is made: what runs while the workflow is parsed, and what stands beside
# the audits.
OUTSIDE = ("scripts/workflow/", "scripts/tools/")
OF_NO_STAGE = {
    "scripts/models/host_process.py",  # what it runs, jobs import and name
    "scripts/servers/keeper.py",  # what it runs, the job has decided
    "scripts/publish.py",  # copies what the report's key names
    "scripts/page/publishing.py",
}


# Digests


def test_a_damaged_digest_index_costs_time_and_changes_no_digest(tmp_path):
    large, script, index = (tmp_path / name for name in ("weights", "code.py", "digests.json"))
    large.write_bytes(bytes(keys.SMALL))
    script.write_text("import scripts.far\nfrom scripts.near import thing\n")

    def digests():
        known = DigestIndex(index)
        return (known.file(large), known.code(script)), known

    found, first = digests()
    first.save()
    content = index.read_bytes()
    for place in range(len(content)):
        index.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert digests()[0] == found, place
    index.write_bytes(content)
    again, known = digests()
    assert again == found and not known.fresh


def test_code_is_parsed_once_until_it_changes(tmp_path, monkeypatch):
    script, parsed = tmp_path / "code.py", []
    parse = keys._parsed
    monkeypatch.setattr(keys, "_parsed", lambda source: parsed.append(source) or parse(source))
    index = DigestIndex(tmp_path / "digests.json")
    script.write_text("VALUE = 1\n")
    before = index.code(script)
    index.save()
    assert DigestIndex(index.path).code(script) == before and len(parsed) == 1
    stat = script.stat()
    script.write_text("VALUE = 2\n")
    os.utime(script, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert DigestIndex(index.path).code(script) != before and len(parsed) == 2


def test_canonical_json_does_not_depend_on_order():
    assert canonical({"b": 1, "a": [1, "é"]}) == '{"a":[1,"é"],"b":1}'
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    different = [digest("a", "b"), digest("ab"), digest(["a", "b"]), digest("b", "a"), digest(1)]
    assert len({*different, digest("1"), digest(None), digest(True), digest(1.0)}) == 9


SOURCE = '''"""What it does."""

import scripts.far  # why
from scripts.near import thing


class Box:
    """A box."""

    side: float
    """In metres."""

    def open(self):
        """Open it."""
        return thing + 1  # one more
'''
SAME = '''import scripts.far
from scripts.near import thing
# another comment
class Box:
    side: float
    """In meters."""
    def open(self):
        """Another
        text."""
        return (thing
                + 1)
'''


@pytest.fixture
def project(tmp_path):
    """A project of four modules: main -> near -> below/deep, main -> far."""
    files = {
        "main.py": SOURCE,
        "near.py": "def thing():\n    from scripts.below import deep\n    return deep\n",
        "far.py": "import os\nimport numpy as np\n",
        "below/deep.py": "VALUE = 1\n",
        "alone.py": "VALUE = 1\n",
    }
    for name, text in files.items():
        (tmp_path / "scripts" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "scripts" / name).write_text(text)
    (tmp_path / "page.css").write_text("a {}")
    return tmp_path


def code_of(project, extra=(), script="scripts/main.py"):
    return code_digest(DigestIndex(os.devnull), project, script, extra)


def test_imports_are_followed_also_inside_functions(project):
    names = {"main.py", "near.py", "far.py", "below/deep.py"}
    found = local_imports(DigestIndex(os.devnull), project, "scripts/main.py")
    assert found == {f"scripts/{name}" for name in names}


def test_comments_docstrings_and_layout_change_no_code(project):
    before = code_of(project)
    (project / "scripts/main.py").write_text(SAME)
    assert code_of(project) == before
    (project / "scripts/far.py").write_text('"""New."""\n# new\nimport os\n\nimport numpy as np\n')
    (project / "scripts/alone.py").write_text("VALUE = 2\n")
    assert code_of(project) == before


@pytest.mark.parametrize("name", ["main.py", "near.py", "far.py", "below/deep.py"])
def test_a_changed_line_changes_the_code_of_all_who_import_it(project, name):
    before, path = code_of(project), project / "scripts" / name
    text = path.read_text()
    path.write_text(text + "\nEXTRA = 1\n")
    assert code_of(project) != before
    path.write_text(text)
    assert code_of(project) == before


def test_a_string_that_is_no_docstring_is_code(project):
    path = project / "scripts/alone.py"

    def alone():
        return code_of(project, script="scripts/alone.py")

    path.write_text('NAME = "a"\n')
    before = alone()
    path.write_text('NAME = "b"\n')
    assert alone() != before


def test_data_files_are_part_of_the_code(project):
    with_page = code_of(project, ["page.css"])
    assert with_page != code_of(project)
    (project / "page.css").write_text("b {}")
    assert code_of(project, ["page.css"]) != with_page


# The digest index


def test_large_files_are_hashed_once_until_they_change(tmp_path, monkeypatch):
    monkeypatch.setattr(keys, "SMALL", 4)
    path, hashed = tmp_path / "weights", []
    monkeypatch.setattr(keys, "file_digest", lambda p: hashed.append(p) or file_digest(p))
    path.write_bytes(b"0123456789")
    index = DigestIndex(tmp_path / "cache" / "digests.json")
    assert index.file(path) == file_digest(path) == index.file(path)
    assert len(hashed) == 1
    index.save()

    again = DigestIndex(index.path)
    assert again.file(path) == file_digest(path) and len(hashed) == 1
    written = index.path.stat().st_mtime_ns
    again.save()
    assert index.path.stat().st_mtime_ns == written  # nothing new, nothing written

    stat = path.stat()
    path.write_bytes(b"9876543210")  # the size stays
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert DigestIndex(index.path).file(path) == file_digest(path) and len(hashed) == 2

    other = tmp_path / "other"
    other.write_bytes(b"abcdefghij")
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    os.replace(other, path)  # size and time stay, the file is another
    assert DigestIndex(index.path).file(path) == file_digest(path)


def test_small_files_are_always_hashed(tmp_path):
    path = tmp_path / "small"
    path.write_text("a")
    index, stat = DigestIndex(tmp_path / "digests.json"), path.stat()
    before = index.file(path)
    path.write_text("b")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert index.file(path) != before
    index.save()
    assert not index.path.exists()


@pytest.mark.parametrize("content", [None, "", '{"x": [1, 2', "\x00\xff"])
def test_a_lost_or_torn_index_costs_only_time(tmp_path, monkeypatch, content):
    monkeypatch.setattr(keys, "SMALL", 0)
    path, place = tmp_path / "weights", tmp_path / "digests.json"
    path.write_text("content")
    if content is not None:
        place.write_text(content)
    index = DigestIndex(place)
    assert index.file(path) == file_digest(path)
    index.save()
    assert list(json.loads(place.read_text())) == [str(path)]
    assert not list(tmp_path.glob(".digests*"))


def test_an_index_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setattr(keys, "SMALL", 0)
    (tmp_path / "file").write_text("x")
    index = DigestIndex(tmp_path / "file" / "digests.json")
    index.file(tmp_path / "file")
    index.save()


def test_a_directory_is_its_names_and_contents(tmp_path):
    folder, index = tmp_path / "model", DigestIndex(tmp_path / "digests.json")
    (folder / "sub").mkdir(parents=True)
    (folder / "a.json").write_text("a")
    (folder / "sub" / "b.bin").write_text("b")
    before = index.directory(folder)
    (folder / ".hidden").write_text("h")
    assert index.directory(folder) == before
    shutil.copytree(folder, tmp_path / "copy")
    assert index.directory(tmp_path / "copy") == before  # the place does not matter
    (folder / "sub" / "b.bin").rename(folder / "sub" / "c.bin")
    assert index.directory(folder) != before


# Every module under scripts/ is somebody's


def modules() -> list[str]:
    return sorted(
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "scripts").rglob("*.py")
        if path.name != "__init__.py"
    )


def test_what_a_ring_holds_is_in_a_key_or_is_not():
    """The benchmark's summaries alone are beside stages in one room: its stages say what they
    read."""
    index, of_stages = DigestIndex(os.devnull), set()
    for stage, extra in STAGES.items():
        of_stages |= local_imports(index, ROOT, script_of(stage))
        for name in extra:
            assert (ROOT / name).is_file(), f"STAGES names `{name}`, which is not there"
    beside = {name for name in modules() if name.startswith(OUTSIDE)} | OF_NO_STAGE
    assert not beside & of_stages, "a stage imports what is in no key"
    benchmark = {name for name in modules() if name.startswith("scripts/benchmark/")}
    assert not set(modules()) - of_stages - beside - benchmark, "in no stage's key"


def test_packages_hold_no_code():
    """`local_imports` does not follow packages, so code there would be in no key."""
    for path in (ROOT / "scripts").rglob("__init__.py"):
        body = ast.parse(path.read_text()).body
        assert all(
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body
        ), f"{path} holds code"


def test_local_modules_are_imported_by_their_full_names():
    """`local_imports` sees `scripts.…` alone; a relative import would be in no key."""
    for name in (n for n in modules() if not n.startswith(OUTSIDE) and n not in OF_NO_STAGE):
        for node in ast.walk(ast.parse((ROOT / name).read_text())):
            assert not (isinstance(node, ast.ImportFrom) and node.level), f"{name}: relative import"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                called = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
                assert called not in ("import_module", "__import__"), f"{name}: hidden import"


def test_a_format_that_is_added_moves_no_key_of_a_model():
    for stage in ("model", "plant", "decode", "embed"):
        own = local_imports(DigestIndex(os.devnull), ROOT, f"scripts/{stage}.py")
        assert not any(name.startswith("scripts/readers/") for name in own), stage
