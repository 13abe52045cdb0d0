"""Decode draws on a server that speaks OpenAI's interface: vLLM, SGLang, llama.cpp, Ollama, ...

Each draw is a request of its own with a seed of its own. Whether a server gives the same text again
for the same seed is up to it; what was decoded is in the record cache and never asked for again.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import openai
from openai.types import Completion
from openai.types.chat import ChatCompletion

from scripts.core.errors import AuditError
from scripts.core.files import JsonObject
from scripts.core.job import log
from scripts.draws.absence import Absence, absent
from scripts.draws.draw import Draw
from scripts.draws.record import DrawRecord
from scripts.models.answer import answered_by, record_of
from scripts.models.checkpoint import check_allowed
from scripts.models.formatting import messages_of, plain_text
from scripts.models.gguf import template_of_gguf
from scripts.models.reasoning import longest_reply, template_in
from scripts.models.settings import Patience, ServedSettings, ServerAccess
from scripts.models.thinking import engine_fields, request_fields, with_extra
from scripts.prompts.prompt import Prompt
from scripts.servers.adaptation import Adaptation
from scripts.servers.chat import open_client, post
from scripts.servers.credentials import quoted, server_key
from scripts.servers.devices import OwnDevices
from scripts.servers.engines import TRUSTING, command, fields
from scripts.servers.pace import Busy, Concurrency, TurnedAway, Unreachable, patiently
from scripts.servers.started import free_port, started

KEPT_EVERY = 2.0  # seconds; replies of so long are not in the cache when a job dies
MORE = ("min_p", "repetition_penalty", "presence_penalty", "frequency_penalty", "stop")
REMEDIES = {
    400: "`server.extra` adds fields to a request, or leaves one out that it sets to null",
    401: "check the key in the environment variable that `server.key_variable` names",
    403: "check what the key may do",
    404: "check `server.url` and `server.model`",
    422: "`server.extra` leaves out a field that it sets to null",
}
OF_A_PROMPT = (400, 403, 413, 422)  # statuses that may be about one prompt, or about all of them
HELLO = Prompt("", "Hello")  # a prompt that any server answers
TRIES = 6  # of that prompt, where the server fails on another: three were lost by chance
# What servers say of a prompt that is too long, which decides but how it is counted, and of a reply
# that ended before it answered.
TOO_LONG = ("context", "too long", "too large", "token", "length")
CUT = ("could not finish the message", "output limit was reached")


class Served:
    """An engine (decoder.Engine) that asks a server. server: its url, key_variable, concurrency
    and timeout in seconds, none of which changes what is sampled."""

    def __init__(self, server: ServerAccess):
        self.server = server

    def __call__(
        self,
        missing: Mapping[str, Draw],
        prompts: Mapping[str, Prompt],
        settings: ServedSettings,
        seed: int,
    ) -> Iterator[dict[str, DrawRecord]]:
        """Records by key as they come; a draw that has no answer is `absent`.

        Raises AuditError when the server rejects every request or stays away; what came is given
        first.
        """
        settings = _telling(settings, self.against_thinking(settings))
        with asyncio.Runner() as runner:
            key = server_key(self.server["url"], self.server["key_variable"])
            client = open_client(self.server["url"], key, self.server["timeout"])
            concurrency = Concurrency(self.server["concurrency"])
            questions = _Questions(client, concurrency, settings)
            runner.run(questions.look_who_answers())
            pending = {
                runner.get_loop().create_task(
                    questions.record(prompts[draw.prompt], draw.number(seed)), name=key
                )
                for key, draw in missing.items()
            }
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

    def against_thinking(self, settings: ServedSettings) -> JsonObject:
        """Fields of requests that keep the subject from thinking, where it shall not."""
        if settings.get("thinking") != "off":
            return {}
        return request_fields(self.server["url"], settings["server"]["model"])

    def _explained(self, error: BaseException, settings: ServedSettings) -> BaseException:
        """The sentence for what ended the work; other errors as they are."""
        who = f"the server {self.server['url']} (model `{settings['server']['model']}`)"
        if isinstance(error, TurnedAway):
            said = quoted(error.said, None)
            remedy = REMEDIES.get(error.status, "see what it says")
            return AuditError(f"{who} rejected a request with {error.status}: {said!r}; {remedy}")
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


class StartedHere:
    """An engine that starts a server for the draws that it is given, and ends it after them.

    access: concurrency and timeout of requests, and `start_within`, seconds; model, adapter: the
    folders that are served; log_file: for the server's own words; devices: that it may use.
    """

    def __init__(
        self,
        access: Patience,
        model: Path,
        adapter: Path | None,
        log_file: Path,
        devices: int = 1,
    ):
        self.access, self.model, self.adapter, self.log_file = access, model, adapter, log_file
        self.devices = devices

    def __call__(
        self,
        missing: Mapping[str, Draw],
        prompts: Mapping[str, Prompt],
        settings: ServedSettings,
        seed: int,
    ) -> Iterator[dict[str, DrawRecord]]:
        """As `Served`. Raises AuditError, too, when the server does not start."""
        told = _telling(settings, self.against_thinking(settings))
        server, port = told["server"], free_port()
        code = server.get("trust_remote_code", False)
        check_allowed(self.model, code, server.get("pickled_weights", False))
        given = {**server["arguments"], **self.access.get("files", {})}
        how = command(
            server["engine"], self.model.absolute(), self.adapter and self.adapter.absolute(), port,
            {**given, **TRUSTING} if code else given, self.devices,
        )  # fmt: skip
        with (
            OwnDevices() as own,
            started(
                how, port, self.log_file, self.access["start_within"],
                own.seen_by(given, self.devices),
            ) as url,
        ):  # fmt: skip
            access: ServerAccess = {
                "url": url, "key_variable": None,
                "concurrency": self.access["concurrency"], "timeout": self.access["timeout"],
            }  # fmt: skip
            asked = Served(access)
            more = fields(server["engine"], self.model, settings["sampling"]) | server["extra"]
            named: ServedSettings = {
                **told, "server": {**server, "model": how.name, "extra": more},
            }  # fmt: skip
            yield from asked(missing, prompts, named, seed)

    def against_thinking(self, settings: ServedSettings) -> JsonObject:
        """As `Served`, by the model's chat template. Raises AuditError where nothing is known."""
        if settings.get("thinking") != "off":
            return {}
        own = template_of_gguf if self.model.suffix == ".gguf" else template_in
        return engine_fields(own(self.model))


