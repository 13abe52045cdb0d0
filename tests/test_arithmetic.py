"""`dtype: auto`: what each machine computes in, and what an audit says of it."""

import json
from types import SimpleNamespace

import pytest
import torch
from conftest import snakemake, tiny_config, write_config

from scripts.core.ledger import Ledger
from scripts.models import arithmetic
from scripts.models.arithmetic import resolve, units
from scripts.page.page import arithmetic_notice
from scripts.report import computed_in
from scripts.workflow import preflight
from scripts.workflow.config import load
from scripts.workflow.keys import DigestIndex
from scripts.workflow.recipes import Recipes


@pytest.fixture
def processor(monkeypatch, tmp_path):
    """A processor with the flags given, as Linux names them, and no other device."""

    def with_flags(flags: str, oneDNN: str | None = None) -> None:
        monkeypatch.setattr(arithmetic, "CPUINFO", tmp_path / "cpuinfo")
        (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{flags}\n")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.delenv("DNNL_MAX_CPU_ISA", raising=False)
        monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
        if oneDNN:
            monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", oneDNN)
        units.cache_clear()

    yield with_flags
    units.cache_clear()


@pytest.mark.parametrize(
    ("flags", "allowed", "found"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_bf16", None, "bfloat16"),
        ("flags\t\t: fpu avx2 amx_bf16 amx_tile", None, "bfloat16"),
        ("Features\t: fp asimd bf16 i8mm", None, "bfloat16"),
        ("Features\t: fp asimd", None, "float32"),
        ("flags\t\t: fpu avx2 avx512f avx512_vnni", None, "float32"),
        ("flags\t\t: fpu avx2", None, "float32"),
        ("flags\t\t: fpu avx2 avx512_bf16", "AVX2", "float32"),
        ("flags\t\t: fpu avx2 avx512_bf16", "avx512_core", "float32"),
        ("flags\t\t: fpu avx2 avx512_bf16", "AVX512_CORE_BF16", "bfloat16"),
        ("flags\t\t: fpu avx2 avx512_bf16", "ALL", "bfloat16"),
        ("nothing that is known", None, "float32"),
    ],
)
def test_a_processor_computes_in_what_it_has_units_for(processor, flags, allowed, found):
    processor(flags, allowed)
    assert resolve("auto") == found and units() == (found == "bfloat16")


def test_a_machine_that_says_nothing_of_its_processor_computes_in_float32(processor, monkeypatch):
    processor("flags\t\t: avx512_bf16")
    arithmetic.CPUINFO.unlink()
    assert resolve("auto") == "float32"


@pytest.mark.parametrize(
    ("capability", "found"), [((7, 5), "float32"), ((8, 0), "bfloat16"), ((9, 0), "bfloat16")]
)
def test_a_device_decides_and_not_the_processor_beside_it(
    processor, monkeypatch, capability, found
):
    processor("flags\t\t: avx2" if found == "bfloat16" else "flags\t\t: avx512_bf16")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    assert resolve("auto") == found


@pytest.mark.parametrize("word", ["float32", "bfloat16", "float16"])
def test_a_literal_type_is_itself_everywhere(processor, word):
    for flags in ("flags\t\t: avx2", "flags\t\t: avx512_bf16"):
        processor(flags)
        assert resolve(word) == word


@pytest.fixture
def build(workspace, tiny, monkeypatch):
    """The keys of the small audit whose subjects and embedder are of the given types."""
    monkeypatch.chdir(workspace)

    def recipes(dtype: str = "auto", **audit) -> Recipes:
        config = tiny_config(tiny, **audit)
        config["subjects"]["tiny"]["dtype"] = dtype
        return Recipes(load(config), workspace, DigestIndex(workspace / "digests.json"))

    return recipes


def test_the_word_is_in_the_key_and_the_machine_is_not(processor, build):
    processor("flags\t\t: avx2")
    plain = build().audits["small"].key
    assert build("float32").audits["small"].key != plain
    processor("flags\t\t: avx512_bf16")
    assert build().audits["small"].key == plain


def test_emulated_bfloat16_is_said_with_the_remedy_before_anything_runs(
    processor, build, tiny, monkeypatch
):
    monkeypatch.setattr(preflight, "Path", lambda path: SimpleNamespace(exists=lambda: False))
    encoder = {"model": tiny["encoder"], "dtype": "bfloat16"}
    processor("flags\t\t: avx2")
    recipes = build(intervention={"dtype": "bfloat16"}, embed=encoder)
    said = list(preflight.emulated(recipes))
    assert len(said) == 2 and "the intervention" in said[0] and "its embedding" in said[1]
    assert all("`dtype: auto` computes in float32" in notice for notice in said)
    processor("flags\t\t: avx512_bf16")
    assert not list(preflight.emulated(recipes))
    processor("flags\t\t: avx2")
    assert not list(preflight.emulated(build()))


def ledger(side: str, **arithmetic: int) -> Ledger:
    return Ledger("decode", "call", side=side, arithmetic=arithmetic)


def test_what_was_computed_in_what_is_counted_by_side():
    ledgers = [
        ledger("base", float32=3), ledger("base", bfloat16=2, float32=1),
        ledger("intervention", bfloat16=6), Ledger("embed", "call"),
    ]  # fmt: skip
    found = computed_in(ledgers)
    assert found == {"base": {"bfloat16": 2, "float32": 4}, "intervention": {"bfloat16": 6}}


@pytest.mark.parametrize(
    ("base", "intervention", "said"),
    [
        ({"float32": 9}, {"float32": 9}, None),
        ({}, {}, None),
        ({"float32": 9}, {}, None),
        ({"float32": 9}, {"bfloat16": 9}, "computed in float32, the intervention's in bfloat16"),
        ({"float32": 9}, {"bfloat16": 1, "float32": 8}, "intervention's in bfloat16 and float32"),
        ({"bfloat16": 1, "float32": 8},) * 2 + ("partly in bfloat16 and float32",),
    ],
)
def test_an_audit_whose_sides_were_computed_differently_says_so(base, intervention, said):
    notice = arithmetic_notice({"base": base, "intervention": intervention})
    assert notice is None if said is None else said in notice


def test_an_audit_records_its_arithmetic_and_says_where_it_differs(workspace, tiny):
    config = tiny_config(tiny, intervention={"dtype": "bfloat16"})
    config["subjects"]["tiny"]["dtype"] = "auto"
    write_config(workspace, config)
    said = snakemake(workspace, "--cores", "all", env={"ONEDNN_MAX_CPU_ISA": "AVX2"}).stdout
    assert "the intervention is computed in `dtype: bfloat16`, which this processor" in said
    folder = workspace / "results/audits/small"
    audit = json.loads((folder / "audit.json").read_text())
    draws = audit["counts"]["draws_base"]
    assert audit["arithmetic"] == {"base": {"float32": draws}, "intervention": {"bfloat16": draws}}
    page = (folder / "report.html").read_text()
    assert "in float32, the intervention&#39;s in bfloat16" in page
