"""Sections of the configuration: a subject, of whatever kind, and a file that is read."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from scripts.core.files import JsonObject
from scripts.models.thinking import ARGUMENTS, EFFORT
from scripts.readers.registry import FORMATS
from scripts.servers.engines import ENGINES, WITH_ADAPTERS
from scripts.workflow.kinds.registry import kind_of
from scripts.workflow.kinds.served import OF_STARTED
from scripts.workflow.kinds.started import idle
from scripts.workflow.section import COMMIT, PLANT, VARIABLE, Off, Place, Section, shorthand

if TYPE_CHECKING:  # names from tables are for pydantic alone
    Format: TypeAlias = str
    Engine: TypeAlias = str
else:
    Format, Engine = Literal["auto", *FORMATS], Literal[ENGINES]


class File(Section):
    """A file or folder to read, and what its fields are called where that is not found by itself
    (docs/responses.md). A field within an object is named with dots: `response.output`."""

    path: Place
    """File or folder, relative to the working directory, or the hub's id of a data set."""
    format: Format = "auto"
    """How to read it; `auto` decides by ending and content."""
    prompt: str | None = None
    """Field of the prompt: text, or messages."""
    category: str | None = None
    """Field of the prompt's category."""
    group: str | None = None
    """Field of what paraphrases have in common; they count as one prompt."""
    key: str | None = None
    """Field that names the prompt in several files."""
    where: dict[str, str | int | float | bool | None] = {}
    """Rows that are read: those whose fields have these values."""
    header: int | None = Field(None, ge=1)
    """Line of a CSV file's header, where it is not found by itself."""
    revision: str | None = Field(None, pattern=COMMIT)
    """Full 40-digit commit of a data set of the hub."""
    subset: str | None = None
    """Part of a data set of the hub."""
    split: str | None = None
    """Split of a data set."""


class Responses(File):
    """A recording: responses that were made elsewhere, from a file as its tool left it."""

    response: str | None = None
    """Field of the response."""
    sample: str | None = None
    """Field that numbers the responses to one prompt; otherwise they count as they come."""
    model: str | None = None
    """Field of the model that responded; a recording holds one."""
    prompts: Annotated[File | None, shorthand("path")] = None
    """Another file that holds the prompts, joined by `key`."""
    missing: Literal["exclude", "empty", "error"] = "exclude"
    """What a response that is null or failed is: left out, an empty text, or an error."""


class Sampling(Section):
    """How tokens are drawn. Never inherited from a checkpoint's generation config."""

    temperature: float = Field(1.0, ge=0, le=10)
    """Softmax temperature (no unit); 0 is greedy decoding."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Nucleus: smallest set of tokens with at least this probability; 1 switches it off."""
    top_k: int = Field(0, ge=0)
    """The k most probable tokens; 0 switches it off."""
    max_new_tokens: int = Field(64, ge=1, le=8192)
    """Longest generation, in tokens."""
    min_p: float = Field(0.0, ge=0, lt=1)
    """Tokens at least this probable, relative to the most probable one; 0 switches it off."""
    repetition_penalty: float = Field(1.0, gt=0)
    """Logits of tokens of the prompt and the reply are divided by this, negative ones multiplied; 1
    switches it off."""
    presence_penalty: float = Field(0.0, ge=-2, le=2)
    """Taken from the logits of tokens that the reply has; 0 switches it off."""
    frequency_penalty: float = Field(0.0, ge=-2, le=2)
    """Taken from the logits of tokens that the reply has, once for each time; 0 switches it off."""
    stop: list[Annotated[str, Field(min_length=1)]] = []
    """Strings that end a reply and are not part of it."""

    def keyed(self) -> JsonObject:
        """What of it is in a key: the first four fields, and of the others those that are set, so
        that keys are what they were before there were others."""
        first = ("temperature", "top_p", "top_k", "max_new_tokens")
        defaults = type(self)().model_dump()
        return {
            name: value
            for name, value in self.model_dump().items()
            if name in first or value != defaults[name]
        }


class ChatTemplate(Section):
    """A chat template other than the tokenizer's, or what it is told."""

    file: Place | None = None
    """File with a Jinja template; none is the tokenizer's own."""
    arguments: JsonObject = {}
    """Values for the template, such as `{enable_thinking: false}`."""


class Reasoning(Section):
    """How a subject thinks before it answers."""

    start: str | None = Field(None, min_length=1)
    """Text that begins a thought, such as `<think>`; none is what the chat template knows."""
    end: str | None = Field(None, min_length=1)
    """Text that ends it."""
    max_tokens: int = Field(2048, ge=1, le=65536)
    """Longest thought, in tokens; the answer's are `sampling.max_new_tokens`."""
    force_end: bool = True
    """End a thought that is longer, so that there is an answer."""

    @model_validator(mode="after")
    def _both_marks(self):
        if (self.start is None) != (self.end is None):
            raise ValueError("`start` and `end` go together: name both or neither")
        return self


