"""How a subject that thinks is kept from it (`thinking: off`): what its chat template or its server
is told; no torch."""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from scripts.core.errors import AuditError
from scripts.core.files import Json, JsonObject
from scripts.draws.absence import Absence
from scripts.draws.record import DrawRecord
from scripts.models.formatting import parsed_template

# Arguments of chat templates, as they are where a model shall not think; the first that a template
# reads counts.
ARGUMENTS: JsonObject = {
    "enable_thinking": False,  # Qwen3, GLM from 4.5 on, SmolLM3, Hunyuan
    "thinking": False,  # DeepSeek from V3.1 on, Granite, Kimi
    "thinking_budget": 0,  # Seed-OSS
}
EFFORT = "reasoning_effort"  # none where a template knows that; gpt-oss always thinks, low is least
# What hosted models take, by the end of the address's host.
DISABLED = {"thinking": {"type": "disabled"}}
OF_HOSTS: dict[str, JsonObject] = {
    "api.openai.com": {EFFORT: "none"},
    "generativelanguage.googleapis.com": {EFFORT: "none"},
    "openrouter.ai": {"reasoning": {"effort": "none"}},
    "api.deepseek.com": DISABLED,
    "bigmodel.cn": DISABLED,
    "api.z.ai": DISABLED,
    "aliyuncs.com": {"enable_thinking": False},
}
OLLAMA = 11434  # its port; it passes over arguments for templates
# Any other: vLLM, SGLang, llama.cpp and `transformers serve` hand these to the template, which
# passes over what it does not know.
TO_TEMPLATE = "chat_template_kwargs"
STILL = 0.5  # share of a job's replies with thoughts at which a server is said not to obey


def template_arguments(template: str) -> JsonObject:
    """What keeps a chat template's model from thinking. Raises AuditError where nothing is known
    to."""
    from jinja2 import meta

    read = meta.find_undeclared_variables(parsed_template(template))
    for name, value in ARGUMENTS.items():
        if name in read:
            return {name: value}
    if EFFORT in read:
        return {EFFORT: "none" if re.search("['\"]none['\"]", template) else "low"}
    raise AuditError(
        f"`thinking: off` does nothing, since the chat template reads none of "
        f"{', '.join(f'`{name}`' for name in (*ARGUMENTS, EFFORT))}; leave it out (thoughts are "
        "told apart from answers), or give a template that writes an empty thought "
        "(`chat_template.file`)"
    )


def request_fields(url: str, model: str) -> JsonObject:
    """What requests to a server at an address say to keep a model from thinking."""
    if "gpt-oss" in model.lower():
        return {EFFORT: "low"}
    at = urlsplit(url)
    for host, fields in OF_HOSTS.items():
        if f".{at.hostname}".endswith(f".{host}"):
            return fields
    return {EFFORT: "none"} if at.port == OLLAMA else {TO_TEMPLATE: {**ARGUMENTS}}


def engine_fields(template: str) -> JsonObject:
    """What requests say to a server that was started here with a model of this chat template.
    Raises AuditError as `template_arguments`."""
    told = template_arguments(template)
    # vLLM and SGLang write prompts of gpt-oss without its template.
    return {TO_TEMPLATE: told} | {name: told[name] for name in told if name == EFFORT}


def with_extra(fields: Mapping[str, Json], extra: Mapping[str, Json]) -> JsonObject:
    """Fields of a request with those that a person adds, which win; arguments of a template are
    put together."""
    told, added = fields.get(TO_TEMPLATE), extra.get(TO_TEMPLATE)
    both = {TO_TEMPLATE: {**told, **added}} if told and added else {}
    return {**fields, **extra, **both}


def require_quiet(records: Sequence[DrawRecord], told: Mapping[str, Json]) -> None:
    """Raise AuditError when most replies of a server have thoughts in spite of what it was told,
    unless that was to think little."""
    thinking = sum(map(_thinks, records))
    if told.get(EFFORT) != "low" and thinking > STILL * len(records):
        raise AuditError(
            f"{thinking} of {len(records)} replies hold thoughts in spite of `thinking: off`: the "
            "server does not know what it was told; say how it is turned off in `server.extra`, or "
            "leave `thinking` out"
        )


def _thinks(record: DrawRecord) -> bool:
    return bool(record.get("thoughts")) or record.get("reason") == Absence.CUT
