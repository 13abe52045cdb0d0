"""Prompts as subjects get them: templates, system messages, and how tokens are drawn besides."""

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import snakemake, tiny_config, write_config
from test_decode import GREEDY, SETTINGS, greedy

from scripts.cache.records import RecordCache
from scripts.core.errors import AuditError
from scripts.core.ledger import Ledger
from scripts.draws.draw import Draw
from scripts.models.decoder import decode, own_engine
from scripts.models.formatting import before_stop, messages_of, plain_text
from scripts.models.generation import generate
from scripts.models.sampler import choose
from scripts.models.subject import (
    embedded,
    load_model,
    load_tokenizer,
    pad_token,
    prompt_ids,
    require_embedded,
    stop_tokens,
)
from scripts.prompts.prompt import Prompt
from scripts.workflow.config import ConfigError, load
from scripts.workflow.keys import DigestIndex
from scripts.workflow.recipes import Recipes

TURNS = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
NO_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
)
PAIRS = (
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}{% endfor %}"
)
CHAT = [{"role": role, "content": role[0] * 3} for role in ("system", "user", "assistant", "user")]


@pytest.fixture(scope="module")
def loaded(tiny):
    folder = Path(tiny["base"])
    return load_model(folder, [], SETTINGS), load_tokenizer(folder, SETTINGS)


def formatted(tokenizer, template, prompt, **settings) -> str:
    tokenizer = copy.deepcopy(tokenizer)
    tokenizer.chat_template = template
    return tokenizer.decode(prompt_ids(tokenizer, [prompt], SETTINGS | settings)[0])


def test_a_template_without_a_system_role_gets_it_with_the_first_user_turn(loaded):
    _, tokenizer = loaded
    text = formatted(tokenizer, NO_SYSTEM + TURNS, Prompt("", "Hi."), system_prompt="Be brief.")
    assert text == "user: Be brief.\n\nHi.\n"
    text = formatted(tokenizer, NO_SYSTEM + TURNS, Prompt("", CHAT))
    assert text == "user: sss\n\nuuu\nassistant: aaa\nuser: uuu\n"
    assert formatted(tokenizer, TURNS, Prompt("", CHAT)).startswith("system: sss\n")


def test_a_template_that_fails_names_the_message(loaded):
    _, tokenizer = loaded
    twice = Prompt("", [*CHAT[1:3], {"role": "assistant", "content": "again"}, CHAT[3]])
    with pytest.raises(AuditError, match=r"roles must alternate.*the assistant message 'again'"):
        formatted(tokenizer, NO_SYSTEM + PAIRS + TURNS, twice)
    with pytest.raises(AuditError, match=r"cannot format a prompt.*'Hi\.'.*chat_template\.file"):
        formatted(tokenizer, "{% for %}", Prompt("", "Hi."))


def test_a_system_prompt_replaces_the_prompts_own():
    messages = messages_of(Prompt("", CHAT), {"system_prompt": "mine"})
    assert messages == [CHAT[0] | {"content": "mine"}, *CHAT[1:]]
    assert messages_of(Prompt("", CHAT), {"system_prompt": None}) == CHAT


def test_what_was_decoded_with_two_system_messages_is_not_taken_for_it(loaded, tmp_path, caplog):
    """Records of before keep their keys, unless a system prompt would now replace another."""
    plain = Draw("base", "explore", "a" * 64, 0)
    settings = SETTINGS | {"system_prompt": "x"}
    asked = []

    def engine(missing, *_):
        asked.append(list(missing))
        yield {key: {"text": "t", "tokens": 1, "finished": True, "seconds": 0} for key in missing}

    for prompt in (Prompt("", "Hi."), Prompt("", CHAT)):
        given = ([plain], {plain.prompt: replace(prompt, id=plain.prompt)}, settings, 0, engine)
        decode(*given, RecordCache(tmp_path / str(len(asked))), Ledger("decode", "test"))
    assert asked[0] == [plain.cache_key(settings["subject"], 0)] != asked[1]
    assert "replaces the system message of 1 prompts" in caplog.text


def test_a_prompt_template_holds_what_the_user_says_last():
    settings = {"system_prompt": None, "prompt_template": "<{prompt}> {x}"}
    assert plain_text(Prompt("", "a{b}"), settings) == "<a{b}> {x}"
    assert messages_of(Prompt("", CHAT), settings)[1:] == [
        *CHAT[1:3], CHAT[3] | {"content": "<uuu> {x}"},
    ]  # fmt: skip


