"""What is seen of a run, in a terminal and without one: it moves, and nothing tears it."""

import os
import re
import shlex
import shutil
import signal
import sys
from pathlib import Path

import pytest
from conftest import ROOT, copy_workflow, snakemake, tiny_config, write_bank, write_config
from terminal import Seen, run, standing

from scripts.core.progress import EVERY
from scripts.workflow.display import Lines, bar
from scripts.workflow.under_way import Row

SLOW = ROOT / "tests" / "slow"
FAILED = "the decoder of this test has failed; take another one"


def command(targets: list[str], *more: str) -> list[str]:
    """What `make run` runs, on these targets."""
    (line,) = re.findall(r"^\t@\$\(BIN\)/snakemake (.*) -- \$\(AUDIT\)$", makefile(), re.M)
    return [sys.executable, "-m", "snakemake", *shlex.split(line), *more, "--", *targets]


def makefile() -> str:
    return (ROOT / "Makefile").read_text()


def environment(seconds: float, **more: str) -> dict[str, str]:
    """Decoding waits so long; a line every two seconds."""
    env = os.environ | {"PYTHONPATH": str(SLOW), "SLOW_DECODE": str(seconds), EVERY: "2", **more}
    env.pop("AUTO_INTERVENTIONS_CALL", None)
    return env


@pytest.fixture(scope="module")
def ready(tmp_path_factory, tiny) -> Path:
    """A workspace in which the first round is planned and nothing decoded yet."""
    folder = copy_workflow(tmp_path_factory.mktemp("display") / "work")
    write_bank(folder / "bank")
    write_config(folder, tiny_config(tiny))
    snakemake(folder, "--cores", "all", *targets(folder, "plan"))
    return folder


@pytest.fixture
def work(ready, tmp_path) -> Path:
    return Path(shutil.copytree(ready, tmp_path / "copy", symlinks=True))


def targets(folder: Path, stage: str) -> list[str]:
    """Outputs of a stage's jobs in the first round."""
    said = snakemake(folder, "-n", "--cores", "all").stdout
    found = re.findall(rf"results/{stage}/\S*round-0\S*\.jsonl", said)
    return sorted(set(found))


@pytest.fixture(scope="module")
def texts(ready) -> list[str]:
    """The files of the first round's texts."""
    return targets(ready, "decode")


def left_over(folder: Path) -> list[Path]:
    return [path for path in (folder / "logs").rglob(".*") if path.is_file()]


def decode(texts, folder: Path, terminal: bool, seconds: float = 9, watch=None, **env: str) -> Seen:
    return run(command(texts), folder, environment(seconds, **env), terminal, watch)


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_a_slow_decoder_is_seen_to_go_on(work, texts, terminal):
    seen = decode(texts, work, terminal)
    assert seen.returncode == 0, seen.text[-3000:]
    assert seen.longest_silence() < 30
    assert re.search("To do: .*draw at most .* texts from the subjects", seen.text)
    assert "That takes between" in seen.text
    lines = standing(seen.text) if terminal else seen.text.splitlines()
    assert any(re.match(r"decode round 0: 48 texts in .*, done", line) for line in lines), lines
    if terminal:
        assert re.search(r"decode round 0 \((base|intervention)\) .*0 of 2 jobs", seen.text)
        assert not any("·" in line or "in all" in line for line in lines), lines
        assert "\x1b[?25l" not in seen.text.split("\x1b[?25h")[-1]  # the cursor is there
    else:
        assert len(re.findall(r"decode round 0 \(\w+\): 0 of 2 jobs", seen.text)) >= 2
        assert re.search(r"in all: \d+ jobs? done, at most .* left", seen.text)
        assert "\x1b" not in seen.text
    logs = [path.read_text() for path in (work / "logs/decode").rglob("*.log")]
    assert len(logs) == 2 and all("INFO decode: 0 of 24 texts" in text for text in logs)
    assert not left_over(work)


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_what_a_failing_job_says_is_readable(work, texts, terminal):
    seen = decode(texts, work, terminal, 4, FAIL_DECODE=FAILED)
    assert seen.returncode != 0 and "Traceback" not in seen.text
    lines = standing(seen.text) if terminal else seen.text.splitlines()
    assert f"error: {FAILED}" in lines, lines
    assert any("At least one job did not complete successfully" in line for line in lines)
    assert not left_over(work)


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_an_interrupted_run_ends_and_leaves_the_terminal_whole(work, texts, terminal):
    sent: list[bool] = []

    def interrupt(text, process):
        if "48 texts" in text and not sent:
            sent.append(True)
            os.killpg(process.pid, signal.SIGINT)

    seen = decode(texts, work, terminal, 30, interrupt)
    assert sent and seen.returncode != 0
    assert "\x1b[?25l" not in seen.text.split("\x1b[?25h")[-1]
    assert not left_over(work)
    logs = "".join(path.read_text() for path in (work / "logs/decode").rglob("*.log"))
    assert "interrupted" in logs, (logs[-2000:], seen.text[-2000:])


def test_a_dry_run_and_one_with_nothing_to_do_show_nothing(work, texts):
    decode(texts, work, terminal=False, seconds=0)
    for more in (["-n"], []):
        seen = run(command(texts, *more), work, environment(0), terminal=True)
        assert seen.returncode == 0 and "To do:" not in seen.text and "in all" not in seen.text
    assert "Nothing to be done" in seen.text
    assert not left_over(work)


def test_a_display_that_breaks_says_so_once_and_the_run_goes_on(work, texts):
    display = work / "scripts/workflow/display.py"
    display.write_text(display.read_text().replace("= row.cells", "= row.gone"))
    seen = decode(texts, work, terminal=True, seconds=3)
    assert seen.returncode == 0, seen.text[-3000:]
    assert seen.text.count("the display of progress has ended") == 1
    assert list((work / "results/decode").rglob("shard-0-of-1.jsonl"))


def test_lines_come_at_the_interval_and_ends_at_once(capsys, monkeypatch):
    monkeypatch.setenv(EVERY, "1000")
    lines, row = Lines(sys.stdout), Row("embed round 0", ["", "5 of 9 texts", "", "3 s left"], 0.5)
    lines.show([row], "in all")
    assert capsys.readouterr().out == ""
    lines.say("embed round 0: done")
    monkeypatch.setattr("scripts.workflow.display.interval", lambda: 0.0)
    lines.show([row], "in all")
    said = ["embed round 0: done", "embed round 0: 5 of 9 texts, 3 s left", "in all"]
    assert capsys.readouterr().out.splitlines() == said


def test_bars_are_as_wide_whatever_is_known():
    assert {len(bar(share)) for share in (None, 0.0, 0.4, 1.0, 1.3)} == {12}


def test_setting_up_is_heard(tmp_path):
    script = "import time; print('Collecting torch', flush=True); time.sleep(3); exit({})"
    for code in (0, 3):
        aloud = "from scripts.tools.aloud import run; exit(run('installing', {}, 1.0))"
        child = [sys.executable, "-c", script.format(code)]
        seen = run([sys.executable, "-c", aloud.format(child)], ROOT, {**os.environ}, False)
        assert seen.returncode == code and seen.text.startswith("installing ...\n")
        assert "s: Collecting torch\n" in seen.text
        assert ("failed after" in seen.text) == bool(code)
