"""Keys: what changes one, what does not, and that every module of a stage is part of its key."""

import ast
import json
import os
import shutil
from pathlib import Path

import pytest
import yaml

from scripts.workflow import keys
from scripts.workflow.config import ConfigError, load
from scripts.workflow.keys import (
    DigestIndex,
    canonical,
    code_digest,
    digest,
    file_digest,
    local_imports,
)
from scripts.workflow.recipes import STAGES, Recipes

ROOT = Path(__file__).resolve().parent.parent
# Modules that run while the workflow is parsed, or beside it, and make no stage's output.
OF_NO_STAGE = {
    "scripts/workflow/config.py",  # its values are in the keys
    "scripts/workflow/sections.py",
    "scripts/workflow/complaints.py",
    "scripts/models/catalog.py",  # so are its pins
    "scripts/workflow/recipes.py",
    "scripts/workflow/preflight.py",
    "scripts/publish.py",
    "scripts/summary.py",
    "scripts/archive.py",
    "scripts/archived/contents.py",
    "scripts/archived/crate.py",
    "scripts/archived/private.py",
    "scripts/evidence/recount.py",
    "scripts/restore.py",
    "scripts/verify.py",
    "scripts/benchmark.py",
    "scripts/estimate.py",
    "scripts/assistants/bill.py",
    "scripts/prune.py",
    "scripts/why.py",
    "scripts/workflow/tables.py",
    "scripts/evidence/simulation.py",
    "scripts/simulated/statistics.py",
    "scripts/benchmarked/real.py",
    "scripts/benchmarked/simulated.py",
    "scripts/benchmarked/tables.py",
    "scripts/page/heatmap.py",
}


def forget_files():
    """What is read once a process is read anew, since tests edit files."""
    local_imports.cache_clear()
    keys._stripped.cache_clear()


# Digests


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

    def open(self):
        """Open it."""
        return thing + 1  # one more
'''
SAME = '''import scripts.far
from scripts.near import thing
# another comment
class Box:
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


def code_of(project, extra=()):
    forget_files()
    return code_digest(project, "scripts/main.py", extra)


def test_imports_are_followed_also_inside_functions(project):
    names = {"main.py", "near.py", "far.py", "below/deep.py"}
    assert local_imports(project, "scripts/main.py") == {f"scripts/{name}" for name in names}


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
        forget_files()
        return code_digest(project, "scripts/alone.py")

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


def test_every_module_is_part_of_a_stage_or_known_to_be_of_none():
    of_stages = set()
    for stage, extra in STAGES.items():
        of_stages |= local_imports(ROOT, f"scripts/{stage}.py")
        for name in extra:
            assert (ROOT / name).is_file(), f"STAGES names `{name}`, which is not there"
    lost = [name for name in modules() if name not in of_stages | OF_NO_STAGE]
    assert not lost, f"in no stage's key: {lost}; import them in a stage or name them above"
    wrong = OF_NO_STAGE & of_stages
    assert not wrong, f"named above, yet part of a stage: {wrong}"


def test_packages_hold_no_code():
    """`local_imports` does not follow packages, so code there would be in no key."""
    for path in (ROOT / "scripts").rglob("__init__.py"):
        body = ast.parse(path.read_text()).body
        assert all(
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body
        ), f"{path} holds code"


def test_local_modules_are_imported_by_their_full_names():
    """`local_imports` sees `scripts.…` alone; a relative import would be in no key."""
    for name in modules():
        for node in ast.walk(ast.parse((ROOT / name).read_text())):
            assert not (isinstance(node, ast.ImportFrom) and node.level), f"{name}: relative import"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                called = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
                assert called not in ("import_module", "__import__"), f"{name}: hidden import"


# Recipes: keys of whole configurations

