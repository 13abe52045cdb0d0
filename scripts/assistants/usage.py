"""What an assistant has used in a job: results/<stage>/<key>/usage.json."""

from dataclasses import dataclass, field
from typing import ClassVar

from scripts.core.rows import ROW

NOTABLE = 0.05  # of a model's replies, from which it is said that they needed more than reading


@dataclass
class ModelCost:
    """What one language model was asked, and what became of it."""

    __pydantic_config__ = ROW
    requests: int = 0
    """Requests that were answered."""
    cache_hits: int = 0
    """Further requests that the cache answered."""
    input_tokens: int = 0
    """Tokens of the requests."""
    output_tokens: int = 0
    """Tokens of the replies."""
    dollars: float = 0.0
    """US dollars at the prices of the day."""
    retries: int = 0
    """Attempts after one that brought no reply."""
    clean: int = 0
    """Answers in the form that was asked for."""
    mended: int = 0
    """Answers in another form, read all the same."""
    second_chances: int = 0
    """Requests asked again because the reply could not be used."""
    refused: int = 0
    """Requests that the model refused."""
    unparsable: int = 0
    """Requests whose reply does not say what was asked."""
    truncated: int = 0
    """Requests whose reply reached the limit of its tokens."""
    lost: int = 0
    """Requests given up after all attempts."""

    @property
    def asked(self) -> int:
        """Requests that were answered, by the provider or by the cache."""
        return self.requests + self.cache_hits

    def count(self, outcome: str) -> None:
        """Count what became of a request, by the name of its field."""
        setattr(self, outcome, getattr(self, outcome) + 1)


@dataclass
class ModelUsage(ModelCost):
    """What a job asked one model. What begins with `saved_` is of the requests that the cache
    answered, the rest of those that the provider did."""

    saved_input_tokens: int = 0
    """Tokens of requests that the cache answered."""
    saved_output_tokens: int = 0
    """Tokens of replies from the cache."""
    saved_dollars: float = 0.0
    """US dollars that these would cost."""


@dataclass(frozen=True)
class Usage:
    """results/<stage>/<key>/usage.json: what a job's assistant has used."""

    __pydantic_config__ = ROW
    SCHEMA: ClassVar[int] = 1

    stage: str
    """The job's stage."""
    call: str
    """Which call of Snakemake ran the job."""
    models: dict[str, ModelUsage] = field(default_factory=dict)
    """By the model's name; empty for the local assistant."""


def notices_of_replies(model: str, counted: ModelCost) -> list[str]:
    """A sentence each for replies that were mended or asked for again, and for those cut off."""
    found, replies = [], counted.asked
    if max(counted.mended, counted.second_chances) > NOTABLE * replies:
        found.append(
            f"Of {replies} replies of the assistant's model `{model}`, {counted.mended} "
            f"({counted.mended / replies:.0%}) were in another form than asked for and read all "
            f"the same, and {counted.second_chances} ({counted.second_chances / replies:.0%})"
            " brought no answer and were asked for again: it follows the form badly, or its server "
            "ignores the schema."
        )
    if counted.truncated:
        found.append(
            f"{counted.truncated} of {replies} replies of the assistant's model `{model}` ended "
            "at their limit of tokens before they had answered, and count as showing nothing: "
            "raise `assistant.thinking_tokens`, or have the model think less."
        )
    return found