def test_a_template_of_a_file_and_its_arguments(loaded, tiny):
    own = {"text": TURNS + "{{ 'no' if not thinking }}", "arguments": {"thinking": False}}
    settings = SETTINGS | {"chat_template": own}
    tokenizer = load_tokenizer(Path(tiny["base"]), settings)
    ids = prompt_ids(tokenizer, [Prompt("", "Hi.")], settings)
    assert tokenizer.decode(ids[0]) == "user: Hi.\nno"
    more = own | {"arguments": {"thinking": True}}
    ids = prompt_ids(tokenizer, [Prompt("", "Hi.")], settings | {"chat_template": more})
    assert tokenizer.decode(ids[0]) == "user: Hi.\n"


# Sampling


def test_penalties_decode_as_transformers_does(loaded):
    model, _ = loaded
    ids = [[5 + n, 6, 7 * n + 9] for n in range(5)]
    sampling = GREEDY | {"repetition_penalty": 1.7}
    found = {}
    for some in generate(model, ids, [[torch.zeros(16).numpy()]] * 5, sampling, {0}, 1, 3):
        found |= {prompt: reply.tokens for prompt, _, reply in some}
    for prompt, tokens in found.items():
        out = model.generate(
            torch.tensor([ids[prompt]]), do_sample=False, max_new_tokens=16, eos_token_id=0,
            repetition_penalty=1.7, attention_mask=torch.ones((1, 3), dtype=torch.long),
        )[0, 3:].tolist()  # fmt: skip
        assert tokens == out[: out.index(0) if 0 in out else None]
    assert list(found.values()) != greedy(model, ids, {0}, 1, 3)


@pytest.mark.parametrize("name", ["presence_penalty", "frequency_penalty"])
def test_penalties_keep_a_reply_from_repeating_itself(loaded, name):
    model, _ = loaded
    given = ([[5, 6]], [[torch.zeros(16).numpy()]])
    ((_, _, reply),) = next(generate(model, *given, GREEDY | {name: 1e6}, set(), 1, 1))
    assert len(set(reply.tokens)) == len(reply.tokens) == 16


def test_min_p_keeps_what_is_nearly_as_likely_as_the_first():
    logits = torch.log(torch.tensor([[0.4, 0.3, 0.2, 0.1]])).expand(2000, -1)
    numbers = torch.linspace(0, 1 - 1e-9, 2000, dtype=torch.float64)
    sampling = {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "min_p": 0.6}
    assert set(choose(logits, numbers, sampling).tolist()) == {0, 1}


def test_a_stop_string_ends_a_reply(loaded, tmp_path):
    draws = [Draw("base", "explore", "a" * 64, n) for n in range(8)]
    prompts = {"a" * 64: Prompt("a" * 64, "Hi")}

    def records(folder, **more):
        settings = SETTINGS | {"sampling": SETTINGS["sampling"] | more}
        given = (draws, prompts, settings, 0, own_engine(lambda: loaded, 4))
        return decode(*given, RecordCache(tmp_path / folder), Ledger("decode", "test"))

    whole, stop = records("a"), ["e", "xyz"]
    for before, after in zip(whole, records("b", stop=stop), strict=True):
        assert after["text"] == before_stop(before["text"], stop)
        cut = "e" in before["text"]
        assert after["finished"] == (cut or before["finished"])
        assert after["tokens"] <= before["tokens"]
    assert any("e" in record["text"] for record in whole)


def test_a_model_without_end_and_padding_decodes_to_the_limit(loaded, tmp_path, caplog):
    model, tokenizer = copy.deepcopy(loaded[0]), copy.deepcopy(loaded[1])
    tokenizer.eos_token = tokenizer.pad_token = None
    model.config.eos_token_id = model.generation_config.eos_token_id = None
    assert stop_tokens(model, tokenizer) == set() and pad_token(tokenizer, model) == 0
    draws = [Draw("base", "explore", n * 64, 0) for n in "ab"]
    prompts = {"a" * 64: Prompt("", "Hi"), "b" * 64: Prompt("", "A longer one.")}
    records = decode(draws, prompts, SETTINGS, 0, own_engine(lambda: (model, tokenizer), 4),
                     RecordCache(tmp_path), Ledger("decode", "test"))  # fmt: skip
    assert [record["tokens"] for record in records] == [16, 16]
    assert "names no token that ends a reply" in caplog.text


# Configuration