def _telling(settings: ServedSettings, against_thinking: JsonObject) -> ServedSettings:
    """A subject's settings with requests that say so."""
    server = settings["server"]
    extra = with_extra(against_thinking, server["extra"])
    return {**settings, "server": {**server, "extra": extra}, "thinking": "auto"}


class _Questions:
    """The requests of one job, and what they have shown of the server."""

    def __init__(self, client, concurrency: Concurrency, settings: ServedSettings):
        self.client, self.concurrency, self.settings = client, concurrency, settings
        self.adaptation = Adaptation()
        self.lock = asyncio.Lock()
        self.takes_others = False  # whether it has answered HELLO
        self.models: str | None = None
        self.absences: Counter[Absence] = Counter()

    async def look_who_answers(self) -> None:
        """Note what the server lists under the model's name, where it lists any."""
        try:
            listed = await self.client.with_options(timeout=10).models.list()
            entries = [entry.to_dict() for entry in listed.data]
        except (openai.OpenAIError, ValueError, TypeError, AttributeError):
            return
        self.models = answered_by(entries, self.settings["server"]["model"])

    async def record(self, prompt: Prompt, number: int) -> DrawRecord:
        """What the server answers to a draw, whose seed is `number`, or that it answers nothing.

        Raises TurnedAway, Busy or Unreachable where that is not the prompt's fault.
        """
        for last in (False, True):
            try:
                answer = await self._answer(prompt, number)
                break
            except TurnedAway as error:
                if any(words in error.said.lower() for words in CUT):
                    return self._absent(Absence.CUT, error)
                if error.status not in OF_A_PROMPT or not await self._answers_others():
                    raise
                return self._absent(_reason(error), error)
            except (Busy, Unreachable) as error:
                if not await self._answers_others(TRIES):
                    raise
                # Busy, it may have been by chance; but 429 is also what some say of long prompts.
                if last or isinstance(error, Unreachable):
                    return self._absent(Absence.FAILED, error)
        found = record_of(answer, self.settings)
        self._note_origin(found, answer)
        if found["text"] is None:
            self._count(Absence(found["reason"]), "")
        return found

    async def _answer(self, prompt: Prompt, number: int, attempts: int | None = None):
        path, kind, body = self._request(prompt, number)
        while True:
            sent = self.adaptation.applied(body)
            try:
                asked = partial(post, self.client, path, kind, sent)
                return await patiently(asked, self.concurrency, attempts=attempts)
            except TurnedAway as error:
                if not self.adaptation.learns(error, sent):
                    raise

    def _request(
        self, prompt: Prompt, number: int
    ) -> tuple[str, type[ChatCompletion] | type[Completion], JsonObject]:
        """Path, type of the answer, and body of a request."""
        given, sampling = self.settings["server"], self.settings["sampling"]
        body = {
            "model": given["model"],
            "temperature": sampling["temperature"],
            "top_p": sampling["top_p"],
            "top_k": sampling["top_k"] or None,
            "max_tokens": longest_reply(sampling, self.settings.get("reasoning")),
            "seed": number,
            **{name: value for name, value in sampling.items() if name in MORE},
            **given["extra"],
        }
        if self.settings["chat_template"]:
            body["messages"] = messages_of(prompt, self.settings)
        else:
            body["prompt"] = plain_text(prompt, self.settings)
        sent = {name: value for name, value in body.items() if value is not None}
        if self.settings["chat_template"]:
            return "/chat/completions", ChatCompletion, sent
        return "/completions", Completion, sent

    async def _answers_others(self, tries: int | None = None) -> bool:
        """Whether the server answers HELLO, so that what it has against a request is the prompt.
        Once is enough for requests that it turns away; whether it is still there (so many `tries`)
        is asked anew."""
        async with self.lock:
            if self.takes_others and tries is None:
                return True
            try:
                await self._answer(HELLO, 0, tries)
            except (TurnedAway, Busy, Unreachable):
                return False
            self.takes_others = True
            return True

    def _absent(self, why: Absence, error: Exception) -> DrawRecord:
        self._count(why, f": {error}")
        return absent(why)

    def _count(self, why: Absence, said: str) -> None:
        self.absences[why] += 1
        if self.absences[why] == 1:
            log.warning("a draw has no text (%s)%s", why, said)

    def _note_origin(self, record: DrawRecord, answer: ChatCompletion | Completion) -> None:
        """Note who answered, and what was not asked for as the settings say, where that is
        known."""
        asked = self.settings["server"]["model"]
        own = answer.model if answer.model != asked else None
        if own and own.startswith(("/", ".")):  # a folder of the server's machine
            own = None
        if by := " ".join(filter(None, [own, answer.system_fingerprint, self.models])):
            record["by"] = by
        if without := " ".join(sorted(self.adaptation.without)):
            record["without"] = without


def _reason(error: TurnedAway) -> Absence:
    """How a prompt that was turned away is counted."""
    told = any(words in error.said.lower() for words in TOO_LONG)
    return Absence.TOO_LONG if told or error.status == 413 else Absence.REJECTED


async def _end(pending, client) -> None:
    """Cancel what is under way, then close the client that it uses."""
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    await client.close()