class Server(Section):
    """Where a subject is served: any server that speaks OpenAI's interface, at a `url`, or one that
    each decode job starts for itself (`engine`)."""

    url: str | None = Field(None, pattern="^https?://")
    """Address up to the version, such as `http://127.0.0.1:8000/v1`."""
    engine: Engine | None = None
    """Program that is started instead: vLLM, SGLang, llama.cpp's server, `transformers serve`."""
    model: str = Field(min_length=1)
    """Name under which the server at `url` knows the model, or the adapter that it serves; with an
    `engine` as a subject's own `model`."""
    revision: str | None = Field(None, min_length=1)
    """Commit, branch or tag of a hub model that an `engine` serves."""
    adapter: str | None = None
    """LoRA adapter that vLLM or SGLang serves: `plant:<name>`, a local directory, or a hub id."""
    adapter_revision: str | None = Field(None, min_length=1)
    """Commit, branch or tag of a hub adapter."""
    trust_remote_code: bool = False
    """Allow the model's own Python code to run in a server that is started here; only for a model
    that you name and trust."""
    pickled_weights: bool = False
    """Allow weights in pickles (`.bin`) there, where there are no safetensors; only from whom you
    trust. The engine reads them in its own way."""
    arguments: dict[str, str | int | float | bool] = {}
    """Arguments for the program by their long names, `{max-model-len: 8192}`; true sets a flag.
    They are in the key."""
    start_within: float = Field(1800, gt=0)
    """Seconds until a server that was started must answer."""
    identity: str | None = None
    """What stands for the address in keys and caches; set it where the model keeps and the address
    changes, as on a cluster."""
    extra: JsonObject = {}
    """Fields put into each request, over the usual ones; null leaves one out."""
    key_variable: str | None = Field(None, pattern=VARIABLE)
    """Environment variable that holds the server's key, if it wants one."""
    concurrency: int = Field(32, ge=1, le=1024)
    """Requests under way at most; lowered by itself while the server says 429."""
    timeout: float = Field(300, gt=0)
    """Seconds until a request is given up and tried again."""

    @model_validator(mode="after")
    def _at_an_address_or_started(self):
        if (self.url is None) == (self.engine is None):
            raise ValueError("`server` needs one of `url` and `engine`, and no two")
        known = type(self).model_fields
        own = [name for name in OF_STARTED if name != "engine"]
        given = [name for name in own if getattr(self, name) != known[name].default]
        if self.url and given:
            raise ValueError(f"`server.{given[0]}` needs an `engine`, which is started here")
        if self.engine and (self.identity or self.key_variable):
            raise ValueError("`server.identity` and `server.key_variable` need a `url`")
        if self.adapter and self.engine not in WITH_ADAPTERS:
            raise ValueError(
                f"`server.adapter` needs the engine {' or '.join(WITH_ADAPTERS)}; for another, "
                "merge the adapter into the model"
            )
        if sentence := idle(self):
            raise ValueError(sentence)
        names = [self.adapter] if self.adapter else []
        if sentence := idle_revision(self.model, self.revision, names, [self.adapter_revision]):
            raise ValueError(sentence.replace("`", "`server.", 1))
        return self


def idle_revision(
    model: str | None,
    revision: str | None,
    adapters: Sequence[str],
    revisions: Sequence[str | None],
) -> str | None:
    """The sentence for a revision of what is not of the hub; revisions: of the adapters."""
    if revision and (model or "").startswith("embedded:"):
        return f"`revision` does nothing, since the content of `{model}` is pinned; leave it out"
    if any(revisions) and not adapters:
        return "`adapter_revision` needs an `adapter`, whose revision it is"
    for name, given in zip(adapters, revisions, strict=False):
        if given and name.startswith(PLANT):
            return f"`adapter_revision` does nothing for `{name}`, which is trained here"
    return None


