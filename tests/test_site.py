"""The pages as a site: built without a warning or a download, and as the code has it."""

import dataclasses
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import yaml

from scripts.hypotheses.finding import Finding
from scripts.workflow.config import Config
from scripts.workflow.paths import REPORTED

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
# Whoever opens a connection ends the build.
OFFLINE = """
import socket, sys

def refused(*_, **__):
    raise SystemExit("the build opens a connection")

socket.socket.connect = socket.getaddrinfo = socket.create_connection = refused
from mkdocs.__main__ import cli
cli()
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, "build", "--strict", "--site-dir", folder],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0 and "WARNING" not in done.stdout, done.stdout[-3000:]
    return folder


def hooks():
    spec = spec_from_file_location("hooks", DOCS / "hooks.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_is_built_and_none_asks_a_server_for_fonts(site):
    for page in PAGES:
        assert (site / page.relative_to(DOCS).with_suffix(".html")).is_file(), page
    assert not (site / "hooks.py").exists()
    for page in site.rglob("*.html"):
        loaded = re.findall(
            r'<(?:link|script|img)[^>]+(?:href|src)="(https?://[^"]+)', page.read_text()
        )
        assert not loaded, f"{page.name} loads {loaded}"


def test_pictures_are_drawn(site):
    pictures = (DOCS / "architecture.md").read_text().count("```mermaid")
    assert (site / "architecture.html").read_text().count('<pre class="mermaid">') == pictures >= 5


def test_the_configuration_page_has_every_field(site):
    page = (site / "configuration.html").read_text()
    schema = json.loads((ROOT / "config/schemas/config.schema.json").read_text())
    for name, section in [("The whole file", schema), *schema["$defs"].items()]:
        if name not in ("File",) or f"#{name.lower()}" in page:
            for field in section["properties"]:
                assert f"<code>{field}</code>" in page, f"{name}: {field}"


def test_tables_say_type_default_and_meaning():
    tables = hooks().configuration(Config.model_json_schema())
    assert "| `q` | number > 0 and &lt; 1 | `0.05` | False discovery rate of e-BH" in tables
    assert "| `base` | text or [Subject](#subject) | **needed** | Name of a subject" in tables
    assert "| `sources` | list of [Source](#source) or [Written](#written) | **needed** |" in tables
    assert "In `subjects.<name>.sampling`." in tables
    assert '| `method` | `kmeans`, `category` | `"kmeans"` |' in tables


def test_every_published_file_has_a_section():
    headings = re.findall(r"^## (\S+)$", (DOCS / "files.md").read_text(), re.M)
    assert sorted(headings) == sorted(REPORTED)


def test_the_page_on_files_has_every_field_of_a_finding():
    fields = {field.name for field in dataclasses.fields(Finding)}
    (section,) = re.findall(
        r"^## findings.jsonl$(.*?)^#", (DOCS / "files.md").read_text(), re.M | re.S
    )
    first = re.findall(r"^\| (`[^|]+) \|", section, re.M)
    assert sorted(re.findall(r"`(\w+)`", " ".join(first))) == sorted(fields)


def test_modules_and_files_that_pages_name_exist():
    """Paths in code spans, below the root or below scripts/."""
    lost = []
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
        for path in re.findall(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|smk|yaml|html\.j2|md))`", text):
            if not any((ROOT / below / path).exists() for below in ("", "scripts", "docs")):
                lost.append(f"{page.name}: {path}")
    assert not lost


def test_every_package_is_in_the_table_of_the_architecture():
    described = set(re.findall(r"^\| `(\w+)` \|", (DOCS / "architecture.md").read_text(), re.M))
    packages = {path.parent.name for path in (ROOT / "scripts").glob("*/__init__.py")}
    assert described == packages


def test_commands_and_configurations_stand_where_they_are_tried():
    """tests/test_readme.py tries those of the pages that lie in docs/ itself."""
    for page in PAGES:
        if page.parent != DOCS:
            assert not re.search(r"^```(?:sh|bash|shell|console|ya?ml)$", page.read_text(), re.M)


def test_decisions_have_their_four_parts_and_are_listed():
    index = (DOCS / "decisions/index.md").read_text()
    for page in sorted((DOCS / "decisions").glob("0*.md")):
        parts = re.findall(r"^\*\*(.+?)\.\*\*", page.read_text(), re.M)
        assert parts[0] == "Question" and parts[-2:] == ["Decision", "What would change it"], page
        assert f"({page.name})" in index


def test_the_version_is_the_same_everywhere():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert cited["version"] == version == released[0]
