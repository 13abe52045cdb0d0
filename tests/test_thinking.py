"""Subjects that are kept from thinking: what their templates and servers are told."""

from pathlib import Path

import pytest
import yaml
from conftest import read_lines, snakemake, tiny_config, write_config
from loopback import Loopback

from scripts.core.errors import AuditError
from scripts.models.subject import load_tokenizer, prompt_ids
from scripts.models.thinking import ARGUMENTS, request_fields, template_arguments, with_extra
from scripts.prompts.prompt import Prompt
from scripts.workflow.config import load

TURN = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant: "
SETTINGS = {
    "dtype": "float32", "system_prompt": None, "response_prefix": "", "trust_remote_code": False,
    "chat_template": True,
}  # fmt: skip
QWEN = (
    TURN + "{% if enable_thinking is defined and enable_thinking is false %}"
    "<think>\n\n</think>\n\n{% else %}<think>\n{% endif %}"
)


@pytest.mark.parametrize(
    ("template", "told"),
    [
        (QWEN, {"enable_thinking": False}),
        ("{%- set enable_thinking = enable_thinking | default(true) -%}{{ enable_thinking }}",
         {"enable_thinking": False}),
        ("{% generation %}{{ thinking }}{% endgeneration %}", {"thinking": False}),
        ("{{ thinking_budget }}", {"thinking_budget": 0}),
        ("{% macro system() %}{% if reasoning_effort is not defined %}"
         "{% set reasoning_effort = 'medium' %}{% endif %}{{ reasoning_effort }}{% endmacro %}"
         "{{ system() }}", {"reasoning_effort": "low"}),
        ("{{ reasoning_effort if reasoning_effort in ['none', 'high'] else 'none' }}",
         {"reasoning_effort": "none"}),
    ],
)  # fmt: skip
def test_what_keeps_a_template_from_thinking(template, told):
    assert template_arguments(template) == told


def test_a_template_that_knows_no_way_to_think_less_is_named():
    with pytest.raises(AuditError, match=r"reads none of `enable_thinking`, .*leave it out"):
        template_arguments(TURN + "<think>\n")


@pytest.mark.parametrize(
    ("url", "model", "told"),
    [
        ("http://localhost:8000/v1", "Qwen/Qwen3-8B", {"chat_template_kwargs": ARGUMENTS}),
        ("http://localhost:11434/v1", "qwen3", {"reasoning_effort": "none"}),
        ("https://api.deepseek.com/v1", "deepseek-chat", {"thinking": {"type": "disabled"}}),
        ("https://not-api.deepseek.com/v1", "m", {"chat_template_kwargs": ARGUMENTS}),
        ("https://open.bigmodel.cn/v4", "glm-5", {"thinking": {"type": "disabled"}}),
        ("http://gpu7:8000/v1", "openai/gpt-oss-20b", {"reasoning_effort": "low"}),
    ],
)
def test_what_a_server_is_told_is_known_by_its_address(url, model, told):
    assert request_fields(url, model) == told


def test_what_a_person_adds_to_requests_wins():
    told = request_fields("http://localhost:8000/v1", "m")
    both = with_extra(told, {"min_p": 0, "chat_template_kwargs": {"thinking": True, "day": "one"}})
    kept = {"enable_thinking": False, "thinking": True, "thinking_budget": 0, "day": "one"}
    assert both == {"min_p": 0, "chat_template_kwargs": kept}
    assert with_extra(told, {"chat_template_kwargs": None}) == {"chat_template_kwargs": None}


def test_a_loaded_subject_is_kept_from_thinking_by_its_template(tiny):
    tokenizer = load_tokenizer(Path(tiny["base"]), SETTINGS)
    tokenizer.chat_template = QWEN
    prompts = [Prompt("0" * 64, "Tell me about number 0.")]
    (thinks,) = prompt_ids(tokenizer, prompts, SETTINGS)
    (quiet,) = prompt_ids(tokenizer, prompts, SETTINGS | {"thinking": "off"})
    assert tokenizer.decode(thinks).endswith("<think>\n")
    assert tokenizer.decode(quiet).endswith("<think>\n\n</think>\n\n")
    tokenizer.chat_template = TURN
    with pytest.raises(AuditError, match="`thinking: off` does nothing"):
        prompt_ids(tokenizer, prompts, SETTINGS | {"thinking": "off"})


def test_thinking_off_is_said_as_yaml_has_it_and_once():
    def configured(**given):
        subject = {"model": "models/base", **given}
        return load({
            "subjects": {"thinker": subject},
            "banks": {"few": {"sources": [{"path": "few.txt"}]}},
            "audits": {"one": {"bank": "few", "base": "thinker", "intervention": {}}},
        }).subjects["thinker"]  # fmt: skip

    given = yaml.safe_load("{thinking: off, reasoning: off}")
    found = configured(**given)
    assert (found.thinking, found.reasoning) == ("off", "off")
    assert "thinking" not in configured().keyed(set(), {"thinking"})
    with pytest.raises(AuditError, match="`thinking: off` needs a chat template"):
        configured(thinking=False, chat_template=False)
    arguments = {"arguments": {"enable_thinking": True}}
    with pytest.raises(AuditError, match="argument `enable_thinking` say the same, or the opp"):
        configured(thinking=False, chat_template=arguments)


@pytest.mark.parametrize("obeys", [True, False])
def test_a_server_is_told_not_to_think_and_found_out_where_it_does(workspace, tiny, obeys):
    with Loopback(ponders=1.0, obeys=obeys) as server:
        config = tiny_config(tiny, intervention={"thinking": False})
        config["subjects"]["tiny"] = {
            "server": {"url": server.openai, "model": "thinker"},
            "sampling": {"max_new_tokens": 12},
        }
        write_config(workspace, config)
        done = snakemake(workspace, "--cores", "all", "--until", "decode", check=False)
    if not obeys:
        assert "32 of 32 replies hold thoughts in spite of `thinking: off`" in done.stdout
        assert done.returncode and not list(workspace.glob("results/decode/*"))
        return
    thoughts = {
        side: {row["thoughts"] is None for path in workspace.glob(f"results/decode/*/{side}/*/*/*")
               if path.suffix == ".jsonl" for row in read_lines(path)}
        for side in ("base", "intervention")
    }  # fmt: skip
    assert thoughts == {"base": {False}, "intervention": {True}}
