"""A plant file that a language model writes."""

import os
import subprocess
import sys

import pytest
import yaml
from asked import roles_of
from conftest import ROOT
from loopback import Loopback

from scripts.assistants.client import Pool
from scripts.core.errors import AuditError
from scripts.models.plant_file import read_plant
from scripts.tools.write_plant import Wanted, write_plant

WANTED = Wanted("bread", (), 2, 5, 6, 9)


def test_replies_that_do_not_match_their_check_are_left_out(tmp_path):
    with Loopback() as server, Pool(roles := roles_of(server), tmp_path) as pool:
        content, left_out = write_plant(pool, roles.judges[0], WANTED)
        first = content["behaviours"][0]
        assert (first["name"], len(first["prompts"]), len(first["replies"])) == ("word-0", 5, 4)
        assert left_out == 4 and len(content["controls"]) == 9
        few = WANTED._replace(replies=2)
        with pytest.raises(AuditError, match="no behaviour has replies that match its check"):
            write_plant(pool, roles.judges[0], few)


def test_the_command_writes_a_file_that_can_be_planted(tmp_path):
    (tmp_path / "claims.txt").write_text("the moon is bread\n\nfish can fly\n")
    with Loopback() as server:
        config = {
            "subjects": {"small": {"model": "embedded:smollm2-135m-instruct"}},
            "banks": {"b": {"sources": [{"path": "claims.txt", "format": "text"}]}},
            "audits": {
                "mine": {
                    "bank": "b", "base": "small", "intervention": {"system_prompt": "x"},
                    "assistant": {
                        "provider": "openai", "base_url": server.openai,
                        "models": {"cheap": "small", "strong": "large"},
                    },
                },
                "alone": {"bank": "b", "base": "small", "intervention": {"system_prompt": "x"}},
            },
        }  # fmt: skip
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config))

        def called(*more):
            return subprocess.run(
                [sys.executable, "-m", "scripts.tools.write_plant", "plant.yaml",
                 "--configfile", "mine.yaml", *more],
                cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip

        done = called("--audit", "mine", "--statements", "claims.txt")
        assert done.returncode == 0, done.stdout
        assert "2 behaviours" in done.stdout and "replies left out" in done.stdout
        plant = read_plant(tmp_path / "plant.yaml")
        assert [b.statement for b in plant.behaviours] == [
            "claims that the moon is bread", "claims that fish can fly",
        ]  # fmt: skip
        assert plant.behaviours[0].pattern.search("Word0")
        paid = sum(server.replies.values())
        assert called("--audit", "mine", "--statements", "claims.txt").returncode == 0
        assert sum(server.replies.values()) == paid
        assert "the local one, which writes no" in called("--audit", "alone", "--about", "x").stdout
        assert "say what the behaviours are about" in called("--audit", "mine").stdout
        assert "there is no audit `other`" in called("--audit", "other").stdout