def subject_of(folder: Path, tiny, **given):
    write_config(folder, config := tiny_config(tiny, intervention={}))
    config["subjects"]["tiny"] |= given
    recipes = Recipes(load(config), folder, DigestIndex(folder / "digests.json"))
    return recipes.audits["small"].ancestor("measure").inputs["plan"].inputs["base"].settings


def test_only_what_is_set_is_in_the_key(workspace, tiny, monkeypatch):
    monkeypatch.chdir(workspace)
    plain = subject_of(workspace, tiny)
    assert set(plain["sampling"]) == {"temperature", "top_p", "top_k", "max_new_tokens"}
    assert "prompt_template" not in plain and plain["chat_template"] is True
    Path("one.jinja").write_text(TURNS)
    Path("two.jinja").write_text(TURNS)
    keys = [
        subject_of(workspace, tiny, **given)["subject"]
        for given in (
            {"sampling": {"max_new_tokens": 12, "min_p": 0.0, "stop": []}},
            {"sampling": {"max_new_tokens": 12, "stop": ["x"]}},
            {"prompt_template": "{prompt}"},
            {"chat_template": {"file": "one.jinja"}},
            {"chat_template": {"file": "two.jinja"}},
            {"chat_template": {"file": "one.jinja", "arguments": {"a": 1}}},
        )
    ]
    assert keys[0] == plain["subject"] and keys[3] == keys[4]
    assert len({*keys}) == len(keys) - 1


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"prompt_template": "nothing"}, "once"),
        ({"prompt_template": "{prompt}{prompt}"}, "once"),
        ({"chat_template": {"fil": "x"}}, "did you mean `file`"),
        ({"chat_template": {"file": "gone.jinja"}}, "`gone.jinja` cannot be read"),
        ({"model": None, "dtype": "auto", "server": {"url": "http://x", "model": "m"},
          "chat_template": {"arguments": {}}}, "chat_template_kwargs"),
        ({"sampling": {"min_p": 1}}, "min_p"),
        ({"sampling": {"stop": [""]}}, "stop"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(workspace, tiny, given, sentence):
    with pytest.raises(ConfigError, match=sentence):
        subject_of(workspace, tiny, **given)


def test_system_messages_that_are_replaced_are_counted(workspace, tiny):
    lines = [{"prompt": CHAT[:2]}, {"prompt": CHAT}, {"prompt": "Hello."}]
    (workspace / "bank.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    config = tiny_config(tiny, regions="category")
    config["banks"]["small"]["sources"] = [{"path": "bank.jsonl"}]
    write_config(workspace, config)
    out = snakemake(workspace, "-n", "--cores", "all").stdout
    assert "the intervention's `system_prompt` replaces the system message of 2 prompts" in out


def test_an_adapters_tokenizer_without_a_template_takes_the_models(loaded, tiny, tmp_path, caplog):
    """It is what the adapter was trained with where its folder has none."""
    adapter = tmp_path / "adapter"
    tokenizer = copy.deepcopy(loaded[1])
    tokenizer.chat_template = None
    tokenizer.save_pretrained(adapter)
    with caplog.at_level("INFO", logger="audit"):
        found = load_tokenizer(Path(tiny["base"]), SETTINGS, [adapter])
    assert found.chat_template == load_tokenizer(Path(tiny["base"]), SETTINGS).chat_template
    assert f"`{adapter}` has a tokenizer and no chat template: it is the model's" in caplog.text
    with pytest.raises(
        AuditError, match=r"adapter` has no chat template, nor has `\S+`; set `chat"
    ):
        load_tokenizer(tmp_path, SETTINGS, [adapter])
    bare = load_tokenizer(tmp_path, SETTINGS | {"chat_template": False}, [adapter])
    assert not bare.chat_template
    (adapter / "tokenizer.json").write_text("{")
    with pytest.raises(AuditError, match="with `tokenizer: base` its subject uses the model's"):
        load_tokenizer(Path(tiny["base"]), SETTINGS, [adapter])


def test_tokens_without_embeddings_are_named_and_none_pads(loaded):
    model, tokenizer = copy.deepcopy(loaded[0]), copy.deepcopy(loaded[1])
    tokenizer.add_special_tokens({"pad_token": "[NEW]"})
    assert tokenizer.pad_token_id == embedded(model) and pad_token(tokenizer, model) == 0
    require_embedded(model, tokenizer, [[3, 4]])
    with pytest.raises(
        AuditError, match=r"has a token `\[NEW\]` \(id \d+\), and the model has embed"
    ):
        require_embedded(model, tokenizer, [[3, 4], [5, tokenizer.pad_token_id]])
