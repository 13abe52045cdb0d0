"""Files as tools have left them, where a checkout has them beside it: recordings and banks."""

import json

import pytest
from banks import SHARED

from scripts.core.vocabulary import SIDES
from scripts.prompts.prompt import BankError
from scripts.recordings.bank import build_bank, prompts_of
from scripts.recordings.recording import scanned
from scripts.workflow.subject_sections import Responses

RECORDED = SHARED / "recorded"
EM = {"prompts": {"path": str(RECORDED / "em-audit" / "questions.csv")}}
RECORDINGS = [  # path, settings, rows, prompts, responses
    ("xstest/xstest_v2_completions_mistralinstruct.csv", {}, 450, 450, 450),
    ("xstest/xstest_v2_completions_mistralguard.csv", {}, 450, 450, 450),
    ("m-ifeval/ja_gpt-4o-2024-08-06.jsonl", {}, 172, 172, 172),
    ("m-ifeval/ja_qwen2.5-0.5b-instruct-gptq-int4.jsonl", {}, 172, 172, 172),
    ("m-ifeval/en_gpt-4o-mini-2024-07-18.jsonl", {}, 200, 200, 200),
    ("m-ifeval/en_o1-mini-2024-09-12.jsonl", {}, 200, 200, 192),
    ("m-ifeval/fr_gpt-4o-2024-08-06.jsonl", {}, 120, 120, 120),
    ("m-ifeval/fr_gpt-4o-mini-2024-07-18.jsonl", {}, 120, 120, 120),
    ("em-audit/anchor_base.jsonl", EM, 690, 23, 690),
    ("em-audit/anchor_bad.jsonl", EM, 690, 23, 690),
    ("lm-eval/samples_math_perturbed_full_2026-01-21T03-44-18.458309.jsonl", {}, 10, 10, 10),
    ("lm-eval/samples_math_perturbed_full_edited-copy.jsonl", {}, 10, 10, 10),
    ("inspect/arc_easy_qwen2.5-0.5b.json", {}, 3, 3, 3),
    ("inspect/arc_easy_claude-sonnet-4.json", {}, 5, 5, 5),
    ("inspect/cvebench_empty-choices_trimmed.json", {}, 1, 1, 0),
    ("inspect/mmlu_0_shot_gpt-4o.eval", {}, 1, 1, 1),
    ("inspect/mmlu_0_shot_edited-copy.eval", {}, 1, 1, 1),
    ("inspect/guess_number_hardcoded.eval", {}, 1, 1, 1),
    ("helm/narrative_qa_gpt2/scenario_state.json", {}, 3, 3, 3),
    ("stringsight/airline_data_demo_first-10-prompts.jsonl", {"where": {"model": "gpt-4o"}},
     10, 10, 10),
    ("stringsight/airline_data_demo_first-10-prompts.jsonl",
     {"where": {"model": "claude-sonnet-35"}}, 10, 10, 10),
    ("model-diffing/sample_responses.jsonl", {}, 3, 3, 3),
    ("model-diffing/sample_responses_edited-copy.jsonl", {}, 3, 3, 3),
    ("made/openai_batch_output.jsonl",
     {"prompts": {"path": str(RECORDED / "made" / "openai_batch_input.jsonl")}}, 8, 7, 6),
    ("made/vllm_run_batch_output.jsonl",
     {"prompts": {"path": str(RECORDED / "made" / "vllm_run_batch_input.jsonl")}}, 8, 7, 8),
    ("made/promptfoo_results.json", {"where": {"provider.id": "openai:chat:example-model-a"}},
     8, 7, 8),
    ("made/promptfoo_results.json", {"where": {"provider.id": "vllm:example/model-b"}}, 8, 7, 8),
    ("made/wandb_table_like.csv", {"response": "output/base"}, 8, 7, 8),
    ("made/wandb_table_like.csv", {"response": "output/tuned"}, 8, 7, 8),
    ("made/two_columns.csv", {"response": "model_a"}, 8, 7, 8),
    ("made/two_columns.csv", {"response": "model_b"}, 8, 7, 8),
    ("made/two_columns.tsv", {"response": "model_a"}, 8, 7, 8),
    ("made/two_columns.tsv", {"response": "model_b"}, 8, 7, 8),
    ("made/alpaca_eval_form_base.json", {}, 8, 7, 8),
    ("made/alpaca_eval_form_concise.json", {}, 8, 7, 8),
]  # fmt: skip
ALONE = {"cvebench", "guess_number", "narrative_qa"}  # files that pair with no other
BANKS = {
    "xstest/xstest_prompts.csv": 450, "em-audit/questions.csv": 23,
    "prompts/donotanswer_misinformation_harms_first-50.jsonl": 50,
    "prompts/freshqa_v12182024_first-30.csv": 30, "prompts/inthewild_harmless-20.json": 20,
    "prompts/BFCL_v4_simple_python_first-10.json": 10,
    "prompts/BFCL_v4_multi_turn_base_first-5.json": 5, "prompts/writingbench_5.jsonl": 5,
    "made/openai_batch_input.jsonl": 7, "made/vllm_run_batch_input.jsonl": 7,
}  # fmt: skip
recorded = pytest.mark.skipif(not RECORDED.is_dir(), reason="no shared/data/recorded")


