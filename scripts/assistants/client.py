"""All requests of a stage through one pool: cached, retried, as many at once as a provider takes.

A reply is in the record cache before anyone reads it, so that a killed run pays only for what was
under way, and a second one for nothing. What was spent is counted as from empty, cached replies
included, so that a budget ends an audit at the same request however often it was started.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from scripts.assistants.interactions import Got, Interactions, Place, id_of
from scripts.assistants.provider import Access, Connection, Reply, Request
from scripts.assistants.providers import access_of, connect
from scripts.assistants.replies import as_asked
from scripts.assistants.roles import Role, StageRoles
from scripts.assistants.servers_here import ServersHere
from scripts.assistants.usage import Amount, RoleUsage, Usage, notices_of_replies
from scripts.cache.journal import Journal
from scripts.cache.records import record_key
from scripts.core.errors import AuditError
from scripts.core.files import JsonObject
from scripts.core.job import log
from scripts.core.ledger import Ledger
from scripts.core.progress import progress
from scripts.core.rows import write_document
from scripts.servers.engines import Started
from scripts.servers.pace import ATTEMPTS, Busy, Concurrency, Unreachable, patiently

LOST_IN_A_ROW = 20  # requests given up one after the other, from which the provider counts as gone
PART = 0.5  # of what is left of the budget, for a stage that others come after
AT_ONCE = 1_000_000  # requests under way where they go in batches
CHARACTERS_A_TOKEN = 3.0  # few: what a request will cost is not to be underestimated

Parsed = TypeVar("Parsed")
Question = tuple[Request, Callable[[str], Parsed]]  # with what reads its reply


class BudgetSpent(Exception):
    """The next requests might exceed the budget; none of them was sent."""


class Unusable(ValueError):
    """A reply that does not say what was asked, with the reason."""


@dataclass(frozen=True)
class Answer(Generic[Parsed]):
    """What became of a request: "answered" with a value, "refused", "unparsable", "truncated" or
    "lost"; `mended` where the value came in another form than asked for; `id`: that of its last
    interaction."""

    outcome: str
    value: Parsed | None = None
    mended: bool = False
    id: str = ""

    @property
    def counted(self) -> str:
        """What it counts as among the replies of a model."""
        return ("clean", "mended")[self.mended] if self.outcome == "answered" else self.outcome


class Line:
    """A connection with what is known of it: how many requests it takes at once, and how many were
    lost in a row."""

    def __init__(self, access: Access, cache: Path, start: Callable[[], Started] | None):
        self.concurrency = Concurrency(AT_ONCE if access.batch else access.concurrency)
        self.lost = 0
        self._access, self._cache, self._start = access, cache, start
        self._connection = None if start else connect(access, cache)
        self._opening = asyncio.Lock()

    async def connection(self) -> Connection:
        """The connection; of a server that is to be started, once it answers."""
        async with self._opening:
            if self._connection is None:
                assert self._start is not None
                started = await asyncio.to_thread(self._start)
                access = replace(self._access, base_url=started.url, started=started)
                self._connection = connect(access, self._cache)
            return self._connection

    async def close(self) -> None:
        if self._connection:
            await self._connection.close()


@dataclass
class Batch:
    """What questions asked together may cost at most, second chances included, and have cost."""

    worst: Amount
    spent: Amount
    call: int


class Pool:
    """The assistant of one stage: a connection for each provider and address among its roles, and
    one budget over all of them.

    spent: the usage of the stages before (write_usage), which the budget covers; part: of what they
    left of the budget, how much this stage may spend; interactions: where all that is asked and
    answered is kept; servers: what starts those of its roles.
    `usage` counts by role the requests paid and those found in the cache, their tokens and US
    dollars, how many were tried again or given a second chance, and what became of them.
    """

    def __init__(
        self,
        roles: StageRoles,
        cache: Path,
        spent: Sequence[Usage] = (),
        part: float = 1.0,
        interactions: Interactions | None = None,
        servers: ServersHere | None = None,
    ):
        if servers is None and (served := [role for role in roles.asked if role.server]):
            raise AuditError(
                f"the assistant's {served[0].name} has a `server` that only the jobs of an audit "
                "start; give it a `base_url` here"
            )
        self._interactions, self._calls = interactions, 0
        self.usage: dict[str, RoleUsage] = {}
        self._lines = {
            access: Line(access, cache, servers.start_of(role) if servers else None)
            for role, access in ((role, access_of(role)) for role in roles.asked)
        }
        self._journal = Journal(cache / "replies")
        self._runner = asyncio.Runner()
        self._reserved = Amount()  # by what was asked and not waited for yet
        before = (used.amount for stage in spent for used in stage.roles.values())
        self.spent = sum(before, Amount())
        self.budget = roles.budget.limit
        self._limit = self.spent + (self.budget - self.spent).times(part)
        self._asked = 0
        self._bar = progress(None, "request", "assistant")

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *error) -> None:
        try:
            for line in self._lines.values():
                self._runner.run(line.close())
        finally:
            self._runner.close()
            self._journal.close()
            self._bar.close()
        for role, usage in self.usage.items():
            for notice in notices_of_replies(role, usage):
                log.warning(notice)

    def expect(self, requests: int) -> None:
        """Say that at most so many more requests come, for who waits for them; second chances are
        not among them."""
        self._bar.expect(max(requests, self._asked - self._bar.done))

    def ask(self, questions: Sequence[Question[Parsed]]) -> list[Answer[Parsed]]:
        """Ask all at once; each request comes with the function that reads its reply.

        The function raises Unusable for a reply that does not say what was asked; such a reply, and
        a refusal, gets one second chance. Answers come in the order of the questions. Raises
        BudgetSpent before anything is sent, and AuditError when the provider is gone or rejects.
        """
        return self.start(questions)()

    def start(self, questions: Sequence[Question[Parsed]]) -> Callable[[], list[Answer[Parsed]]]:
        """As `ask`, without waiting: that is what the function given does. Requests go on while
        any answers are waited for.

        Until it has been called, the budget counts these requests at their worst, so that what it
        covers depends on the order of the calls and not on who answers first.
        """
        self._calls += 1
        batch = Batch(self._worst([request for request, _ in questions]), Amount(), self._calls)
        if not self._affords(batch.worst):
            raise BudgetSpent
        self._reserved += batch.worst
        self._asked += len(questions)
        if self._asked > (self._bar.total or 0):
            self._bar.expect(self._asked - self._bar.done)
        task = self._runner.get_loop().create_task(self._ask_all(questions, batch))

        async def done() -> list[Answer[Parsed]]:
            return await task

        def answers() -> list[Answer[Parsed]]:
            try:
                return self._runner.run(done())
            except BaseExceptionGroup as several:  # one task's error has cancelled the others
                error = several.exceptions[0]
                raise error from error.__cause__
            finally:
                self._reserved -= batch.worst
                self.spent += batch.spent

        return answers

    async def _ask_all(
        self, questions: Sequence[Question[Parsed]], batch: Batch
    ) -> list[Answer[Parsed]]:
        keys = [self._key(request) for request, _ in questions]
        known = self._journal.get_many(keys)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._ask(question, key, known.get(key), batch, number))
                for number, (question, key) in enumerate(zip(questions, keys, strict=True))
            ]
        return [task.result() for task in tasks]

    async def _ask(
        self,
        question: Question[Parsed],
        key: str,
        record: JsonObject | None,
        batch: Batch,
        number: int,
    ) -> Answer[Parsed]:
        request, parse = question
        usage = self._usage_of(request.role)

        async def read(
            request: Request, key: str, record: JsonObject | None, again: bool
        ) -> tuple[Answer[Parsed], str | None]:
            got = await self._get(request, key, record, batch)
            answer, reason = _read(got.reply, request, parse)
            answer = replace(answer, id=id_of(request))
            if self._interactions:
                place = Place(batch.call, number, again)
                self._interactions.add(place, request, got, answer.id, answer.counted, reason)
            return answer, reason

        answer, reason = await read(request, key, record, False)
        if reason and self._affords(more := self._worst([again := _again(request, reason)])):
            usage.second_chances += 1
            self._reserved += more
            batch.worst += more
            key = self._key(again)
            answer, _ = await read(again, key, self._journal.get_many([key]).get(key), True)
        usage.count(answer.counted)
        return answer

    async def _get(
        self, request: Request, key: str, record: JsonObject | None, batch: Batch
    ) -> Got:
        """The reply from the cache's record, else from the provider."""
        usage = self._usage_of(request.role)
        if record is not None:
            reply = Reply.of_record(record)
        elif fetched := await self._fetch(request, usage):
            reply = fetched
            self._journal.add(key, reply.record)
        else:
            return Got(None)
        dollars = request.role.dollars(reply.input_tokens, reply.output_tokens)
        if record is not None:
            usage.cache_hits += 1
            usage.saved_input_tokens += reply.input_tokens
            usage.saved_output_tokens += reply.output_tokens
            usage.saved_dollars += dollars
        else:
            usage.requests += 1
            usage.input_tokens += reply.input_tokens
            usage.output_tokens += reply.output_tokens
            usage.dollars += dollars
        usage.count_without(reply.without)
        batch.spent += Amount(1, reply.input_tokens, reply.output_tokens, dollars)
        self._bar.update()
        return Got(reply, dollars, record is not None)

    async def _fetch(self, request: Request, usage: RoleUsage) -> Reply | None:
        def count() -> None:
            usage.retries += 1

        line = self._line(request.role)
        connection = await line.connection()
        try:
            reply = await patiently(lambda: connection.complete(request), line.concurrency, count)
        except (Busy, Unreachable) as error:
            line.lost += 1
            log.warning("a request was given up after %d attempts: %s", ATTEMPTS, error)
            if line.lost >= LOST_IN_A_ROW:
                raise AuditError(
                    f"the assistant ({request.role.identity}) does not answer: {error}; check "
                    "its `base_url` and the network, then run again: what was paid is kept"
                ) from None
            return None
        line.lost = 0
        return reply

    def _line(self, role: Role) -> Line:
        return self._lines[access_of(role)]

    def _usage_of(self, role: Role) -> RoleUsage:
        return self.usage.setdefault(role.name, RoleUsage(role.model, role.title))

    def _affords(self, more: Amount) -> bool:
        """Whether the budget covers this beside all that may still be under way."""
        return (self.spent + self._reserved + more).within(self._limit)

    def _worst(self, requests: Sequence[Request]) -> Amount:
        """With replies as long as allowed."""
        return sum(map(_at_most, requests), Amount())

    def _key(self, request: Request) -> str:
        return record_key("reply", request.role.identity, request.content())


