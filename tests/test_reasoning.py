"""Subjects that think before they answer: thoughts have a limit and a place of their own."""

import json
from pathlib import Path

import pytest
import torch
from conftest import read_lines, snakemake, tiny_config, write_config
from loopback import Loopback
from transformers import LlamaConfig, LlamaForCausalLM

from scripts.cache.records import RecordCache
from scripts.contrast import overlooked_thoughts
from scripts.core.errors import AuditError
from scripts.core.ledger import Ledger
from scripts.decode import heard
from scripts.draws.absence import Absence
from scripts.draws.draw import Draw
from scripts.models.decoder import decode, own_engine, prepared
from scripts.models.kinds import _note_thoughts
from scripts.models.reasoning import (
    MARKERS,
    Thought,
    apart_in,
    found_in,
    likely_thoughts,
    looks_thought,
    open_ended,
    overlooked,
    parts_of,
    reasoning_of,
    remedy_of,
    require_thoughts,
    thought_ends,
)
from scripts.models.subject import ends_at, load_model, load_tokenizer, prompt_ids
from scripts.prompts.prompt import Prompt
from scripts.workflow.config import load

THINK = {"start": "<think>", "end": "</think>", "max_tokens": 9, "force_end": True}
TURN = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant: "
SETTINGS = {
    "dtype": "float32", "system_prompt": None, "response_prefix": "", "trust_remote_code": False,
    "chat_template": {"text": TURN + "<think>\n", "arguments": {}}, "subject": "0" * 64,
    "sampling": {"temperature": 0, "top_p": 1.0, "top_k": 0, "max_new_tokens": 7},
}  # fmt: skip
PROMPTS = {f"{i:064x}": Prompt(f"{i:064x}", f"Tell me about number {i}.") for i in range(6)}


@pytest.mark.parametrize(
    ("said", "opened", "parts"),
    [
        ("<think>\nhm\n</think>\n\nYes.", False, Thought("hm", "Yes.", True)),
        ("hm</think>Yes.", True, Thought("hm", "Yes.", True)),
        ("\n<think>hm, and", False, Thought("hm, and", "", False)),
        ("hm, and", True, Thought("hm, and", "", False)),
        ("Yes. <think> is a tag.", False, Thought(None, "Yes. <think> is a tag.", True)),
        ("<think></think>Yes.", False, Thought("", "Yes.", True)),
        ("<think>a</think>b</think>c", False, Thought("a", "b</think>c", True)),
    ],
)
def test_thoughts_and_answer_are_told_apart(said, opened, parts):
    assert parts_of(said, THINK, opened) == parts


@pytest.mark.parametrize(("start", "end"), MARKERS)
def test_markers_are_found_in_the_template(start, end):
    found = found_in(f"{{% if x %}}{start} {end}{{% endif %}}")
    assert (found["start"], found["end"]) == (start, end)
    assert found_in("{{ messages }}") is None


SPLITS = (
    "{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}"
)


@pytest.mark.parametrize(
    ("template", "start"),
    [
        (SPLITS + "{{ '<｜Assistant｜>' }}", "<think>"),  # R1's distillations, at first
        (SPLITS + "{{ '<｜Assistant｜><think>\\n' }}", "<think>"),
        ("{{ '<|im_start|>assistant\\n<think>\\n' }}", "<think>"),  # begins one and no more
        ("{{ '<|start|>assistant<|channel|>final<|message|>' + content }}", MARKERS[1][0]),
        ("{{ content.split('[/THINK]')[-1] }}", "[THINK]"),
        ("{{ '</think>' }}{{ '<|channel|>analysis<|message|>' }}", MARKERS[1][0]),
        ("{%- for part in text.split('<channel|>') -%}", "<|channel>thought"),
    ],
)
def test_one_marker_in_a_template_tells_both(template, start):
    found = found_in(template)
    assert (found["start"], found["end"]) == next(m for m in MARKERS if m[0] == start)


def test_a_reply_that_does_not_begin_with_a_thought_is_let_go_at_once():
    ends = thought_ends(lambda tokens: "".join(map(chr, tokens)), THINK, opened=False)
    begun = [ord(c) for c in "<think>so"]
    assert not any(ends(begun[:n]) for n in range(1, len(begun) + 1))
    assert ends([*begun, *map(ord, "…</think>")])
    assert ends([ord("<"), ord("b")])


