"""What decode and plant are told of a subject. What the configuration has under the same names is
described there; those that came later are given only where they are set."""

from typing import NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from scripts.core.files import JsonObject
from scripts.core.settings import SETTINGS
from scripts.servers.sampling import Sampling


@with_config(SETTINGS)
class EmbedSettings(TypedDict):
    """Of whatever embeds."""

    embedder: str
    """Names the content of the model, its dtype and its limit."""
    dtype: str
    max_tokens: int | None


class Template(TypedDict):
    """A chat template other than the tokenizer's, or what it is told."""

    text: str | None
    """Jinja; none is the tokenizer's own."""
    arguments: JsonObject


class AskedThoughts(TypedDict):
    """How a subject thinks before it answers, as far as it is told."""

    start: str | None
    end: str | None
    max_tokens: int
    force_end: bool


class Markers(TypedDict):
    """The texts around a thought."""

    start: str
    end: str


class Thoughts(Markers):
    """How a subject thinks before it answers, and what becomes of a long thought."""

    max_tokens: int
    force_end: bool


class Formatting(TypedDict):
    """How a prompt is given to a subject."""

    system_prompt: str | None
    prompt_template: NotRequired[str]
    chat_template: bool | Template
    reasoning: NotRequired[str | AskedThoughts]
    thinking: NotRequired[str]


class _Loading(TypedDict):
    dtype: str
    response_prefix: str
    trust_remote_code: bool
    quantization: NotRequired[str]
    pickled_weights: NotRequired[bool]
    tokenizer: NotRequired[str]


class Loading(Formatting, _Loading):
    """How a model is loaded and used."""


class SubjectSettings(TypedDict):
    """Of any subject, in decode."""

    subject: str
    """Digest of all that decides its texts, but for adapters that are planted; cached ones are
    found by it (`planted.known_by`)."""
    seed: NotRequired[int]
    kind: NotRequired[str]
    of: NotRequired[str]
    """What of a reply is compared, where that is not its answer: `thoughts` or `both`."""


class DecodedSettings(SubjectSettings, Formatting):
    """Of a subject that is given prompts."""


@with_config(SETTINGS)
class LoadedSettings(SubjectSettings, Formatting, _Loading):
    """Of a subject whose model is loaded here."""

    sampling: Sampling
    log_probabilities: NotRequired[bool]
    thoughts: NotRequired[Thoughts | None]
    """Found when the model's files are there (`decoder.prepared`)."""


class ServedModel(TypedDict):
    """What a server is asked for, or started with."""

    model: NotRequired[str]
    engine: NotRequired[str]
    trust_remote_code: NotRequired[bool]
    pickled_weights: NotRequired[bool]
    arguments: NotRequired[dict[str, str | int | float | bool]]
    """Files among them by their content."""
    extra: JsonObject


@with_config(SETTINGS)
class ServedSettings(SubjectSettings, Formatting):
    """Of a subject that a server decodes."""

    sampling: Sampling
    server: ServedModel


class _Requests(TypedDict):
    concurrency: int
    timeout: float
    """Seconds."""


class ServerAccess(_Requests):
    """How a server is reached, which changes nothing of what it says."""

    url: str
    key_variable: str | None
    identity: NotRequired[str | None]


class Patience(_Requests):
    """How a server is reached that is started here."""

    start_within: float
    """Seconds."""
    files: NotRequired[dict[str, str]]
    """Where the files among its arguments lie, by the names of these."""


@with_config(SETTINGS)
class ServedPlace(TypedDict):
    """Where a subject's server is, or how one is started."""

    server: NotRequired[ServerAccess]
    started: NotRequired[Patience]


class PlantBase(Formatting, _Loading):
    """The subject that is fine-tuned."""

    sampling: Sampling
    log_probabilities: NotRequired[bool]
    identity: JsonObject
    """What its files are known by."""


@with_config(SETTINGS)
class PlantSettings(TypedDict):
    """Of the plant stage."""

    steps: int
    batch_size: int
    rank: int
    learning_rate: float
    control_share: float
    control_tokens: int
    seed: int
    base: PlantBase


@with_config(SETTINGS)
class PlantPlace(TypedDict):
    """Where the plant stage finds its behaviours."""

    file: str
