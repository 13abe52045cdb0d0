"""Settings of a stage: a TypedDict in the room that uses them, declared `@with_config(SETTINGS)`.

The recipe makes them, the key hashes them, the rule hands them over, and the top of the stage's
script takes them as their type (`Job.settings`). A field that has come later is `NotRequired` and
left out where it is not set, so that keys stay what they were.
"""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from scripts.core.errors import AuditError
from scripts.core.files import Json

SETTINGS = ConfigDict(extra="forbid")
Given = Mapping[str, Json]  # settings, or what no key contains, on their way to a script
T = TypeVar("T")


def settings_as(kind: type[T], given: object, stage: str) -> T:
    """What a rule has given its script, as the type of its settings. Raises AuditError, naming the
    field, where the two do not agree."""
    try:
        return TypeAdapter(kind).validate_python(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise AuditError(
            f"the settings of `{stage}` are not what its script reads: `{field}`: {first['msg']}; "
            "make scripts/workflow/ and the script agree"
        ) from None
