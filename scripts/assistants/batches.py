"""OpenAI's batch interface: requests go together in a file, are answered within a day, and cost
half.

A batch is known on disk before it is waited for. A job that was killed, wherever, takes up what it
had sent, and nothing is paid twice.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, Literal, TypeVar

import openai
from openai.types import Batch
from openai.types.chat import ChatCompletion

from scripts.assistants.openai import OpenAI
from scripts.assistants.provider import Access, Form, Rejected, Reply, Request
from scripts.core.digests import digest
from scripts.core.errors import AuditError
from scripts.core.files import JsonObject, read_json, write_json
from scripts.core.job import log
from scripts.servers.chat import fault
from scripts.servers.pace import Busy, Concurrency, TurnedAway, Unreachable, patiently

ENDPOINT: Final[Literal["/v1/chat/completions"]] = "/v1/chat/completions"
WINDOW: Final[Literal["24h"]] = "24h"  # in which the server answers
MOST = 50_000  # requests of a batch, and its bytes, which servers bound
LARGEST = 100 << 20
QUIET = 0.2  # seconds without a new request, after which those that wait are sent together
PAUSES = 2.0, 60.0  # seconds before the first look at a batch, and between later ones at most
SLOW = 600.0  # seconds that a file may take
ENDED = ("completed", "failed", "expired", "cancelled")

Result = TypeVar("Result")


@dataclass(frozen=True)
class Sent:
    """A batch as it lies on disk: the server's name for it, none until that is known, and the
    requests in it. `name` is what the server was told to find it by."""

    name: str
    identity: str
    requests: tuple[str, ...]
    batch: str | None = None


class Batches:
    """A connection whose requests go in batches: those that come together, and those that wait
    while they do. The first request of a kind goes alone at the usual price, to find the form in
    which the server takes them."""

    def __init__(self, access: Access, folder: Path):
        self._access, self._folder = replace(access, timeout=max(access.timeout, SLOW)), folder
        self._chat = OpenAI(self._access)
        self._alone = Concurrency(1)
        self._waiting: dict[str, tuple[bytes, asyncio.Future[ChatCompletion]]] = {}
        self._under_way: dict[str, asyncio.Future[ChatCompletion]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._collected: list[Path] = []
        self._taken_up: asyncio.Task[None] | None = None

    async def complete(self, request: Request) -> Reply:
        """Raises as any connection's. What a batch did not answer may be asked again."""
        if self._taken_up is None:
            self._taken_up = asyncio.create_task(self._take_up())
        await asyncio.shield(self._taken_up)
        if known := self._under_way.get(_name(request)):
            return await self._reply(known, request)
        return await self._chat.forms.ask(request, lambda form: self._ask(request, form))

    async def _ask(self, request: Request, form: Form) -> Reply:
        if not self._chat.forms.knows(request):
            return await self._chat.ask(request, form)
        name = _name(request)
        if name not in self._under_way:
            body = self._chat.body(request, form)
            line = {"custom_id": name, "method": "POST", "url": ENDPOINT, "body": body}
            future = asyncio.get_running_loop().create_future()
            self._under_way[name] = future
            self._waiting[name] = (json.dumps(line).encode() + b"\n", future)
            if len(self._waiting) == 1:
                self._start(self._send_soon())
        return await self._reply(self._under_way[name], request)

    async def _reply(self, future: asyncio.Future[ChatCompletion], request: Request) -> Reply:
        try:
            answer = await asyncio.shield(future)
        except TurnedAway as error:
            return self._chat.turned_away(error)
        return self._chat.reply(answer, request.model)

    async def close(self) -> None:
        """Batches whose replies were all read are forgotten."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for file in self._collected:
            file.unlink(missing_ok=True)
        await self._chat.close()

    # Sending

    async def _send_soon(self) -> None:
        """Send what waits, once no more comes."""
        known = 0
        while known < len(self._waiting):
            known = len(self._waiting)
            await asyncio.sleep(QUIET)
        waiting, self._waiting = self._waiting, {}
        for part in _parts(waiting):
            sent = Sent(digest(sorted(part)), self._access.identity, tuple(part))
            lines = b"".join(waiting[name][0] for name in part)
            self._start(self._send(sent, lines))

    async def _send(self, sent: Sent, lines: bytes) -> None:
        with self._failing(sent):
            self._write(sent)  # before anything is paid
            file = await self._patiently(
                lambda: self._client.files.create(file=("requests.jsonl", lines), purpose="batch")
            )
            attempted = False

            async def create() -> Batch:
                nonlocal attempted
                if attempted and (known := await self._find(sent.name)):
                    return known  # the answer to the attempt before was lost
                attempted = True
                return await self._client.batches.create(
                    input_file_id=file.id,
                    endpoint=ENDPOINT,
                    completion_window=WINDOW,
                    metadata={"name": sent.name},
                )

            try:
                batch = await self._patiently(create)
            except (Busy, Unreachable) as error:
                raise self._unsure(error) from None
            log.info("batch %s: %d requests sent", batch.id, len(sent.requests))
            await self._collect(replace(sent, batch=batch.id))

    async def _find(self, name: str) -> Batch | None:
        """The batch that the server was told this name of."""
        async for batch in self._client.batches.list(limit=100):
            if (batch.metadata or {}).get("name") == name:
                return batch
        return None

    # Taking up and collecting

    async def _take_up(self) -> None:
        """What jobs before have sent is waited for, not sent again."""
        for file in sorted(self._folder.glob("*.json")):
            sent = Sent(**read_json(file))
            sent = replace(sent, requests=tuple(sent.requests))
            if sent.identity != self._access.identity:
                continue
            if sent.batch is None:  # killed between asking for it and knowing it
                found = await self._patiently(partial(self._find, sent.name))
                if found is None:
                    file.unlink(missing_ok=True)
                    continue
                sent = replace(sent, batch=found.id)
            log.info("batch %s: %d requests are under way already", sent.batch, len(sent.requests))
            for name in sent.requests:
                self._under_way[name] = asyncio.get_running_loop().create_future()
            self._start(self._collect(sent))

    async def _collect(self, sent: Sent) -> None:
        """Wait for a batch, and give its replies to whoever waits for them."""
        with self._failing(sent):
            self._write(sent)
            try:
                batch = await self._ended(str(sent.batch))
            except Rejected as error:
                if error.status != 404:
                    raise
                self._collected.append(self._file(sent))  # too old: the server keeps it no longer
                raise Unreachable(str(error)) from None
            answers = [
                answer
                for file in (batch.output_file_id, batch.error_file_id)
                if file
                for answer in await self._patiently(partial(self._answers, file))
            ]
            self._collected.append(self._file(sent))
            if batch.status == "failed":
                errors = (batch.errors.data if batch.errors else None) or []
                said = "; ".join(error.message or "" for error in errors)
                raise self._access.rejected(400, said or "the batch failed")
            for name, result in answers:
                self._settle(name, result)
            for name in sent.requests:  # of a batch that ended early
                self._settle(name, Unreachable(f"the batch {batch.id} has {batch.status}"))

    async def _ended(self, name: str) -> Batch:
        pause, most = PAUSES
        while True:
            try:
                batch = await self._patiently(lambda: self._client.batches.retrieve(name))
            except (Busy, Unreachable) as error:
                raise self._unsure(error) from None
            if batch.status in ENDED:
                return batch
            await asyncio.sleep(pause)
            pause = min(most, 1.5 * pause)

    def _unsure(self, error: Exception) -> AuditError:
        """What may be under way is not sent again: it might be paid twice."""
        return AuditError(
            f"the assistant ({self._access.identity}) does not say what became of a batch: "
            f"{error}; run again, and it is taken up"
        )

    async def _answers(self, file: str) -> list[tuple[str, ChatCompletion | Exception]]:
        content = await self._client.files.content(file)
        return [_answer(json.loads(line)) for line in content.text.split("\n") if line.strip()]

    # What several need

    @property
    def _client(self) -> openai.AsyncOpenAI:
        return self._chat.client

    def _file(self, sent: Sent) -> Path:
        return self._folder / f"{sent.name[:32]}.json"

    def _write(self, sent: Sent) -> None:
        write_json(self._file(sent), asdict(sent))

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _settle(self, name: str, result: ChatCompletion | Exception) -> None:
        future = self._under_way.get(name)
        if future is None or future.done():
            return
        if isinstance(result, ChatCompletion):
            future.set_result(result)
            return
        del self._under_way[name]  # so that it may be asked again
        future.set_exception(result)
        future.exception()  # nobody may wait for it

    @contextmanager
    def _failing(self, sent: Sent) -> Iterator[None]:
        """A block whose error goes to those who wait for the requests of a batch."""
        try:
            yield
        except Exception as error:
            for name in sent.requests:
                self._settle(name, error)

    async def _patiently(self, call: Callable[[], Awaitable[Result]]) -> Result:
        async def attempt() -> Result:
            try:
                return await call()
            except openai.APIStatusError as error:
                raise fault(error.status_code, error.message) from None
            except (openai.APIError, ValueError) as error:
                raise Unreachable(type(error).__name__) from None

        try:
            return await patiently(attempt, self._alone)
        except TurnedAway as error:
            raise self._access.rejected(error.status, error.said) from None


def _name(request: Request) -> str:
    """What a request is called in a batch: by its content alone."""
    return digest("batch", request.content())[:40]


def _parts(waiting: Mapping[str, tuple[bytes, object]]) -> Iterator[list[str]]:
    """Requests by as many as one batch may hold."""
    part: list[str] = []
    size = 0
    for name, (line, _) in waiting.items():
        if part and (len(part) == MOST or size + len(line) > LARGEST):
            yield part
            part, size = [], 0
        part.append(name)
        size += len(line)
    yield part


def _answer(row: JsonObject) -> tuple[str, ChatCompletion | Exception]:
    """A line of what came back: which request it answers, and the answer or why there is none."""
    response, error = row.get("response") or {}, row.get("error") or {}
    status, body = response.get("status_code"), response.get("body") or {}
    if status == 200 and body.get("choices"):
        return row["custom_id"], ChatCompletion.model_validate(body)
    said = error.get("message") or str(body.get("error") or body or "no answer")
    if not isinstance(status, int) or status == 200:
        return row["custom_id"], Unreachable(said)
    return row["custom_id"], fault(status, said)
