"""What conda's environments and the container install is the lock's and covers all imports."""

import ast
import os
import re
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

from scripts.workflow.keys import DigestIndex, local_imports

ROOT = Path(__file__).resolve().parent.parent
PACKAGE_OF = {  # where the name of an import is not that of its package
    "yaml": "pyyaml",
    "sklearn": "scikit-learn",
    "PIL": "pillow",
    "google": "google-generativeai",
    "huggingface_hub": "huggingface-hub",
    "sentence_transformers": "sentence-transformers",
}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lines) -> dict[str, str]:
    found = {}
    for line in lines:
        line = line.split("#")[0].strip()
        if line and not line.startswith("-"):
            name, equals, version = line.partition("==")
            assert equals and version, f"`{line}` is not pinned"
            assert normal(name) not in found, f"`{name}` is pinned twice"
            found[normal(name)] = version
    return found


@cache
def lock() -> dict[str, str]:
    return pins((ROOT / "requirements.lock").read_text().splitlines())


@cache
def environment(name: str) -> dict[str, str]:
    listed = yaml.safe_load((ROOT / "envs" / name).read_text())["dependencies"]
    (from_pip,) = [entry["pip"] for entry in listed if isinstance(entry, dict)]
    return pins(from_pip)


@cache
def imports(path: Path) -> frozenset[str]:
    """Packages outside Python's library and this project that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    outside = found - set(sys.stdlib_module_names) - {"scripts", "benchmarks"}
    return frozenset(normal(PACKAGE_OF.get(name, name)) for name in outside)


def environments() -> list[str]:
    return sorted(path.name for path in (ROOT / "envs").glob("*.yaml"))


@pytest.mark.parametrize("name", environments())
def test_pins_equal_the_lock(name):
    own = environment(name)
    assert own and {package: lock().get(package) for package in own} == own


def test_the_container_installs_the_lock_on_the_python_of_the_environments():
    definition = (ROOT / "envs" / "container.def").read_text()
    copied = re.search(r"^%files\n\s+requirements\.lock (\S+)$", definition, re.M).group(1)
    installs = re.findall(r"\b(?:pip|apt-get|conda)\b.*", definition)
    assert installs == [f"pip install --no-cache-dir -r {copied}"]  # and nothing beside it
    python = re.search(r"^From: python:([\d.]+)-", definition, re.M).group(1)
    for name in environments():
        assert f"python ={python}\n" in (ROOT / "envs" / name).read_text()


def test_the_lock_covers_every_import():
    files = [*(ROOT / "scripts").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    missing = {
        package: str(path.relative_to(ROOT))
        for path in files
        for package in imports(path)
        if package not in lock()
    }
    assert len(files) > 30 and not missing


def rules_with_scripts() -> list[tuple[str, str, str]]:
    """(rule file, environment, script) for every rule that runs a script."""
    found = []
    for path in sorted((ROOT / "rules").glob("*.smk")):
        for rule in re.split(r"^\s*(?:rule|checkpoint) ", path.read_text(), flags=re.M)[1:]:
            script = re.search(r'script:\s*"\.\./(scripts/[\w/]+\.py)"', rule)
            conda = re.search(r'conda:\s*"\.\./envs/([\w.-]+)"', rule)
            if script:
                found.append((path.name, conda.group(1) if conda else "", script.group(1)))
    return found


@pytest.mark.parametrize(("file", "name", "script"), rules_with_scripts())
def test_a_rule_s_environment_holds_what_its_script_imports(file, name, script):
    assert name in environments(), f"{file}: the rule of {script} names no environment"
    own = environment(name)
    lacking = {
        package: module
        for module in local_imports(DigestIndex(os.devnull), ROOT, script)
        for package in imports(ROOT / module)
        if package not in own
    }
    assert not lacking, f"envs/{name} lacks {lacking} for {script}"


def test_the_rules_are_seen():
    assert len(rules_with_scripts()) >= 12
    assert {name for _, name, _ in rules_with_scripts()} == set(environments())
