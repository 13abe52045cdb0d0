"""What every section of the configuration is: strict, frozen, its fields told by docstrings; and
the types of values that several sections have."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from scripts.workflow.paths import here_or_shipped

COMMIT = r"^[0-9a-f]{40}$"
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
PLANT = "plant:"  # before the name of a plant that is an adapter

NAME = r"^[a-z][a-z0-9-]*$"
Name = Annotated[str, Field(pattern=NAME)]
Share = Annotated[float, Field(ge=0, le=1)]
# Of a path that is relative: as shipped, where the working directory has no such file.
Place = Annotated[str, Field(min_length=1), AfterValidator(here_or_shipped)]
# A bare `off`, which YAML reads as false.
Off = Annotated[Literal["off"], BeforeValidator(lambda value: "off" if value is False else value)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def shorthand(field: str) -> BeforeValidator:
    """A bare word stands for a section with this one field."""
    return BeforeValidator(lambda value: {field: value} if isinstance(value, str) else value)
