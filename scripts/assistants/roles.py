"""Who does what of an assistant's work: the model in each role, how it is asked, and which roles a
stage has.

The configuration resolves into these (workflow/assistant_sections.py). What decides replies is in
the settings of a stage, hence in its key; how a model is reached is not.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, ClassVar, Final, Literal, NamedTuple, TypeAlias, TypeVar

from typing_extensions import TypedDict

from scripts.assistants.prices import AskedModel, Price, periods_of, price_of
from scripts.assistants.usage import Amount
from scripts.core.errors import AuditError
from scripts.core.files import JsonObject
from scripts.core.settings import SETTINGS, settings_as

if TYPE_CHECKING:
    from scripts.core.files import Json
else:
    from pydantic import JsonValue as Json

LOCAL: Final = "local"  # in place of a stage's roles: no language model is asked
KeyedRoles: TypeAlias = JsonObject  # of a stage, as its settings have them (`read_roles`)
Escalate = Literal["auto", "band", "never"]
Decide = Literal["first", "majority"]


@dataclass(frozen=True)
class RoleServer:
    """A server that a stage's job starts for a role: engine, model, arguments and what it allows as
    of served subjects; how many seconds it may take until it answers; and what stands for it in
    keys and caches, made of engine, arguments and the model's content ("" until that is looked
    up)."""

    engine: str
    model: str
    revision: str | None
    arguments: Mapping[str, Json]
    start_within: float = 1800.0
    identity: str = ""
    trust_remote_code: bool = False
    pickled_weights: bool = False
    __pydantic_config__: ClassVar = SETTINGS


class Reach(TypedDict):
    """How a role is reached, which never changes a reply: the environment variable of its key, a
    file of prices that goes before the known ones, requests under way at most, seconds a request
    may take, whether batches are asked, and the server that is started for it."""

    key_variable: str | None
    prices: str | None
    concurrency: int
    timeout: float
    batch: bool
    server: JsonObject | None


@dataclass(frozen=True)
class Role:
    """A model in one role.

    name: "author", "judge 1", "cheap", "themes"; base_url: the address, None for the provider's
    own; structured: whether the server knows JSON schemas; token_limit: what it calls the limit of
    a reply; extra: fields put into each request; label: what tells judges of one model apart;
    server: what a job starts for it, where there is no address. It, what
    follows and `key_variable` are of its `Reach`.
    """

    __pydantic_config__: ClassVar = SETTINGS

    name: str
    provider: str
    model: str
    base_url: str | None = None
    key_variable: str | None = None
    temperature: float | None = 0.0
    structured: bool = True
    token_limit: str = "max_tokens"
    thinking_tokens: int = 0
    extra: Mapping[str, Json] | None = None
    label: str = ""
    server: RoleServer | None = None
    prices: str | None = None
    concurrency: int = 32
    timeout: float = 60.0
    batch: bool = False

    @property
    def identity(self) -> str:
        """Who answers: the provider and, where it is not the provider's own, the address; or what
        the server that is started serves."""
        if self.server:
            return f"started {self.server.identity}"
        return f"{self.provider} {self.base_url or ''}".strip()

    @property
    def title(self) -> str:
        """What it is called where it says something, and what its coins are drawn by."""
        return self.label or self.model

    @property
    def keyed(self) -> JsonObject:
        """What of it decides replies."""
        reach = Reach.__annotations__
        found = {name: value for name, value in asdict(self).items() if name not in reach}
        # A name of a variable was in keys before; nothing stands in its place.
        return found | {"key_variable": None, "server": self.server and self.server.identity}

    @property
    def reach(self) -> Reach:
        """What of it only says how it is reached."""
        return {
            "key_variable": self.key_variable,
            "prices": self.prices,
            "concurrency": self.concurrency,
            "timeout": self.timeout,
            "batch": self.batch,
            "server": asdict(self.server) if self.server else None,
        }

    @property
    def unpriced(self) -> bool:
        """Whether its requests cost what no table says; those to one's own server cost nothing."""
        return self.server is None and self.price is None

    def same_as(self, other: "Role") -> bool:
        """Whether both are one model that is asked in one way."""
        own, others = (role.keyed | {"name": "", "label": ""} for role in (self, other))
        return own == others

    @property
    def price(self) -> Price | None:
        """Today's price of its model; None where no table names it, and for one's own server."""
        return None if self.server else price_of(self.asked, self.prices)

    @property
    def asked(self) -> AskedModel:
        """What its price depends on."""
        return AskedModel(self.model, self.provider, self.base_url, self.batch)

    def dollars(self, input_tokens: float, output_tokens: float) -> float:
        """What so many tokens cost; nothing where the model has no price."""
        price = self.price
        return price.of(input_tokens, output_tokens) if price else 0.0


@dataclass(frozen=True)
class Budget:
    """What an audit's assistant may cost over all stages; None is no limit."""

    __pydantic_config__: ClassVar = SETTINGS
    usd: float | None = None
    requests: int | None = None

    @property
    def limited(self) -> bool:
        return self.usd is not None or self.requests is not None

    @property
    def limit(self) -> Amount:
        """The most that it allows."""
        allowed, dollars = (math.inf if n is None else n for n in (self.requests, self.usd))
        return Amount(allowed, math.inf, math.inf, dollars)


