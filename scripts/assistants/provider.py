"""What every provider of a language model offers: it answers a request with a reply, or says why
it did not. One module a provider; providers.py lists them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, TypeAlias

from scripts.assistants.roles import Role
from scripts.core.errors import AuditError
from scripts.core.files import JsonObject
from scripts.core.job import log
from scripts.servers.credentials import quoted
from scripts.servers.engines import Started

Schema: TypeAlias = Mapping[str, object]  # a JSON schema
Form = Literal["json_schema", "json_object", "none"]
FORMS: tuple[Form, ...] = ("json_schema", "json_object", "none")
NOT_THIS_FORM = (400, 422)  # statuses with which servers turn a form of reply away


@dataclass(frozen=True)
class Request:
    """One question to the model in a role. `kind` says what for, `schema` is the JSON schema of the
    reply and `reply_tokens` the most that may be written, thinking included."""

    kind: str
    role: Role
    system: str
    prompt: str
    schema: Schema
    reply_tokens: int

    @property
    def model(self) -> str:
        return self.role.model

    def content(self) -> JsonObject:
        """All that, with who answers, determines the reply; not which role asks."""
        told = {
            "kind": self.kind,
            "model": self.role.model,
            "system": self.system,
            "prompt": self.prompt,
            "schema": self.schema,
            "reply_tokens": self.reply_tokens,
            "temperature": self.role.temperature,
        }
        return told | ({"extra": self.role.extra} if self.role.extra else {})


@dataclass(frozen=True)
class Reply:
    """What came back and what it cost; `refused` when the provider withheld the text, `truncated`
    when it ended at the limit of its tokens. thoughts: where the server tells them apart; without:
    fields that the model does not take, whose own default stood in for what was asked."""

    text: str
    input_tokens: int
    output_tokens: int
    refused: bool = False
    truncated: bool = False
    thoughts: str | None = None
    without: tuple[str, ...] = ()

    @classmethod
    def of_record(cls, record: JsonObject) -> "Reply":
        """From the record cache, which has what came later only where it is set."""
        return cls(**{**record, "without": tuple(record.get("without", ()))})

    @property
    def record(self) -> JsonObject:
        """As the record cache has it."""
        later = {"thoughts": self.thoughts, "without": list(self.without)}
        given = {name: value for name, value in vars(self).items() if name not in later}
        return given | {name: value for name, value in later.items() if value}


class Rejected(AuditError):
    """A request that the provider will never accept as it is, with the status that said so."""

    def __init__(self, sentence: str, status: int):
        super().__init__(sentence)
        self.status = status


class Forms:
    """In which form to ask for a reply: the best one that the server takes from a model.

    The first request of its kind tries them, best first, while others wait; what is turned away
    costs nothing, and the reply that is given in the end is that request's own. The form found is
    kept as long as the connection.
    """

    def __init__(self, structured: bool):
        self._allowed = FORMS if structured else FORMS[-1:]
        self._found: dict[tuple[str, str], Form] = {}
        self._trial = asyncio.Lock()

    def knows(self, request: Request) -> bool:
        """Whether the form for requests like this one is found."""
        return (request.model, request.kind) in self._found

    async def ask(self, request: Request, attempt: Callable[[Form], Awaitable[Reply]]) -> Reply:
        """The reply to an attempt in the form found, or in the first form that is not rejected."""
        of_kind = request.model, request.kind
        if of_kind not in self._found:
            async with self._trial:
                if of_kind not in self._found:
                    return await self._tried(of_kind, attempt)
        return await attempt(self._found[of_kind])

    async def _tried(
        self, of_kind: tuple[str, str], attempt: Callable[[Form], Awaitable[Reply]]
    ) -> Reply:
        for form in self._allowed:
            try:
                reply = await attempt(form)
            except Rejected as error:
                if error.status not in NOT_THIS_FORM or form == self._allowed[-1]:
                    raise
                log.info("%s; its next form of replies is tried", error)
            else:
                self._found[of_kind] = form
                return reply
        raise AssertionError("the last form is returned or raised")


class Connection(Protocol):
    """A connection to one provider. Each attempt is one call; trying again is the pool's task."""

    async def complete(self, request: Request) -> Reply:
        """Raise Busy, Unreachable, or AuditError for what trying again cannot mend."""

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Access:
    """What a connection is opened with: who answers, the address, None for the provider's own, the
    key, and as in `Role` whether the server knows JSON schemas, what it calls the limit of a reply,
    seconds a request may take, and requests under way at most. Roles that agree share one. started:
    how a server that a job has started is asked, once it is."""

    provider: str
    identity: str
    base_url: str | None
    key: str
    structured: bool
    token_limit: str
    timeout: float
    concurrency: int
    batch: bool = False
    started: Started | None = None

    def rejected(self, status: int, said: str) -> Rejected:
        """The sentence for a request that the provider will never accept; some quote the key in
        it."""
        said = quoted(said, self.key)
        who = f"the assistant ({self.identity})"
        remedy = REMEDIES.get(status, "see what it says")
        return Rejected(f"{who} rejected a request with {status}: {said!r}; {remedy}", status)


REMEDIES = {
    400: "see what it says; `extra` leaves out a field that it sets to null, and `structured: "
    "false` helps servers without JSON schemas",
    401: "check the key in the environment",
    403: "check what the key may do",
    404: "check `model` (or `models`) and `base_url`",
    422: "`extra` leaves out a field that it sets to null, and `structured: false` helps servers "
    "without JSON schemas",
}


class Models(NamedTuple):
    """The models of a provider that are asked unless an audit names others."""

    cheap: str
    strong: str


@dataclass(frozen=True)
class Provider:
    """One provider; `open` imports what it needs, since the table is read without it.

    key_variable: the environment variable of its key; key_shape: what its keys look like, as a
    regular expression, so that no archive holds one; models: None where an audit has to name them;
    extra: the fields that `extra` of a role may add, None for any; open_batches: how its batch
    interface is opened, given a folder for what it has sent, None where it has none.
    """

    name: str
    key_variable: str
    key_shape: str
    models: Models | None
    open: Callable[[Access], Connection]
    open_batches: Callable[[Access, Path], Connection] | None = None
    extra: tuple[str, ...] | None = None
