"""Section of the configuration: an audit's assistant, its roles, and what each stage is given."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import Field, model_validator

from scripts.assistants import roles
from scripts.assistants.providers import PROVIDERS
from scripts.assistants.roles import (
    LOCAL,
    ConfirmRoles,
    OfStages,
    Panel,
    ProposeRoles,
    Role,
    RoleServer,
    ScreenRoles,
)
from scripts.servers.engines import ENGINES
from scripts.workflow.kinds.started import idle
from scripts.workflow.section import VARIABLE, Section, shorthand

if TYPE_CHECKING:  # names from tables are for pydantic alone
    Provider: TypeAlias = str
    Engine: TypeAlias = str
else:
    Provider, Engine = Literal[LOCAL, *PROVIDERS], Literal[*ENGINES]

Tier = Literal["cheap", "strong"]
# What a role at another address does not take from the block around it.
PLACES = ("provider", "base_url", "server")
OF_AN_ADDRESS = (*PLACES, "key_variable", "structured", "token_limit", "extra", "batch")
ANYWHERE = ("temperature", "thinking_tokens", "prices", "concurrency", "timeout")
OURS = ("model", "messages", "response_format", "stream", "n")  # never in `extra`


class Models(Section):
    """The two models of an assistant; the same name twice uses one."""

    cheap: str | None = None
    """Of the role `cheap`; none is the provider's default."""
    strong: str | None = None
    """Of the other roles; none is the provider's default."""


class Budget(Section):
    """What an audit's assistant may cost; hypotheses that it does not cover are reported as
    untested. Draws have budgets of their own: `measure.budget` and `confirm.draws`."""

    usd: float | None = Field(None, gt=0)
    """US dollars over all stages, cached replies counted as if paid; every model needs a price."""
    requests: int | None = Field(None, ge=1)
    """Requests over all stages, cached replies counted too."""


class StartedServer(Section):
    """A server that the jobs of a stage start for a role and end with them, on their machine."""

    engine: Engine
    """Program that is started: vLLM, SGLang, llama.cpp's server, `transformers serve`."""
    model: str = Field(min_length=1)
    """What it serves: a local directory or GGUF file, or a hub id with `revision`, behind which a
    GGUF file may be named (`lab/name/file.gguf`); llama.cpp loads such a file as it is."""
    revision: str | None = Field(None, min_length=1)
    """Commit, branch or tag of a hub model; `snakemake lock` looks up once which commit a name
    is."""
    trust_remote_code: bool = False
    """Allow the model's own Python code to run; only for a model that you name and trust."""
    pickled_weights: bool = False
    """Allow weights in pickles (`.bin`), where there are no safetensors; only from whom you trust.
    The engine reads them in its own way."""
    arguments: dict[str, str | int | float | bool] = {}
    """Arguments for the program by their long names, `{max-model-len: 8192}`; true sets a flag.
    They are in the key."""
    start_within: float = Field(1800, gt=0)
    """Seconds until it must answer."""

    @model_validator(mode="after")
    def _nothing_idle(self):
        if sentence := idle(self):
            raise ValueError(sentence)
        return self


