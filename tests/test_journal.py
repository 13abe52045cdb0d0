"""The journal: what was added is found by whoever comes next, however its writer ended."""

import subprocess
import sys

from conftest import ROOT

from scripts.cache.journal import Journal
from scripts.cache.records import record_key

KEYS = [record_key("test", n) for n in range(20)]


def test_records_are_found_before_and_after_folding(tmp_path):
    journal = Journal(tmp_path)
    for n, key in enumerate(KEYS):
        journal.add(key, {"n": n, "text": "é\ud800"})
    assert journal.get_many(KEYS)[KEYS[3]] == {"n": 3, "text": "é\ud800"}
    journal.close()
    assert len(list(tmp_path.glob("*.seg"))) == 1 and not list(tmp_path.glob("*.journal"))
    again = Journal(tmp_path)
    assert again.get_many([*KEYS, record_key("absent")]) == {
        key: {"n": n, "text": "é\ud800"} for n, key in enumerate(KEYS)
    }
    again.close()
    assert len(list(tmp_path.glob("*"))) == 1, "nothing new writes nothing"


def test_a_killed_writer_s_whole_lines_are_kept(tmp_path):
    code = (
        "import os, signal, sys\n"
        "from scripts.cache.journal import Journal\n"
        "journal = Journal(sys.argv[1])\n"
        "for key in sys.argv[2:]: journal.add(key, {'text': key})\n"
        "journal._file.write(b'00000000 {torn')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path), *KEYS], cwd=ROOT, check=False)
    assert len(list(tmp_path.glob("*.journal"))) == 1
    found = Journal(tmp_path).get_many(KEYS)
    assert found == {key: {"text": key} for key in KEYS}
    assert not list(tmp_path.glob("*.journal")) and len(list(tmp_path.glob("*.seg"))) == 1


def test_a_living_writer_s_journal_is_read_and_left(tmp_path):
    writer = Journal(tmp_path)
    writer.add(KEYS[0], {"n": 0})
    reader = Journal(tmp_path)
    assert reader.get_many(KEYS) == {KEYS[0]: {"n": 0}}
    assert len(list(tmp_path.glob("*.journal"))) == 1
    reader.close()
    writer.close()
    assert Journal(tmp_path).get_many(KEYS) == {KEYS[0]: {"n": 0}}


def test_a_folder_that_cannot_be_written_costs_a_warning(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    journal = Journal(tmp_path / "file")
    journal.add(KEYS[0], {"n": 0})
    journal.add(KEYS[1], {"n": 1})
    assert journal.get_many(KEYS[:2]) == {KEYS[0]: {"n": 0}, KEYS[1]: {"n": 1}}
    journal.close()
    assert sum("The journal in" in r.message for r in caplog.records) == 1