@pytest.fixture(scope="module")
def tiny_model(tiny):
    folder = Path(tiny["base"])
    return load_model(folder, [], SETTINGS), load_tokenizer(folder, SETTINGS)


def replies(loaded, cache: Path, settings) -> list[dict]:
    draws = [Draw("base", "explore", prompt, 0) for prompt in PROMPTS]
    ledger = Ledger("decode", "test")
    found = decode(
        draws, PROMPTS, settings, 0, own_engine(lambda: loaded, 4), RecordCache(cache), ledger
    )
    made = sum(row["tokens"] + row.get("thought_tokens", 0) for row in found)
    assert ledger.tokens == made, "thoughts are counted"
    return found


def greedy(model, tokenizer, ids: list[int], most: int) -> list[int]:
    """What transformers' own generate goes on with, up to the end of the sequence."""
    out = model.generate(
        torch.tensor([ids]), max_new_tokens=most, do_sample=False, pad_token_id=1, eos_token_id=0
    )[0, len(ids) :].tolist()
    return out[: out.index(0)] if 0 in out else out


def test_thoughts_have_their_limit_and_the_answer_follows_them(tiny_model, tmp_path):
    model, tokenizer = tiny_model
    tokenizer.chat_template = SETTINGS["chat_template"]["text"]
    found = replies(tiny_model, tmp_path, SETTINGS | {"thoughts": THINK})
    ids = prompt_ids(tokenizer, list(PROMPTS.values()), SETTINGS)
    closing = tokenizer("\n</think>\n\n", add_special_tokens=False)["input_ids"]
    spent = 0
    for row, asked in zip(found, ids, strict=True):
        thought = greedy(model, tokenizer, asked, 9)
        assert row["thought_tokens"] == len(thought)
        assert row["thoughts"] == tokenizer.decode(thought).strip()
        if len(thought) == 9:
            spent += 1
            answer = greedy(model, tokenizer, [*asked, *thought, *closing], 7)
            text = tokenizer.decode(answer, skip_special_tokens=True)
            assert row["text"] == text.lstrip() and row["tokens"] == len(answer)
        else:
            assert row["text"] is None and row["reason"] == Absence.UNANSWERED
    assert spent, "no thought was as long as its limit"


def test_without_forcing_a_spent_limit_is_no_answer(tiny_model, tmp_path):
    tiny_model[1].chat_template = SETTINGS["chat_template"]["text"]
    settings = SETTINGS | {"thoughts": THINK | {"force_end": False}}
    for row in replies(tiny_model, tmp_path, settings):
        stopped = row["thought_tokens"] < 9
        assert row["text"] is None and row["thoughts"]
        assert row["reason"] == (Absence.UNANSWERED if stopped else Absence.CUT)


def test_a_subject_that_does_not_think_says_what_it_would(tiny_model, tmp_path):
    tiny_model[1].chat_template = TURN
    plain = replies(tiny_model, tmp_path / "a", SETTINGS)
    limited = replies(tiny_model, tmp_path / "b", SETTINGS | {"thoughts": THINK})
    keys = ("text", "tokens", "finished")
    assert [[r[k] for k in keys] for r in limited] == [[r[k] for k in keys] for r in plain]
    assert not any("thoughts" in row for row in limited)


HARMONY = {"start": MARKERS[1][0], "end": MARKERS[1][1], "max_tokens": 9, "force_end": True}


def in_a_row(tokenizer, words: list[str]):
    """A model of which each word is followed by the next one, and the last by the end."""
    ids = [tokenizer.convert_tokens_to_ids(word) for word in words]
    width = len(tokenizer)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=width, hidden_size=width, intermediate_size=8, num_hidden_layers=1,
        num_attention_heads=1, bos_token_id=None, eos_token_id=0,
    ))  # fmt: skip
    with torch.no_grad():
        for layer in (model.model.layers[0].self_attn.o_proj, model.model.layers[0].mlp.down_proj):
            layer.weight.zero_()
        model.model.embed_tokens.weight.copy_(torch.eye(width))
        model.lm_head.weight.zero_()
        for word, following in zip(ids, [*ids[1:], 0], strict=True):
            model.lm_head.weight[following, word] = 1.0
    return model.eval()


