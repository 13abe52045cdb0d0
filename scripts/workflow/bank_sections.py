"""Sections of the configuration: prompt banks, and where their prompts come from."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)

from scripts.assistants.roles import ProposeRoles
from scripts.workflow.assistant_sections import Assistant, AssistantRole, Budget, role_alone
from scripts.workflow.section import Section
from scripts.workflow.subject_sections import File

AUTHOR = "bank author"  # the role, beside those of an audit's assistant
WRITTEN = "written"  # the format of prompts that are still to be written
OF_WRITTEN = {"description", "topics", "author"}  # fields that no file has
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
Topic = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class Source(File):
    """Where prompts come from. A prompt without a category takes its file's name for one."""

    limit: int | None = Field(None, ge=1)
    """At most this many prompts of each category (first ones kept)."""

    @model_validator(mode="before")
    @classmethod
    def _earlier_names(cls, given: Any) -> Any:
        """What the fields `prompt` and `category` were called for CSV files alone."""
        earlier = {"column": "prompt", "category_column": "category"}
        if not isinstance(given, Mapping):
            return given
        return {earlier.get(name, name): value for name, value in given.items()}


class Written(Section):
    """Prompts that a language model writes, once, in place of a file (docs/assistants.md): from a
    `description`, `topics`, or both."""

    format: Literal["written"]
    """Says so."""
    description: Text | None = None
    """What the prompts are, in words, such as "questions that patients ask about medicines"; the
    author is told with every topic, and names the topics where there are none."""
    topics: list[Topic] = []
    """What the prompts are on, as many on each; a topic is the category of its prompts. Left out,
    the author names as many as there would be regions."""
    prompts: int = Field(300, ge=1, le=10000)
    """Prompts, all topics together."""
    passes: int = Field(3, ge=0, le=20)
    """Requests more for a topic, at most, where prompts are left out that repeat others."""
    seed: int = Field(0, ge=0)
    """Another seed has another set of prompts written."""
    author: Annotated[AssistantRole, BeforeValidator(role_alone)]
    """Who writes: a role as in `assistant`; a bare word is short for its `provider`."""
    budget: Budget = Budget()
    """What the writing may cost; no audit's own budget counts it. When it ends, what was written
    stays."""

    @model_validator(mode="after")
    def _something_asked(self):
        self.roles()
        if self.description is None and not self.topics:
            raise ValueError("say what is to be written: a `description`, `topics`, or both")
        if len({topic.strip().casefold() for topic in self.topics}) < len(self.topics):
            raise ValueError("`topics` names one twice; leave one of them out")
        if len(self.topics) > self.prompts:
            raise ValueError(
                f"`prompts: {self.prompts}` leaves some of {len(self.topics)} topics without any; "
                "ask for more prompts, or name fewer `topics`"
            )
        return self

    def roles(self) -> ProposeRoles:
        """Who writes, and what that may cost. Raises ValueError where that is no language model."""
        of_stages = Assistant(author=self.author, budget=self.budget).of_stages()
        assert of_stages is not None, "its author is one"
        author = replace(of_stages.propose.author, name=AUTHOR)
        return replace(of_stages.propose, author=author)


def _kind_of_source(given: Any) -> str:
    """The section that a source is, or was meant to be."""
    if not isinstance(given, Mapping):
        return type(given).__name__
    written = given.get("format") == WRITTEN or OF_WRITTEN & given.keys()
    return "Written" if written else "Source"


AnySource = Annotated[
    Annotated[Source, Tag("Source")] | Annotated[Written, Tag("Written")],
    Discriminator(_kind_of_source),
]


class Bank(Section):
    """A prompt bank: one or several sources, duplicates dropped."""

    sources: list[AnySource] = Field(min_length=1)
    """Read in this order; of duplicates the first stays."""