CONFIG = {
    "subjects": {"small": {"model": "embedded:smollm2-135m-instruct"}},
    "banks": {"everyday": {"sources": [{"path": "bank", "format": "templates"}]}},
    "plants": {"demo": {"file": "plant.yaml", "base": "small", "steps": 3}},
    "audits": {
        "demo": {
            "bank": "everyday",
            "base": "small",
            "intervention": {"adapter": "plant:demo"},
            "regions": {"count": 2},
        }
    },
}
OF_BENCHMARK = {"exhaustive", "rewrite", "trials"}  # stages that no audit has
AFTER_BANK = {"regions", "plan", "embed", "measure", "propose", "screen", "confirm", "report"}
FILES = {
    "bank/a.yaml": "topic: a\nthings: [x, y]\nforms: ['About {thing}?']\n",
    "plant.yaml": "behaviours: []\n",
    "own.jsonl": '{"check": {"kind": "feature", "feature": "short"}}\n',
}


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """A copy of the project's code beside a small bank and plant; tests put back what they edit."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(
        ROOT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def workspace(pristine, monkeypatch):
    monkeypatch.chdir(pristine)
    yield pristine
    for name, text in FILES.items():
        (pristine / name).write_text(text)


def edited(**settings) -> dict:
    """The configuration with settings of the one audit replaced."""
    raw = yaml.safe_load(yaml.safe_dump(CONFIG))
    for section, values in settings.items():
        if isinstance(values, dict):
            raw["audits"]["demo"].setdefault(section, {}).update(values)
        else:
            raw["audits"]["demo"][section] = values
    return raw


def build(raw, folder) -> Recipes:
    return Recipes(load(raw), folder, DigestIndex(folder / "digests.json"))


def table(raw, folder, audit="demo") -> dict[str, str]:
    """Keys by stage, of plans also by pool and of decodes by side."""
    report = build(raw, folder).audits[audit]
    found = {}
    plan = report.ancestor("measure").inputs["plan"]
    sides = {plan.inputs[side].key: f"decode {side}" for side in ("base", "intervention")}
    for (stage, key), node in report.ancestors().items():
        name = stage
        if stage == "plan":
            name = f"plan {node.settings['pool']}"
        elif stage == "decode":
            name = sides[key]
        elif stage == "model":
            name = f"model {node.settings['embedded']}"
        assert name not in found or found[name] == key
        found[name] = key
    return found


def moved(before: dict[str, str], after: dict[str, str]) -> set[str]:
    assert set(before) == set(after)
    return {name for name in before if before[name] != after[name]}


def stages(names: set[str]) -> set[str]:
    return {name.split()[0] for name in names}


def test_the_same_configuration_has_the_same_keys(workspace):
    keys_once = table(CONFIG, workspace)
    assert keys_once == table(edited(), workspace)
    assert {name.split()[0] for name in keys_once} == set(STAGES) - OF_BENCHMARK
    assert len(set(keys_once.values())) == len(keys_once)
    assert all(len(key) == keys.KEY_LENGTH for key in keys_once.values())


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"confirm": {"q": 0.1}}, {"confirm", "report"}),
        ({"confirm": {"prompts": 10}}, {"screen", "plan confirm", "confirm", "report"}),
        ({"report": {"map_texts": 50}}, {"report"}),
        ({"screen": {"least_net": 3}}, {"screen", "plan confirm", "confirm", "report"}),
        (
            {"screen": {"prompts": 3}},
            {"plan screen", "screen", "plan confirm", "confirm", "report"},
        ),
        (
            {"hypotheses": "own.jsonl"},
            {"screen", "plan confirm", "confirm", "report"},
        ),
        (
            {"propose": {"hypotheses": 5}},
            {"propose", "plan screen", "screen", "plan confirm", "confirm", "report"},
        ),
    ],
)
def test_a_setting_changes_its_stage_and_what_follows(workspace, settings, expected):
    before = table(CONFIG, workspace)
    after = table(edited(**settings), workspace)
    assert moved(before, after) == expected
    assert table(CONFIG, workspace) == before  # back again


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"regions": {"count": 3}}, AFTER_BANK),
        ({"pools": {"explore": 0.35, "screen": 0.2}}, AFTER_BANK),
        ({"plan": {"draws": 7}}, AFTER_BANK - {"regions"}),
        ({"measure": {"permutations": 700}}, AFTER_BANK - {"regions"}),
        ({"seed": 1}, AFTER_BANK | {"decode"}),
    ],
)
def test_a_setting_of_the_loop_changes_the_loop(workspace, settings, expected):
    before = table(CONFIG, workspace)
    assert stages(moved(before, table(edited(**settings), workspace))) == expected


def test_sampling_of_one_side_leaves_the_other(workspace):
    before = table(CONFIG, workspace)
    raw = edited(intervention={"adapter": "plant:demo", "sampling": {"top_p": 0.5}})
    changed = moved(before, table(raw, workspace))
    assert changed >= {"decode intervention", "plan explore"}
    assert not changed & {"decode base", "plant", "bank", "regions"}


def test_a_prompt_changes_the_bank_and_what_follows(workspace):
    before = table(CONFIG, workspace)
    (workspace / "bank/a.yaml").write_text(FILES["bank/a.yaml"].replace("x", "z"))
    assert stages(moved(before, table(CONFIG, workspace))) == {"bank"} | AFTER_BANK
    (workspace / "bank/a.yaml").write_text(FILES["bank/a.yaml"])
    assert table(CONFIG, workspace) == before


def test_a_plant_file_changes_the_intervention_alone(workspace):
    before = table(CONFIG, workspace)
    (workspace / "plant.yaml").write_text("behaviours: [other]\n")
    changed = moved(before, table(CONFIG, workspace))
    assert changed >= {"plant", "decode intervention", "plan explore", "report"}
    assert not changed & {"decode base", "bank", "regions"}
    assert not any(name.startswith("model") for name in changed)


def test_own_hypotheses_count_by_content(workspace):
    raw = edited(hypotheses="own.jsonl")
    before = table(raw, workspace)
    (workspace / "own.jsonl").write_text(FILES["own.jsonl"].replace("short", "long"))
    assert moved(before, table(raw, workspace)) == {"screen", "plan confirm", "confirm", "report"}


def test_site_settings_change_no_key(workspace):
    raw = edited() | {
        "execution": {"shards": 8, "batch_size": 3, "embed_batch_size": 5},
        "cache": "/somewhere/else",
    }
    assert table(raw, workspace) == table(CONFIG, workspace)


def test_places_change_no_key_of_a_computation(workspace):
    """Paths are no content: a moved bank or plant changes what the report quotes and no more."""
    before = table(CONFIG, workspace)
    raw = edited()
    shutil.copytree("bank", "moved", dirs_exist_ok=True)
    shutil.copy("plant.yaml", "moved-plant.yaml")
    raw["banks"]["everyday"]["sources"][0]["path"] = "moved"
    raw["plants"]["demo"]["file"] = "moved-plant.yaml"
    assert moved(before, table(raw, workspace)) <= {"report"}


def test_audits_with_one_base_share_its_work(workspace):
    raw = edited()
    raw["audits"]["other"] = {**raw["audits"]["demo"], "intervention": {"dtype": "float32"}}
    first, second = table(raw, workspace, "demo"), table(raw, workspace, "other")
    shared = {name for name in first if first[name] == second.get(name)}
    assert {"decode base", "bank", "regions"} <= shared
    assert not shared & {"decode intervention", "plan explore", "measure", "report"}
    assert len(build(raw, workspace).nodes["decode"]) == 3


def test_the_null_audit_decodes_both_sides_from_one_node(workspace):
    report = build(edited(intervention={"dtype": "bfloat16"}), workspace).audits["demo"]
    raw = edited()
    raw["audits"]["demo"]["intervention"] = {}
    null = build(raw, workspace).audits["demo"]
    assert null.settings["null"] and not report.settings["null"]
    assert len({key for stage, key in null.ancestors() if stage == "decode"}) == 1


# Recipes: keys and code


@pytest.fixture
def rewritten(workspace):
    """Append to a script of the workspace; everything is put back afterwards."""
    originals = {}

    def write(name: str, text: str) -> None:
        path = workspace / "scripts" / name
        originals.setdefault(path, path.read_text())
        path.write_text(originals[path] + text)
        forget_files()

    yield write
    for path, text in originals.items():
        path.write_text(text)
    forget_files()


@pytest.fixture(scope="module")
def before_changes(pristine):
    """The keys of the configuration before any script is touched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(pristine)
        return table(CONFIG, pristine)