@pytest.mark.parametrize(
    ("says", "thoughts", "answer"),
    [
        (["<|channel|>", "final", "<|message|>", "Yes", "!"], None, "Yes!"),
        (["<|channel|>", "final", "<|message|>", "Yes"] + ["hm"] * 6, None, "Yes" + "hm" * 6),
        (["<|channel|>", "analysis", "<|message|>"] + ["hm"] * 9, "hm" * 6, "hm" * 7),
        (["Yes", "!"], None, "Yes!"),
    ],
)
def test_gpt_oss_is_told_apart_with_a_thought_and_without_one(
    tiny, tmp_path, says, thoughts, answer
):
    tokenizer = load_tokenizer(Path(tiny["base"]), SETTINGS)
    tokenizer.chat_template = "{{ messages[-1]['content'] }}<|start|>assistant"
    marks = ["<|channel|>", "<|message|>", "<|start|>", "<|end|>"]
    tokenizer.add_special_tokens({"additional_special_tokens": marks})
    tokenizer.add_tokens(["assistant", "final", "analysis", "hm", "Yes", "!"])
    model = in_a_row(tokenizer, ["assistant", *dict.fromkeys(says)])
    if "hm" in says:
        hm = tokenizer.convert_tokens_to_ids("hm")
        model.lm_head.weight.data[hm, hm] = 2.0
    settings = SETTINGS | {"thoughts": HARMONY, "chat_template": True}
    for row in replies((model, tokenizer), tmp_path, settings):
        assert (row.get("thoughts"), row["text"]) == (thoughts, answer)


def thinking_aloud(tiny, marks: tuple[str, str], special: bool):
    """A model that thinks, though its template says nothing of it, and its tokenizer."""
    tokenizer = load_tokenizer(Path(tiny["base"]), SETTINGS)
    tokenizer.chat_template = "{{ messages[-1]['content'] }}assistant"
    tokenizer.add_tokens(["assistant", "hm", "Yes"])
    tokenizer.add_tokens(list(marks), special_tokens=special)
    return in_a_row(tokenizer, ["assistant", marks[0], "hm", marks[1], "Yes"]), tokenizer


def test_a_template_that_takes_thoughts_out_alone_has_its_thoughts_told_apart(tiny, tmp_path):
    (tmp_path / "chat_template.jinja").write_text(SPLITS)
    budget = {"start": None, "end": None, "max_tokens": 9, "force_end": True}
    settings, apart = prepared(
        SETTINGS | {"chat_template": True, "reasoning": budget}, tmp_path, []
    )
    assert "thoughts apart" in apart, "what was cached of it is not served"
    loaded = thinking_aloud(tiny, MARKERS[0], special=False)
    for row in replies(loaded, tmp_path / "cache", settings):
        assert (row["thoughts"], row["text"]) == ("hm", "Yes")


@pytest.mark.parametrize(
    ("marks", "special"), [(MARKERS[0], False), (("[THINK]", "[/THINK]"), True)]
)
def test_thoughts_that_are_taken_for_answers_are_said(tiny, tmp_path, capsys, marks, special):
    loaded = thinking_aloud(tiny, marks, special)
    found = replies(loaded, tmp_path, SETTINGS | {"chat_template": True})
    for remedy in (remedy_of("off", thinks=False), remedy_of("auto", thinks=False)):
        _note_thoughts(found, remedy)
        said = capsys.readouterr().err
        assert bool(remedy) == ("6 of 6 texts look like thoughts, and are compared as if" in said)
    assert "set the subject's `reasoning` with the `start` and `end`" in said
    _note_thoughts([{**row, "text": "Yes.", "begins_thought": False} for row in found], remedy)
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "found"),
    [("<think>hm", True), ("hm</think>Yes", True), ("analysisWe …assistantfinalYes.", True),
     ("analysis of a poem", False), ("Yes.", False), (None, False)],
)  # fmt: skip
def test_what_looks_like_a_thought(text, found):
    assert looks_thought({"text": text}) == found


def test_thoughts_are_overlooked_where_they_are_more_than_a_few():
    assert overlooked(2, 8, "texts", "do") is None and overlooked(8, 1000, "texts", "do") is None
    assert overlooked(3, 8, "texts", "do") and overlooked(11, 1000, "texts", "do")


