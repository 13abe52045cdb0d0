"""What is checked before anything runs, of a whole configuration."""

import json
from pathlib import Path

import pytest
from conftest import ROOT
from whole_config import build, edited, write_files

from scripts.core.errors import AuditError
from scripts.workflow.paths import USAGE, fill
from scripts.workflow.preflight import require_credentials, require_runnable

EMPTY = (2).to_bytes(8, "little") + b"{}"  # a file of safetensors without any


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


@pytest.mark.parametrize(
    ("configured", "sentence"),
    [
        ({"peft_type": "PREFIX_TUNING"}, "of the kind PREFIX_TUNING, which cannot be decoded"),
        ({"base": "none of PEFT's"}, "names no `peft_type`"),
    ],
)
def test_a_later_adapter_that_cannot_be_decoded_is_told_before_anything_runs(
    tmp_path, monkeypatch, configured, sentence
):
    """Also where what it is for is not there to be looked at."""
    write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name, content in (("one", {"peft_type": "LORA"}), ("two", configured)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "adapter_config.json").write_text(json.dumps(content))
        (tmp_path / name / "adapter_model.safetensors").write_bytes(EMPTY)
    raw = edited(intervention={"adapter": ["one", "two"]})
    with pytest.raises(AuditError, match=sentence):
        require_runnable(build(raw, ROOT, tmp_path))