class Subject(Section):
    """A model under audit: loaded here, served elsewhere, or a file of ready responses."""

    model: str | None = None
    """`embedded:smollm2-135m-instruct`, a local directory or GGUF file, or a hub id with
    `revision`, behind which a GGUF file may be named (`lab/name/file.gguf`)."""
    revision: str | None = Field(None, min_length=1)
    """Commit, branch or tag of a hub model; `snakemake lock` looks up once which commit a name
    is."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Type of the weights and the arithmetic. `auto` is what the machine does well: bfloat16 where
    it has units for it, else float32; the others are literal, so that precision itself can be the
    intervention."""
    quantization: Literal["none", "int8", "int4"] = "none"
    """Weights in 8 bits (LLM.int8) or in 4 (NF4) by bitsandbytes, the rest in `dtype`. In 8 bits a
    text depends a little on those beside it in a batch, as wherever LLM.int8 is used."""
    adapter: str | Annotated[list[str], Field(min_length=1)] | None = None
    """PEFT adapter: `plant:<name>`, a local directory, or a hub id (then `adapter_revision`); or a
    list of them, each applied to what those before it have made."""
    adapter_revision: str | list[str | None] | None = None
    """Commit, branch or tag of a hub adapter; of a list of adapters a list, null for those that
    are not of the hub."""
    system_prompt: str | None = None
    """System message put before every prompt, in place of the prompt's own if it has one; none
    leaves the chat template's own default."""
    prompt_template: str | None = None
    """Text around what the user says last, which takes the place of `{prompt}` in it."""
    response_prefix: str = ""
    """Text that every response begins with; the subject goes on from there."""
    chat_template: bool | ChatTemplate = True
    """Format prompts with the tokenizer's chat template, or one of a `file`, with `arguments`;
    false feeds the bare text."""
    reasoning: Literal["auto"] | Off | Reasoning = "auto"
    """Thoughts before the answer, which have tokens of their own and are not compared: `auto` finds
    them by the chat template, `off` takes all that is said for the answer."""
    thinking: Literal["auto"] | Off = "auto"
    """Whether it thinks at all: `auto` as it does by itself, `off` tells its chat template or its
    server not to."""
    tokenizer: Literal["adapter", "base"] = "adapter"
    """Whose tokenizer and chat template: the adapter's, where its folder has them, or the model's
    in any case."""
    trust_remote_code: bool = False
    """Allow the model's own Python code to run; only for a model that you name and trust."""
    pickled_weights: bool = False
    """Allow weights in pickles (`.bin`) where there are no safetensors; only from whom you trust.
    torch reads them as tensors and refuses what would run code."""
    sampling: Sampling = Sampling()
    """Sampling settings of this subject."""
    log_probabilities: bool = False
    """Keep how likely the model makes each of its texts: `log_probability` in the generations and
    columns of `snakemake export`, in nats, at temperature 1 with nothing cut off."""
    responses: Annotated[Responses | None, shorthand("path")] = None
    """Ready responses instead of a model; a bare word is short for their `path`. An intervention
    without a `path` reads the base's file, other fields of it."""
    server: Server | None = None
    """A server that decodes, instead of a model that is loaded here."""

    @property
    def adapters(self) -> list[tuple[str, str | None]]:
        """The adapters in the order in which they are applied, with their revisions."""
        names = [self.adapter] if isinstance(self.adapter, str) else self.adapter or []
        given = self.adapter_revision
        revisions = given if isinstance(given, list) else [given] * len(names)
        return list(zip(names, revisions, strict=True))

    @property
    def _told_of_thinking(self) -> list[str]:
        """The arguments of its template that say whether it thinks."""
        given = self.chat_template
        arguments = given.arguments if isinstance(given, ChatTemplate) else {}
        return [name for name in arguments if name in (*ARGUMENTS, EFFORT)]

    @property
    def plants(self) -> list[str]:
        """The plants among its adapters."""
        names = [name for name, _ in self.adapters]
        return [name.removeprefix(PLANT) for name in names if name.startswith(PLANT)]

    @property
    def allowed(self) -> list[str]:
        """What may be fetched beside what runs no code."""
        given = {"code": self.trust_remote_code, "pickled_weights": self.pickled_weights}
        return [name for name, allows in given.items() if allows]

    def keyed(self, always: set[str], later: set[str]) -> JsonObject:
        """Of its fields these, and of the later ones those that are set, so that keys are what they
        were before there were others; and how it samples."""
        known = type(self).model_fields
        told = {name for name in later if getattr(self, name) != known[name].default}
        return self.model_dump(include=always | told) | {"sampling": self.sampling.keyed()}

    @model_validator(mode="after")
    def _of_one_kind(self):
        if sentence := kind_of(self).misfit(self):
            raise ValueError(sentence)
        several, revisions = isinstance(self.adapter, list), self.adapter_revision
        if revisions is not None and several != isinstance(revisions, list):
            raise ValueError("`adapter_revision` must be a list where `adapter` is one")
        if isinstance(self.adapter, list) and len(revisions or self.adapter) != len(self.adapter):
            raise ValueError("`adapter_revision` needs one entry for each adapter, or null")
        named = revisions if isinstance(revisions, list) else [revisions]
        names = [name for name, _ in self.adapters]
        if sentence := idle_revision(self.model, self.revision, names, named):
            raise ValueError(sentence)
        if self.prompt_template is not None and self.prompt_template.count("{prompt}") != 1:
            raise ValueError("`prompt_template` must hold `{prompt}` once, where the prompt goes")
        if self.thinking == "off" and not self.chat_template:
            raise ValueError("`thinking: off` needs a chat template, which is told so")
        if self.thinking == "off" and (told := self._told_of_thinking):
            raise ValueError(
                f"`thinking: off` and the template's argument `{told[0]}` say the same, or the "
                "opposite; leave one of them out"
            )
        return self