def test_a_comment_in_every_script_changes_no_key(workspace, before_changes, rewritten):
    for name in modules():
        rewritten(name.removeprefix("scripts/"), "\n# a comment\n")
    assert table(CONFIG, workspace) == before_changes


def test_a_change_that_is_taken_back_gives_the_keys_back(workspace, before_changes, rewritten):
    rewritten("embed.py", LINE)
    assert table(CONFIG, workspace) != before_changes
    rewritten("embed.py", "")
    assert table(CONFIG, workspace) == before_changes


LINE = "\nANOTHER_LINE = 1\n"
THE_LOOP = {"plan", "embed", "measure", "propose", "screen", "confirm", "report"}


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("embed.py", THE_LOOP),
        ("models/encoder.py", THE_LOOP | {"regions"}),
        ("measure.py", THE_LOOP),
        ("plan.py", THE_LOOP),
        ("propose.py", {"propose", "plan", "screen", "confirm", "report"}),
        ("confirm.py", {"confirm", "report"}),
        ("evidence/betting.py", {"screen", "plan", "confirm", "report"}),
        ("report.py", {"report"}),
        ("decode.py", THE_LOOP | {"decode"}),
        ("plant.py", THE_LOOP | {"decode", "plant"}),
        ("workflow/recipes.py", set()),
        ("workflow/config.py", set()),
        ("publish.py", set()),
    ],
)
def test_a_changed_line_changes_the_stages_that_run_it(
    workspace, before_changes, rewritten, script, expected
):
    rewritten(script, LINE)
    changed = moved(before_changes, table(CONFIG, workspace))
    assert stages(changed) == expected
    if script == "plant.py":
        assert "decode base" not in changed
    if script == "propose.py":
        assert "plan explore" not in changed


# Recipes: what cannot be resolved


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("plants", "demo", "file", "none.yaml"), "`plants.demo.file`: there is no file"),
        (("subjects", "small", "model", "embedded:x"), "embedded models: "),
        (("subjects", "small", "model", "./none"), "no model directory `./none`"),
        (("subjects", "small", "model", "owner/name"), "a hub id needs `revision`"),
        (("audits", "demo", "hypotheses", "none.jsonl"), "`audits.demo.hypotheses`: there is no"),
        (("audits", "demo", "base", {"responses": "none.jsonl"}), "`audits.demo.base.responses`"),
    ],
)
def test_what_is_not_there_is_said_in_one_sentence(workspace, change, words):
    raw = edited()
    section, name, field, value = change
    raw[section][name][field] = value
    if field == "base":
        raw["audits"]["demo"]["intervention"] = {}
    with pytest.raises(ConfigError) as caught:
        build(raw, workspace)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_bank_names_the_audit_and_the_bank(workspace):
    raw = edited()
    raw["banks"]["everyday"]["sources"][0]["path"] = "bnk"
    with pytest.raises(
        ConfigError, match=r"`audits\.demo`, bank `everyday`: .*did you mean `bank`"
    ):
        build(raw, workspace)
