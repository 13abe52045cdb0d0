"""What conda's environments and the container install is the lock's and covers all imports."""

import ast
import os
import re
import subprocess
import sys
import zipfile
from functools import cache
from hashlib import sha256
from importlib.metadata import requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from scripts.workflow.keys import DigestIndex, local_imports

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-cuda.lock")
PACKAGE_OF = {  # where the name of an import is not that of its package
    "yaml": "pyyaml",
    "sklearn": "scikit-learn",
    "PIL": "pillow",
    "google": "google-generativeai",
    "huggingface_hub": "huggingface-hub",
    "sentence_transformers": "sentence-transformers",
}

# What reads some files of the user's, where it is installed; a sentence says so where it is not.
OPTIONAL = {"pyarrow", "datasets"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lines) -> dict[str, str]:
    found = {}
    for line in lines:
        line = line.split("#")[0].strip(" \\")
        if line and not line.startswith("-"):
            name, equals, version = line.partition("==")
            assert equals and version, f"`{line}` is not pinned"
            assert normal(name) not in found, f"`{name}` is pinned twice"
            found[normal(name)] = version
    return found


@cache
def lock(name: str = LOCKS[0]) -> dict[str, str]:
    return pins((ROOT / name).read_text().splitlines())


def entries(name: str) -> list[str]:
    """The pins of a lock, each with the hashes below it."""
    listed = re.split(r"\n(?=\S)", (ROOT / name).read_text().rstrip())
    return [entry for entry in listed if not entry.startswith("#")]


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
    support = {path.stem for path in (ROOT / "tests" / "support").glob("*.py")}  # for benchmarks
    own = {"scripts", "benchmarks"} | support
    outside = found - set(sys.stdlib_module_names) - own
    return frozenset(normal(PACKAGE_OF.get(name, name)) for name in outside) - OPTIONAL


def environments() -> list[str]:
    return sorted(path.name for path in (ROOT / "envs").glob("*.yaml"))


@pytest.mark.parametrize("name", environments())
def test_pins_equal_the_lock(name):
    own = environment(name)
    assert own and {package: lock().get(package) for package in own} == own


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_the_hashes_of_its_files(name):
    assert len(entries(name)) == len(lock(name)) > 10
    for entry in entries(name):
        pin, *hashes = entry.split(" \\\n    ")
        assert pin.count("==") == 1 and " " not in pin
        assert hashes and all(re.fullmatch("--hash=sha256:[0-9a-f]{64}", h) for h in hashes), pin


def test_the_lock_holds_what_its_packages_require_here():
    """pip resolves nothing when it installs it."""
    for package in lock():
        for line in requires(package) or ():
            required = Requirement(line)
            if not required.marker or required.marker.evaluate({"extra": ""}):
                name = normal(required.name)
                version = lock().get(name) or lock(LOCKS[1]).get(name)
                assert version and required.specifier.contains(version), f"{package}: {line}"


def test_pip_refuses_a_file_that_the_lock_does_not_know(tmp_path):
    wheel = tmp_path / "mdurl-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("mdurl/__init__.py", "")
        about = "mdurl-0.1.2.dist-info"
        archive.writestr(
            f"{about}/METADATA", "Metadata-Version: 2.1\nName: mdurl\nVersion: 0.1.2\n"
        )
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    (entry,) = [entry for entry in entries(LOCKS[0]) if entry.startswith("mdurl==0.1.2 ")]
    own = f" \\\n    --hash=sha256:{sha256(wheel.read_bytes()).hexdigest()}"
    said = []
    for text in (entry, entry + own):
        (listed := tmp_path / "listed").write_text(text)
        offline = ("--no-index", "--find-links", tmp_path, "--dest", tmp_path / "taken")
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", "--no-deps", *offline, "-r", listed],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        said.append((done.returncode == 0, "DO NOT MATCH THE HASHES" in done.stdout))
    assert said == [(False, True), (True, False)]


def test_the_container_installs_the_locks_on_the_python_of_the_environments():
    definition = (ROOT / "envs" / "container.def").read_text()
    copied = dict(re.findall(r"^\s+(requirements\S*) (\S+)$", definition, re.M))
    assert tuple(copied) == LOCKS
    installs = re.findall(r"\b(?:pip|apt-get|conda)\b.*", definition)
    listed = " ".join(f"-r {copied[name]}" for name in LOCKS)
    assert installs == [f"pip install --no-cache-dir --no-deps {listed}"]  # and nothing beside it
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
