"""What an archive must not tell: keys, names and paths of the machine."""

import json

import pytest
from audits import key, make_audit, publish, write
from packed import pack, unpacked

from scripts.core.errors import AuditError
from scripts.core.files import write_json
from scripts.tools.archive_private import Cleaner


def test_records_are_made_relative_and_named(tmp_path, capsys):
    audit = make_audit()
    publish(tmp_path / "results", audit)
    log = tmp_path / "logs" / "confirm" / f"{key('confirm 0.05')}.log"
    write(
        log,
        f'File "{tmp_path}/scripts/x.py" in {tmp_path}, File "/usr/lib/python3.11/decoder.py"; '
        "see https://example.org/a/b and 3/4/5",
    )
    folder = unpacked(pack(tmp_path, audit), tmp_path / "out")
    assert (folder / log.relative_to(tmp_path)).read_text() == (
        'File "scripts/x.py" in ., File "decoder.py"; see https://example.org/a/b and 3/4/5'
    )
    assert f"{log.relative_to(tmp_path)}: names of this machine" in capsys.readouterr().out


def test_a_model_is_named_as_the_configuration_would_now(tmp_path):
    place = write(tmp_path / "elsewhere" / "llama" / "config.json").parent
    audit = make_audit()
    publish(tmp_path / "work" / "results", audit)
    audit["nodes"][0]["local"]["path"] = str(place)
    model = tmp_path / "work" / "results" / "model" / key("base") / "model.json"
    for lay in (place, tmp_path / "before" / "llama"):
        write_json(model, {"path": str(lay)})
        target = pack(tmp_path / "work", audit, config={"subjects": {"x": {"model": str(place)}}})
        folder = unpacked(target, tmp_path / lay.parent.name)
        packed = json.loads((folder / model.relative_to(tmp_path / "work")).read_text())
        assert packed["path"] == "models/llama"
        assert "model: models/llama" in (folder / "audit.yaml").read_text()


@pytest.mark.parametrize(
    "file", ["confirm/{confirm}/output.jsonl", "plant/{plant}/adapter/adapter_model.safetensors"]
)
def test_a_path_where_nothing_may_be_rewritten_is_refused(tmp_path, file):
    audit = make_audit(write(tmp_path / "plant.yaml"))
    publish(tmp_path / "results", audit)
    name = file.format(confirm=key("confirm 0.05"), plant=key("plant"))
    write(tmp_path / "results" / name, f"it lies in {tmp_path}/x")
    with pytest.raises(AuditError, match=f"`results/{name}` holds the path .* nothing was packed"):
        pack(tmp_path, audit)
    assert not (tmp_path / "results" / "archives").exists()


def test_keys_are_refused_wherever_they_stand(tmp_path, monkeypatch):
    audit = make_audit()
    publish(tmp_path / "results", audit)
    monkeypatch.setenv("SOME_API_KEY", "a-secret-of-mine-42")
    text = tmp_path / "results" / "confirm" / key("confirm 0.05") / "output.jsonl"
    write(text, "it said a-secret-of-mine-42")
    with pytest.raises(AuditError, match=r"output.jsonl` holds a key") as refused:
        pack(tmp_path, audit)
    assert "a-secret" not in str(refused.value)
    write(text, "a model said sk-" + 40 * "a")  # which is no key of ours
    pack(tmp_path, audit)
    write(tmp_path / "config" / "mine.yaml", "key: sk-" + 40 * "a")
    with pytest.raises(AuditError, match=r"config/mine.yaml` holds a key"):
        pack(tmp_path, audit)


def test_what_only_looks_alike_stays():
    cleaner = Cleaner({"/home/ada/audit": "", "/data": "inputs/data"}, ["gpu-01"], [])
    assert cleaner.clean("results/bank/x", b"/data is a path, /home/ada/auditing too") == (
        b"/data is a path, /home/ada/auditing too"
    )
    assert cleaner.clean("logs/x", b"on gpu-01 and gpu-011 at /home/ada/audit/a") == (
        b"on localhost and gpu-011 at a"
    )
    assert cleaner.rewritten == {"logs/x"}


def test_an_address_that_names_this_machine_needs_an_identity(tmp_path, monkeypatch):
    monkeypatch.setattr("scripts.tools.archive.host_names", lambda: ["gpu-01"])
    audit = make_audit()
    publish(tmp_path / "results", audit)
    server = {"url": "http://gpu-01:8000/v1", "identity": None, "key_variable": "MY_ACCESS"}
    decode = next(node for node in audit["nodes"] if node["stage"] == "decode")
    decode["local"]["server"] = server
    with pytest.raises(AuditError, match=r"names this machine .* nothing was packed"):
        pack(tmp_path, audit)
    server["identity"] = "llama"
    pack(tmp_path, audit)
    monkeypatch.setenv("MY_ACCESS", "a-secret-of-mine-42")  # a key by its use, not by its name
    text = tmp_path / "results" / "confirm" / key("confirm 0.05") / "output.jsonl"
    write(text, "it said a-secret-of-mine-42")
    with pytest.raises(AuditError, match=r"output.jsonl` holds a key"):
        pack(tmp_path, audit)
    server["key_variable"] = None
    pack(tmp_path, audit)
    confirm = next(node for node in audit["nodes"] if node["stage"] == "confirm")
    confirm["local"]["access"] = {"judge 1": {"key_variable": "MY_ACCESS", "prices": None}}
    with pytest.raises(AuditError, match=r"output.jsonl` holds a key"):
        pack(tmp_path, audit)
