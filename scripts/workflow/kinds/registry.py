"""The kinds of subjects. A new kind is a module with a `KIND`, its name here, a field of `Subject`
in subject_sections.py, and what its jobs do under the same name in scripts/models/kinds.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.core.files import JsonObject
from scripts.workflow.kinds import loaded, recorded, served
from scripts.workflow.kinds.kind import Dump, Kind, merge

if TYPE_CHECKING:
    from scripts.workflow.subject_sections import Subject

KINDS: dict[str, Kind] = {module.KIND.name: module.KIND for module in (loaded, served, recorded)}
FIELDS = [kind.field for kind in KINDS.values()]


def kind_of(subject: Subject | Dump) -> Kind:
    """The kind of a subject, or of one that is written out. Raises ValueError where it is of none
    or of several."""
    given = subject if isinstance(subject, dict) else vars(subject)
    found = [kind for kind in KINDS.values() if given.get(kind.field) is not None]
    if len(found) == 1:
        return found[0]
    *first, last = [f"`{field}`" for field in FIELDS]
    raise ValueError(f"a subject needs one of {', '.join(first)} and {last}, and no two")


def inherited(base: JsonObject, given: Dump) -> JsonObject:
    """An intervention's settings: the base's, but for those that are given, and for those of the
    base's kind alone where another kind is given."""
    kind = kind_of(base)
    found = dict(base)
    if any(field in given for field in FIELDS):
        found |= dict.fromkeys([*FIELDS, "revision"])
        if kind.field not in given:
            found |= kind.leave(base)
    if "adapter" in given:
        found["adapter_revision"] = None
    found |= given
    merges = {kind.field: kind.inherit for kind in KINDS.values()} | {"sampling": merge}
    for name, inherit in merges.items():
        if isinstance(given.get(name), dict) and base.get(name):
            found[name] = inherit(base[name], given[name])
    return found