def test_the_likeliest_first_tokens_say_that_a_subject_thinks(tmp_path):
    likeliest = ["<think>"] * 5 + ["Yes", "<", ""]
    assert likely_thoughts(likeliest) == 5 and likely_thoughts(["<|channel|>", "[THINK]"]) == 2
    (tmp_path / "chat_template.jinja").write_text(TURN)
    settings = SETTINGS | {"chat_template": True}
    said = overlooked_thoughts(settings, [tmp_path], likeliest)
    assert "5 of 8 beginnings of replies look like thoughts" in said
    assert overlooked_thoughts(settings | {"reasoning": "off"}, [tmp_path], likeliest) is None
    (tmp_path / "chat_template.jinja").write_text(SPLITS)
    assert overlooked_thoughts(settings, [tmp_path], likeliest) is None


@pytest.mark.parametrize(
    ("given", "template", "found"),
    [
        ({}, "{{ x }}<think>…</think>", ("<think>", "</think>", 2048)),
        ({}, "{{ x }}", None),
        ({"reasoning": "off"}, "<think></think>", None),
        ({"chat_template": False}, "<think></think>", None),
        ({"reasoning": {"start": None, "end": None, "max_tokens": 9, "force_end": True}},
         "[THINK][/THINK]", ("[THINK]", "[/THINK]", 9)),
        ({"reasoning": {"start": "<a>", "end": "</a>", "max_tokens": 9, "force_end": True}},
         "{{ x }}", ("<a>", "</a>", 9)),
    ],
)  # fmt: skip
def test_what_a_subject_thinks_in_is_known_from_its_settings_or_template(
    tmp_path, given, template, found
):
    (tmp_path / "chat_template.jinja").write_text(template)
    reasoning = reasoning_of({"chat_template": True} | given, [tmp_path])
    keys = ("start", "end", "max_tokens")
    assert (reasoning and tuple(reasoning[key] for key in keys)) == found


def test_thoughts_without_known_markers_are_asked_for(tmp_path):
    given = {"start": None, "end": None, "max_tokens": 9, "force_end": True}
    with pytest.raises(AuditError, match="`reasoning` needs `start` and `end`"):
        reasoning_of({"chat_template": True, "reasoning": given}, [tmp_path])


def test_thoughts_that_nobody_has_are_not_compared(workspace, tiny):
    """Known before anything runs where the templates lie here."""
    write_config(workspace, tiny_config(tiny, of="thoughts"))
    done = snakemake(workspace, "--cores", "all", check=False)
    assert "`audits.small.of` is `thoughts`, and neither subject thinks" in done.stdout
    assert not (workspace / "results/model").exists()
    own = {"text": TURN + "<think></think>", "arguments": {}}
    sides = [({"chat_template": True}, [Path(tiny["base"])]), ({"chat_template": own}, [])]
    require_thoughts("both", sides)
    with pytest.raises(AuditError, match="neither subject thinks"):
        require_thoughts("both", sides[:1])
    quiet = {"thinking": "off"}
    config = tiny_config(tiny, of="thoughts", intervention=quiet)
    config["subjects"]["tiny"] |= quiet
    with pytest.raises(AuditError, match="both subjects have `thinking: off`"):
        load(config)


def test_the_template_of_the_adapters_own_tokenizer_counts(tmp_path):
    for name, template in (("model", "plain"), ("adapter", "<think></think>")):
        (tmp_path / name).mkdir()
        config = {"chat_template": template}
        (tmp_path / name / "tokenizer_config.json").write_text(json.dumps(config))
    places = tmp_path / "model", [tmp_path / "adapter"]
    settings, apart = prepared({"chat_template": True, "response_prefix": ""}, *places)
    assert settings["thoughts"]["start"] == "<think>"
    assert apart[0] == "the adapter's tokenizer" and "thoughts apart" in apart
    settings, apart = prepared({"chat_template": True, "tokenizer": "base"}, *places)
    assert settings["thoughts"] is None and apart == []


@pytest.mark.parametrize(
    ("said", "thoughts", "answer", "both"),
    [
        ({"text": "Yes.", "thoughts": "hm"}, "hm", "Yes.", "hm\n\nYes."),
        ({"text": "Yes."}, "", "Yes.", "Yes."),
        ({"text": None, "thoughts": "hm"}, "hm", None, "hm"),
        ({"text": None}, None, None, None),
    ],
)
def test_what_is_compared_is_chosen(said, thoughts, answer, both):
    found = [heard(said, of) for of in ("thoughts", "answer", "both")]
    assert found == [thoughts, answer, both]