def write_usage(path: str, ledger: Ledger, usage: Mapping[str, RoleUsage]) -> None:
    """Write what a job's assistant has used, by role; empty for the local assistant."""
    write_document(path, Usage(ledger.stage, ledger.call, dict(usage)))


def _at_most(request: Request) -> Amount:
    tokens = tokens_at_most(request), request.reply_tokens
    return Amount(1, *tokens, request.role.dollars(*tokens))


def tokens_at_most(request: Request) -> int:
    """Input tokens of a request, estimated from above."""
    written = len((request.system + request.prompt).encode()) + len(str(request.schema))
    return int(written / CHARACTERS_A_TOKEN) + 50


def _read(
    reply: Reply | None, request: Request, parse: Callable[[str], Parsed]
) -> tuple[Answer[Parsed], str | None]:
    """What became of a request, and why it deserves a second chance, if it does."""
    if reply is None:
        return Answer("lost"), None
    if reply.refused:
        return Answer("refused"), "the reply was withheld"
    clean = as_asked(reply.text, request.schema)
    if reply.truncated and not clean:  # what is whole in it may be a draft
        return Answer("truncated"), "it reached the limit of its tokens before it was whole"
    try:
        return Answer("answered", parse(reply.text), not clean), None
    except Unusable as error:
        return Answer("unparsable"), str(error)


def _again(request: Request, reason: str) -> Request:
    """The second chance of a request whose reply could not be used."""
    return replace(
        request,
        prompt=f"{request.prompt}\n\nAn earlier reply could not be used: {reason}. "
        "Reply with the JSON object alone.",
    )