@dataclass(frozen=True)
class StageRoles:
    """What a stage is given of the assistant."""

    __pydantic_config__: ClassVar = SETTINGS
    budget: Budget

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles of the stage, each once."""
        found: list[Role] = []
        for field in fields(self):
            value = getattr(self, field.name)
            found += [value] if isinstance(value, Role) else []
            found += value if isinstance(value, tuple) else ()
        return tuple(found)

    @property
    def asked(self) -> tuple[Role, ...]:
        """The roles that the stage asks."""
        return self.roles

    def servers(self) -> list[RoleServer]:
        """The servers that are started for these, each once."""
        return list({r.server.identity: r.server for r in self.asked if r.server}.values())

    def with_servers(self: "Of", identity: Callable[[RoleServer], str]) -> "Of":
        """As it is, with what stands for each server."""

        def known(value: Json) -> Json:
            if isinstance(value, Role) and value.server:
                return replace(value, server=replace(value.server, identity=identity(value.server)))
            return tuple(map(known, value)) if isinstance(value, tuple) else value

        return replace(self, **{f.name: known(getattr(self, f.name)) for f in fields(self)})

    def settings(self) -> KeyedRoles:
        """What of it decides the outcome: prices, too, where a budget in dollars ends an audit by
        them. Raises AuditError naming a file of prices that cannot be read."""
        found = {field.name: _keyed(getattr(self, field.name)) for field in fields(self)}
        known = {role.name: periods_of(role.asked, role.prices) for role in self.roles}
        if self.budget.usd is not None:
            found["prices"] = {
                name: [
                    {"from": str(p.since), "input": p.input, "output": p.output} for p in periods
                ]
                for name, periods in known.items()
            }
        return found

    def reach(self) -> dict[str, Reach]:
        """How each role is reached, by its name."""
        return {role.name: role.reach for role in self.roles}


@dataclass(frozen=True)
class ProposeRoles(StageRoles):
    """Who writes hypotheses, or prompts."""

    author: Role


@dataclass(frozen=True)
class Panel:
    """How several judges are heard: whose verdicts decide the claims, the first one's or those of
    the majority; and where it is the first one's, on which share of its prompts the others are
    asked what it was asked."""

    __pydantic_config__: ClassVar = SETTINGS
    decide: Decide = "first"
    share: float = 0.25


@dataclass(frozen=True)
class ScreenRoles(StageRoles):
    """Who eliminates hypotheses; who will judge, and reads a few prompts, too; and who writes again
    on what nothing explains, if anybody does."""

    cheap: Role
    judges: tuple[Role, ...]
    panel: Panel | None = None
    author: Role | None = None

    @property
    def asked(self) -> tuple[Role, ...]:
        deciding = deciding_of(self.judges, self.panel)
        return (self.cheap, *deciding, *((self.author,) if self.author else ()))


@dataclass(frozen=True)
class ConfirmRoles(StageRoles):
    """Who judges the claims, chooses placebos and goes first in a cascade (`cheap`), and names
    themes; and how, as the configuration says."""

    judges: tuple[Role, ...]
    cheap: Role
    themes: Role
    escalate: Escalate = "auto"
    price_ratio: float = 6.0
    rate_prompts: int = 12
    panel: Panel | None = None


def deciding_of(judges: Sequence[Role], panel: Panel | None) -> tuple[Role, ...]:
    """The judges whose verdicts decide the claims."""
    majority = panel is not None and panel.decide == "majority"
    return tuple(judges if majority else judges[:1])


def shares_read(judges: Sequence[Role], panel: Panel | None) -> list[tuple[Role, float]]:
    """Each judge with the share that it reads of the pairs on which claims are decided."""
    first, *others = judges
    of_others = panel.share if panel and panel.decide == "first" else 1.0
    return [(first, 1.0), *((other, of_others) for other in others)]


class OfStages(NamedTuple):
    """What each stage is given of an audit's assistant."""

    propose: ProposeRoles
    screen: ScreenRoles
    confirm: ConfirmRoles


ROLES_OF: dict[str, type[StageRoles]] = {
    "write": ProposeRoles, "propose": ProposeRoles, "screen": ScreenRoles, "probe": ProposeRoles,
    "confirm": ConfirmRoles,
}  # fmt: skip
Of = TypeVar("Of", bound=StageRoles)


def read_roles(kind: type[Of], keyed: KeyedRoles, access: Mapping[str, Reach]) -> Of:
    """The roles of a stage, from its settings and from what no key contains. Raises AuditError,
    naming the field, where these are not what it has."""

    def whole(value: Json) -> Json:
        if _many(value):
            return [whole(part) for part in value]
        if isinstance(value, Mapping) and "provider" in value:
            if value.get("name") not in access:
                raise AuditError(f"no `access` says how the role `{value.get('name')}` is reached")
            return {**value, **access[value["name"]]}
        return value

    given = {name: whole(value) for name, value in keyed.items() if name != "prices"}
    return settings_as(kind, given, "assistant")


def _keyed(value: Json) -> Json:
    if isinstance(value, Role):
        return value.keyed
    if isinstance(value, Budget | Panel):
        return asdict(value)
    return [_keyed(part) for part in value] if _many(value) else value


def _many(value: Json) -> bool:
    return isinstance(value, list | tuple)
