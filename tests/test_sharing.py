"""Two audits at once on one cache: both end as if alone, and leave it whole."""

import subprocess
import sys
from pathlib import Path

import yaml
from conftest import copy_workflow, read_lines, write_bank, write_config

from scripts.cache.records import RecordCache


def texts(folder: Path) -> dict[str, str]:
    """Every draw of an audit's decode jobs with its text."""
    shards = folder.glob("results/decode/**/shard-*.jsonl")
    return {row["draw"]: row["text"] for path in shards for row in read_lines(path)}


def test_two_audits_at_once_on_one_cache(finished, tmp_path):
    folders = []
    for name, q in (("first", 0.05), ("second", 0.1)):
        folder = copy_workflow(tmp_path / name)
        write_bank(folder / "bank")
        config = yaml.safe_load((finished / "config/config.yaml").read_text())
        config["audits"]["small"]["confirm"]["q"] = q
        more = {"cache": str(tmp_path / "cache"), "execution": {"batch_size": 4}}
        write_config(folder, config | more)
        folders.append(folder)
    runs = [
        subprocess.Popen([sys.executable, "-m", "snakemake", "--cores", "1"], cwd=folder, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for folder in folders
    ]  # fmt: skip
    said = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said

    alone = texts(finished)
    for folder in folders:
        together = texts(folder)
        assert set(together) == set(alone)
        flips = sum(together[draw] != alone[draw] for draw in alone)
        assert flips <= 0.05 * len(alone)  # other batches, other sums in floating point
        assert (folder / "results/audits/small/report.html").exists()
        logs = "".join(path.read_text() for path in (folder / "logs").rglob("*.log"))
        assert "corrupt" not in logs and "ignored" not in logs
    assert not list((tmp_path / "cache").rglob("*.corrupt"))
    cache = RecordCache(tmp_path / "cache" / "generations")
    assert len(alone) <= cache.statistics()["records"] <= 2 * len(alone)
