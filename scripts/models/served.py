"""Decode draws on a server that speaks OpenAI's interface: vLLM, SGLang, llama.cpp, Ollama, ...

Each draw is a request of its own with a seed of its own. Whether a server gives the same text again
for the same seed is up to it; what was decoded is in the record cache and never asked for again.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any

import openai
from openai.types import Completion
from openai.types.chat import ChatCompletion

from scripts.core.errors import AuditError
from scripts.core.job import log
from scripts.draws.draw import Draw
from scripts.models.formatting import messages_of, plain_text
from scripts.servers.chat import open_client, post
from scripts.servers.credentials import quoted, server_key
from scripts.servers.pace import Busy, Concurrency, Unreachable, patiently

KEPT_EVERY = 2.0  # seconds; replies of so long are not in the cache when a job dies
MORE = ("min_p", "repetition_penalty", "presence_penalty", "frequency_penalty", "stop")
REMEDIES = {
    400: "`server.extra` adds fields to a request, or leaves one out that it sets to null",
    401: "check the key in the environment variable that `server.key_variable` names",
    403: "check what the key may do",
    404: "check `server.url` and `server.model`",
    422: "`server.extra` leaves out a field that it sets to null",
}


class Served:
    """An engine (decoder.Engine) that asks a server. server: its url, key_variable, concurrency
    and timeout in seconds, none of which changes what is sampled."""

    def __init__(self, server: Mapping[str, Any]):
        self.server = server

    def __call__(
        self,
        missing: Mapping[str, Draw],
        prompts: Mapping[str, Mapping[str, Any]],
        settings: Mapping[str, Any],
        seed: int,
    ) -> Iterator[dict[str, dict[str, Any]]]:
        """Records by key as they come.

        Raises AuditError when the server rejects a request or stays away; what came is given first.
        """
        with asyncio.Runner() as runner:
            key = server_key(self.server)
            client = open_client(self.server["url"], key, self.server["timeout"])
            concurrency = Concurrency(self.server["concurrency"])
            pending = {
                runner.get_loop().create_task(
                    self._record(client, concurrency, prompts[draw.prompt], settings,
                                 draw.number(seed)),
                    name=key,
                )
                for key, draw in missing.items()
            }  # fmt: skip
            began = time.monotonic()
            try:
                while pending:
                    done, pending = runner.run(
                        asyncio.wait(
                            pending, timeout=KEPT_EVERY, return_when=asyncio.FIRST_EXCEPTION
                        )
                    )
                    records = {t.get_name(): t.result() for t in done if not t.exception()}
                    seconds = round((time.monotonic() - began) / max(1, len(records)), 5)
                    if records:
                        yield {key: r | {"seconds": seconds} for key, r in records.items()}
                        began = time.monotonic()
                    for error in filter(None, (task.exception() for task in done)):
                        raise self._explained(error, settings) from error
            finally:
                runner.run(_end(pending, client))

    async def _record(self, client, concurrency, prompt, settings, number) -> dict[str, Any]:
        given, sampling = settings["server"], settings["sampling"]
        body = {
            "model": given["model"],
            "temperature": sampling["temperature"],
            "top_p": sampling["top_p"],
            "top_k": sampling["top_k"] or None,
            "max_tokens": sampling["max_new_tokens"],
            "seed": number,
            **{name: sampling[name] for name in MORE if name in sampling},
            **given["extra"],
        }
        if settings["chat_template"]:
            body["messages"] = messages_of(prompt, settings)
            path, kind = "/chat/completions", ChatCompletion
        else:
            body["prompt"] = plain_text(prompt, settings)
            path, kind = "/completions", Completion
        body = {name: value for name, value in body.items() if value is not None}
        answer = await patiently(lambda: post(client, path, kind, body), concurrency)
        choice = answer.choices[0]
        if choice.finish_reason == "content_filter":
            log.warning("the server withheld a reply; what it gave of it counts as the text")
        return {
            "text": (choice.message.content if kind is ChatCompletion else choice.text) or "",
            "tokens": answer.usage.completion_tokens if answer.usage else 0,
            "finished": choice.finish_reason != "length",
        }

    def _explained(self, error: BaseException, settings: Mapping[str, Any]) -> BaseException:
        """The sentence for what ended the work; other errors as they are."""
        who = f"the server {self.server['url']} (model `{settings['server']['model']}`)"
        if isinstance(error, openai.APIStatusError):
            said = quoted(error.message, server_key(self.server))
            remedy = REMEDIES.get(error.status_code, "see what it says")
            return AuditError(
                f"{who} rejected a request with {error.status_code}: {said!r}; {remedy}"
            )
        if isinstance(error, Busy):
            return AuditError(
                f"{who} keeps asking for fewer requests; lower `server.concurrency`, then run "
                "again: what was decoded is kept"
            )
        if isinstance(error, Unreachable):
            return AuditError(
                f"{who} does not answer: {error}; check `server.url` and the server's log, then "
                "run again: what was decoded is kept"
            )
        return error


async def _end(pending, client) -> None:
    """Cancel what is under way, then close the client that it uses."""
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    await client.close()
