"""What is checked before anything runs, of a whole configuration."""

from pathlib import Path

import pytest
from conftest import ROOT
from whole_config import build, edited, write_files

from scripts.core.errors import AuditError
from scripts.workflow.paths import USAGE, fill
from scripts.workflow.preflight import require_credentials


def test_keys_of_whoever_has_yet_to_answer_are_asked_for(tmp_path, monkeypatch):
    write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JUDGES_KEY", "a-key")
    monkeypatch.delenv("AUTHORS_KEY", raising=False)
    roles = {name: {"model": "m", "key_variable": f"{name.upper()}_KEY"}
             for name in ("authors", "judges")}  # fmt: skip
    at = {"provider": "openai", "base_url": "http://127.0.0.1:1/v1"}
    assistant = {**at, "author": roles["authors"], "judges": [roles["judges"]], "themes": "m"}
    raw = edited(assistant=assistant, probe={"prompts": 40})
    report = build(raw, ROOT, tmp_path).audits["demo"]
    for stage in ("propose", "screen", "probe"):
        with pytest.raises(AuditError, match="AUTHORS_KEY"):
            require_credentials(report)
        used = Path(fill(USAGE, report.ancestor(stage)))
        used.parent.mkdir(parents=True)
        used.write_text("{}")
    require_credentials(report)
