"""Recipes: which code moves which keys of a whole configuration."""

import pytest
from conftest import ROOT
from whole_config import CONFIG, moved, stages, table


@pytest.fixture
def rewritten(configured):
    """Append to a script of the copy; everything is put back afterwards."""
    originals = {}

    def write(name: str, text: str) -> None:
        path = configured / "scripts" / name
        originals.setdefault(path, path.read_text())
        path.write_text(originals[path] + text)

    yield write
    for path, text in originals.items():
        path.write_text(text)


@pytest.fixture(scope="module")
def before_changes(pristine):
    """The keys of the configuration before any script is touched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(pristine)
        return table(CONFIG, pristine)


def test_a_comment_in_every_script_changes_no_key(configured, before_changes, rewritten):
    for path in (ROOT / "scripts").rglob("*.py"):
        rewritten(str(path.relative_to(ROOT / "scripts")), "\n# a comment\n")
    assert table(CONFIG, configured) == before_changes


def test_a_change_that_is_taken_back_gives_the_keys_back(configured, before_changes, rewritten):
    rewritten("embed.py", LINE)
    assert table(CONFIG, configured) != before_changes
    rewritten("embed.py", "")
    assert table(CONFIG, configured) == before_changes


LINE = "\nANOTHER_LINE = 1\n"
THE_LOOP = {"plan", "embed", "measure", "propose", "screen", "confirm", "report"}


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("embed.py", THE_LOOP),
        ("models/encoder.py", THE_LOOP | {"regions", "contrast"}),
        ("measure.py", THE_LOOP),
        ("plan.py", THE_LOOP),
        ("propose.py", {"propose", "plan", "embed", "screen", "confirm", "report"}),
        ("confirm.py", {"confirm", "report"}),
        ("evidence/betting.py", {"screen", "plan", "embed", "confirm", "report"}),
        ("report.py", {"report"}),
        ("decode.py", THE_LOOP | {"decode", "contrast"}),
        ("plant.py", THE_LOOP | {"decode", "plant", "contrast"}),
        ("workflow/recipes.py", set()),
        ("workflow/config.py", set()),
        ("publish.py", set()),
    ],
)
def test_a_changed_line_changes_the_stages_that_run_it(
    configured, before_changes, rewritten, script, expected
):
    rewritten(script, LINE)
    changed = moved(before_changes, table(CONFIG, configured))
    assert stages(changed) == expected
    if script == "plant.py":
        assert "decode base" not in changed
    if script == "propose.py":
        assert "plan explore" not in changed