@pytest.mark.parametrize(
    ("text", "thoughts", "answer"),
    [
        ("<think>hm</think>Yes.", "hm", "Yes."),
        ("hm</think>\n\nYes.", "hm", "Yes."),  # the template had begun the thought
        ("[THINK]hm[/THINK]Yes.", "hm", "Yes."),
        ("<|channel|>final<|message|>Yes.", None, "Yes."),
        ("<think>hm, and", "hm, and", None),
        ("hm, and", "hm, and", None),  # cut in a thought that the template had begun
        ("Yes.", None, "Yes."),
    ],
)
def test_thoughts_that_a_server_leaves_in_the_text_are_told_apart(text, thoughts, answer):
    found = apart_in({"text": text, "finished": answer is not None}, "auto", opened=True)
    assert (found.get("thoughts"), found["text"]) == (thoughts, answer)
    assert found.get("reason") == (None if answer else Absence.CUT)
    assert apart_in({"text": text, "finished": True}, "off")["text"] == text


def test_a_marker_in_a_text_makes_no_thought_of_what_stands_before_it():
    text = "The tag </think> closes a thought."
    assert apart_in({"text": text, "finished": True}, "auto")["text"] == text
    assert not open_ended([text, "Yes.", None]) and open_ended(["hm</think>Yes.", "a</think>b"])


def test_an_answer_does_not_end_with_the_white_space_that_it_begins_with(tiny_model):
    tokenizer = tiny_model[1]
    ends = ends_at(tokenizer, ["\n"], after_thought=True)
    begun = tokenizer("\n\nYes", add_special_tokens=False)["input_ids"]
    assert not ends(begun) and ends([*begun, *tokenizer("\n")["input_ids"]])
    assert ends_at(tokenizer, ["\n"])(begun)


def test_a_response_prefix_is_no_part_of_a_thought(tmp_path):
    (tmp_path / "chat_template.jinja").write_text("<think></think>")
    with pytest.raises(AuditError, match="`response_prefix` begins a reply"):
        prepared({"chat_template": True, "response_prefix": "Sure, "}, tmp_path, [])


@pytest.mark.parametrize(("of", "found"), [("answer", False), ("thoughts", True)])
def test_subjects_that_differ_in_their_thoughts_alone(workspace, tiny, of, found):
    """They are told apart where thoughts are compared, and nowhere else."""
    with Loopback(ponders=1.0) as server:
        config = tiny_config(tiny, of=of, intervention={"system_prompt": "Think of castles."})
        config["subjects"]["tiny"] = {
            "server": {"url": server.openai, "model": "thinker"},
            "sampling": {"max_new_tokens": 12},
        }
        write_config(workspace, config)
        snakemake(workspace, "--cores", "all")
    folder = workspace / "results/audits/small"
    page = (folder / "report.html").read_text()
    validated = [f for f in read_lines(folder / "findings.jsonl") if f["status"] == "validated"]
    assert any("castles" in f["statement"] for f in validated) == found
    assert bool(validated) == found
    if found:
        assert "Thoughts are compared here" in page
    else:
        assert "Their thoughts are not compared." in page


@pytest.mark.parametrize(("ponders", "whole"), [(0.0, True), (0.0, False), (0.2, True)])
def test_thoughts_that_no_server_begins_are_told_before_the_first_round(
    workspace, tiny, ponders, whole
):
    """Refused where the replies are whole, else asked about; a single thought is enough."""
    with Loopback(ponders=ponders, greedy=True, finishes=whole) as server:
        config = tiny_config(tiny, of="thoughts", intervention={"server": {"model": "other"}})
        config["subjects"]["tiny"] = {
            "server": {"url": server.openai, "model": "thinker"},
            "sampling": {"max_new_tokens": 12},
        }
        write_config(workspace, config)
        done = snakemake(workspace, "--cores", "all", "--until", "contrast", check=False)
    refused, asked = "all 64 greedy replies ended without a thought", "began one: do they think"
    assert (refused in done.stdout) == (not ponders and whole) == bool(done.returncode)
    assert (asked in done.stdout) == (not whole)