class Asked(Section):
    """How a language model is reached and asked."""

    provider: Provider = LOCAL
    """`local` needs no key and is deterministic; the others ask models: `openai` those of any
    server that speaks its protocol, at `base_url` or started here."""
    base_url: str | None = None
    """Address of the server, such as `http://localhost:8000/v1`; none is the provider's own."""
    server: StartedServer | None = None
    """A server that each job starts for itself, in place of an address and a key."""
    key_variable: str | None = Field(None, pattern=VARIABLE)
    """Environment variable that holds the key; none is the provider's own."""
    temperature: float | None = Field(0.0, ge=0, le=2)
    """Of the assistant's replies; null leaves it out, for models that take none."""
    structured: bool = True
    """Send the JSON schema of the reply; false for servers that know none."""
    thinking_tokens: int = Field(2048, ge=0)
    """Added to the limit of each reply for models that think first; counts in the worst case."""
    token_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What an OpenAI-compatible server calls the limit of a reply."""
    extra: dict[str, Any] = {}
    """Fields put into each request, over the usual ones, such as `{reasoning_effort: low}`; null
    leaves one out."""
    prices: str | None = None
    """YAML file of prices that goes before the known ones."""
    concurrency: int = Field(32, ge=1, le=1024)
    """Requests under way at most; fewer when the provider is busy. Never in a key."""
    timeout: float = Field(60.0, gt=0)
    """Seconds until a request counts as lost and is sent again. Never in a key."""
    batch: bool = False
    """Ask through the provider's batch interface: half the price, and up to a day for each wave of
    requests. Never in a key."""

    @model_validator(mode="after")
    def _at_one_place(self):
        other = self.provider != "openai" or self.base_url or self.key_variable or self.batch
        if self.server and other:
            raise ValueError(
                "a `server` that is started here has the provider `openai`, and neither `base_url` "
                "nor `key_variable` nor `batch`"
            )
        return self

    @model_validator(mode="after")
    def _extra_is_more(self):
        if self.provider == LOCAL:
            return self
        if self.batch and PROVIDERS[self.provider].open_batches is None:
            raise ValueError(
                f"`batch`: the provider `{self.provider}` has no batch interface here; `openai` has"
            )
        known = PROVIDERS[self.provider].extra
        for name in self.extra:
            if name in OURS:
                raise ValueError(f"`extra` cannot set `{name}`, which is the workflow's own")
            if known is not None and name not in known:
                raise ValueError(
                    f"`extra` of the provider `{self.provider}` has no field `{name}`; known: "
                    f"{', '.join(known)}"
                )
        return self


class AssistantRole(Asked):
    """A model in one role. What is left out comes from the block around it; with another
    `provider`, `base_url` or `server`, only what does not belong to an address: temperature,
    thinking_tokens, prices, concurrency and timeout. A bare word is short for its `model`."""

    model: str | None = Field(None, min_length=1)
    """Name of the model; none is that of `models`, the provider's default, or the last part of what
    a `server` serves."""


class SharedPairs(Section):
    """How the agreement of several judges is measured, where the first one decides."""

    share: float = Field(0.25, gt=0, le=1)
    """Share of the prompts on which the other judges are asked what the first one was asked; by
    hash, whatever anybody said."""


Filled = Annotated[AssistantRole | None, shorthand("model")]


class Assistant(Asked):
    """Who writes and judges hypotheses; see docs/assistants.md."""

    models: Models = Models()
    """Model names of the roles that name none."""
    author: Filled = None
    """Writes hypotheses."""
    judges: list[Annotated[AssistantRole, shorthand("model")]] = []
    """Judge the claims; see `decide`."""
    cheap: Filled = None
    """Screens hypotheses, chooses placebos, and may judge claims first (`escalate`)."""
    themes: Filled = None
    """Names themes over what was validated, and scores how alike that is to what was planted; the
    author where nothing else is said."""
    decide: roles.Decide = "first"
    """Of several judges, whose verdicts decide the claims: the first one's, or those of more than
    half of them, taken as one judge, who asks them all."""
    agreement: SharedPairs = SharedPairs()
    """What the others read where the first one decides."""
    escalate: roles.Escalate = "auto"
    """Who judges the claims: `auto` lets the cheap model go first where enough prompts make that
    cheaper, and the strong one go on with what stays borderline; `band` goes on with scores from
    0.4 to 0.6; `never` leaves all to the strong one."""
    price_ratio: float = Field(6.0, ge=1)
    """Price of a strong model's request over a cheap one's, by which `auto` decides."""
    budget: Budget = Budget()
    """Limits."""
    rate_prompts: int = Field(12, ge=2)
    """Prompts a region on which a finding's rates are estimated, fixed beforehand."""

    @model_validator(mode="before")
    @classmethod
    def _roles_inherit(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        found = dict(given)
        if given.get("server") is not None:
            found.setdefault("provider", "openai")
            given = found
        for name in ("author", "cheap", "themes"):
            if given.get(name) is not None:
                found[name] = _inherited(given, given[name])
        if isinstance(judges := given.get("judges"), list):
            found["judges"] = [_inherited(given, judge) for judge in judges]
        return found

    @model_validator(mode="after")
    def _roles_filled(self):
        self.of_stages()
        return self

    def of_stages(self) -> OfStages | None:
        """What each stage is given; None where no language model is asked.

        A role that nothing fills is filled by the model of another one: the author's and the cheap
        one's by the first judge, the judges' and that of themes by the author.
        """
        given = [self.author, *self.judges, self.cheap, self.themes]
        if self.provider == LOCAL and not any(given):
            return None
        author = self._role("author", "strong", self.author)
        judges = [
            self._role(f"judge {n}", "strong", judge) for n, judge in enumerate(self.judges, 1)
        ] or [self._role("judge 1", "strong", None)]
        cheap = self._role("cheap", "cheap", self.cheap)
        themes = self._role("themes", "strong", self.themes)
        if not any(given) and not (author and cheap):
            raise ValueError("`models` needs `cheap` and `strong`; they may be the same")
        writes = author or judges[0]
        first = judges[0] or author
        if writes is None or first is None:
            raise ValueError("`author` or `judges` needs a model")
        author = replace(writes, name="author")
        all_judges = _told_apart([judge or replace(first, name="judge 1") for judge in judges])
        cheap = replace(cheap or first, name="cheap")
        same_name = cheap.model in {judge.model for judge in all_judges}
        if same_name and not cheap.same_as(all_judges[0]):
            cheap = replace(cheap, label=f"{cheap.model} (cheap)")
        budget = roles.Budget(self.budget.usd, self.budget.requests)
        panel = self._panel(len(all_judges))
        # In the screen those that decide read a few prompts; a budget counts the others, too.
        alone = panel is not None and panel.decide == "first" and not budget.limited
        in_screen = (all_judges[:1], None) if alone else (all_judges, panel)
        return OfStages(
            ProposeRoles(budget, author),
            ScreenRoles(budget, cheap, *in_screen, author),
            ConfirmRoles(
                budget,
                all_judges,
                cheap,
                replace(themes or author, name="themes"),
                self.escalate,
                self.price_ratio,
                self.rate_prompts,
                panel,
            ),
        )

    def _panel(self, judges: int) -> Panel | None:
        """How several judges are heard. Raises ValueError where a setting would do nothing."""
        majority, shared = self.decide == "majority", "agreement" in self.model_fields_set
        if judges < 2:
            if majority or shared:
                name = "decide: majority" if majority else "agreement"
                raise ValueError(f"`{name}` needs two judges or more: name them in `judges`")
            return None
        if majority and shared:
            raise ValueError(
                "with `decide: majority` every judge reads every pair; leave `agreement` out"
            )
        return Panel(self.decide, self.agreement.share)

    def _role(self, name: str, tier: Tier, own: AssistantRole | None) -> Role | None:
        """The role as it is given, else as the block around it fills it; None where neither does.
        Raises ValueError where it is given and has no model."""
        given: Asked = own or self
        if given.provider == LOCAL:
            if own:
                raise ValueError(f"`{name}` needs a `provider`, or a `base_url`")
            return None
        model = own.model if own else None
        if all(getattr(given, place) == getattr(self, place) for place in PLACES):
            model = model or getattr(self.models, tier)
        if given.server:
            model = model or _last_part(given.server)
        defaults = PROVIDERS[given.provider].models
        model = model or (getattr(defaults, tier) if defaults else None)
        if model is None:
            if own:
                raise ValueError(f"`{name}` needs a `model`")
            return None
        return Role(
            name,
            given.provider,
            model,
            given.base_url,
            given.key_variable,
            given.temperature,
            given.structured,
            given.token_limit,
            given.thinking_tokens,
            given.extra or None,
            server=RoleServer(**given.server.model_dump()) if given.server else None,
            prices=given.prices,
            concurrency=given.concurrency,
            timeout=given.timeout,
            batch=given.batch,
        )


def _inherited(block: Mapping[str, Any], role: Any) -> Any:
    """A role with what it takes from the block around it."""
    role = {"model": role} if isinstance(role, str) else role
    if not isinstance(role, Mapping):
        return role
    elsewhere = any(role[name] != block.get(name) for name in PLACES if name in role)
    taken = ANYWHERE if elsewhere else (*ANYWHERE, *OF_AN_ADDRESS)
    found = {name: block[name] for name in taken if name in block} | dict(role)
    if elsewhere and "provider" not in role:
        around = block.get("provider", LOCAL)
        found["provider"] = "openai" if around == LOCAL else around
    return found


def role_alone(given: Any) -> Any:
    """A role with no block around it: a bare word is its provider, and an address or a server says
    which provider it is."""
    return _inherited({}, {"provider": given} if isinstance(given, str) else given)


def _last_part(server: StartedServer) -> str:
    """What a model is called that is served here: a hub's id, the name of a file or folder."""
    return server.model if server.revision else Path(server.model).name


def _told_apart(judges: list[Role]) -> tuple[Role, ...]:
    """Judges with a label where another one is of the same model."""
    models = [judge.model for judge in judges]
    return tuple(
        replace(judge, label=f"{judge.model} ({judge.name})")
        if models.count(judge.model) > 1
        else judge
        for judge in judges
    )