def scan(path, given):
    return scanned(Responses(path=str(RECORDED / path), **given).model_dump())


@recorded
@pytest.mark.parametrize(("path", "given", "rows", "prompts", "there"), RECORDINGS)
def test_every_recorded_file_is_read_alone(path, given, rows, prompts, there):
    found, report = scan(path, given)
    assert (report.rows, report.prompts, report.samples) == (rows, prompts, there)
    assert sum(report.missing.values()) == rows - there and len(found) == prompts


@recorded
def test_every_recorded_file_is_read_in_its_pair():
    paired = [entry for entry in RECORDINGS if not any(name in entry[0] for name in ALONE)]
    shared = {"m-ifeval/en_gpt-4o-mini-2024-07-18.jsonl": 192, "made/openai_batch_output.jsonl": 5}
    for base, intervention in zip(paired[::2], paired[1::2], strict=True):
        sides = {s: scan(*e[:2]) for s, e in zip(SIDES, (base, intervention), strict=True)}
        rows, report = prompts_of([], "messages", sides)
        assert report.prompts == shared.get(base[0], base[3]), base[0]
        assert sum(prompt.samples for prompt in rows) >= report.prompts


@recorded
def test_what_the_recorded_files_are_known_to_hold():
    missing = scan("made/openai_batch_output.jsonl", RECORDINGS[23][1])[1].missing
    assert missing == {
        "cut before its first word": 1,
        "This request could not be executed before the completion window expired.": 1,
    }
    assert scan("m-ifeval/en_o1-mini-2024-09-12.jsonl", {})[1].missing == {"null": 8}
    assert scan("made/two_columns.tsv", {"response": "model_b"})[1].empty == 1
    assert scan("made/two_columns.csv", {"response": "model_a"})[1].trimmed == 3
    with pytest.raises(BankError, match="no field is known as the prompt"):
        scan("model-diffing/sample_diffs.jsonl", {})
    with pytest.raises(BankError, match="no prompt, but `qid`"):
        scan("em-audit/judgments_anchor_bad.llama31.jsonl", {})


@recorded
@pytest.mark.parametrize("path", BANKS)
def test_every_recorded_file_of_prompts_is_a_bank(path):
    prompts, _ = build_bank([{"path": str(RECORDED / path)}])
    assert len(prompts) == BANKS[path]


@recorded
def test_a_bank_beside_recordings_keeps_what_they_answer():
    sides = {s: scan(*entry[:2]) for s, entry in zip(SIDES, RECORDINGS[:2], strict=True)}
    bank = {"path": str(RECORDED / "xstest" / "xstest_prompts.csv")}
    rows, report = prompts_of([bank], "messages", sides)
    assert len(rows) == 449 and report.unanswered == 1  # prompt 195 differs by a word
    completions = {"path": str(RECORDED / RECORDINGS[0][0])}
    assert len(prompts_of([completions], "messages", sides)[0]) == 450


# Public banks, where a checkout has them beside it


@pytest.mark.skipif(not (SHARED / "persona").is_dir(), reason="no shared/data/persona")
def test_the_persona_sample():
    source = {"path": SHARED / "persona", "format": "auto"}
    prompts, report = build_bank([source])
    assert len(report.categories) == 44
    assert report.prompts + report.duplicates == 44 * 60 and report.empty == 0
    assert all("following statement" in p.asked for p in prompts)
    assert len(build_bank([source | {"limit": 5}])[0]) <= 44 * 5


@pytest.mark.skipif(not (SHARED / "bold").is_dir(), reason="no shared/data/bold")
def test_the_bold_sample():
    prompts, report = build_bank([{"path": SHARED / "bold", "format": "auto"}])
    page = json.loads(next((SHARED / "bold").glob("*.json")).read_text(encoding="utf-8"))
    assert set(report.categories) == set(page)
    assert report.prompts + report.duplicates == sum(
        len(p) for d in page.values() for p in d.values()
    )
    assert all(p.asked == p.asked.strip() for p in prompts)
