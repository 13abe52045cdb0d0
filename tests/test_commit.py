"""The workflow's commit, as reports and archives name it."""

import subprocess

from scripts.core.version import commit


def test_a_commit_has_a_date_and_says_when_files_differ(tmp_path, monkeypatch):
    assert commit(tmp_path) is None

    def git(*arguments):
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", "-C", tmp_path, *who, *arguments], check=True, capture_output=True)

    git("init")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-m", "first")
    clean = commit(tmp_path)
    assert len(clean.id) == 40 and clean.date[4] == "-" and str(clean) == clean.id
    (tmp_path / "file").write_text("two")
    assert str(commit(tmp_path)) == f"{clean.id}-dirty"
    monkeypatch.setenv("PATH", "")
    assert commit(tmp_path) is None
