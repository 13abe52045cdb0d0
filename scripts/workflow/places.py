"""What of a configuration no key sees: where things lie, and how they are reached."""

from collections.abc import Mapping

from scripts.core.files import Json
from scripts.workflow.kinds.started import files_among
from scripts.workflow.section import PLANT

PLACE = "…"  # stands for a path or an address
REACHED = {"concurrency", "timeout", "prices", "batch", "key_variable", "start_within"}


def without_places(value: Json) -> Json:
    """A resolved configuration, or a part of it, with places taken out. What lies there is in the
    keys of the stages that read it."""
    if isinstance(value, Mapping):
        places = _places(value)
        return {
            name: PLACE if name in places else without_places(_unplaced(name, inner))
            for name, inner in value.items()
            if name not in REACHED
        }
    return [without_places(inner) for inner in value] if isinstance(value, list) else value


def _unplaced(name: str, value: Json) -> Json:
    """Arguments of a server with the files among them taken out; any other value as it is."""
    if name == "arguments" and isinstance(value, Mapping):
        return {**value, **dict.fromkeys(files_among(value), PLACE)}
    return value


def _places(section: Mapping[str, Json]) -> set[str]:
    """The fields of one section that are places."""
    found = {name for name in ("file", "hypotheses") if isinstance(section.get(name), str)}
    # Without a commit a model is a directory, or embedded, and what is read is no data set of a hub
    for name, revision in (("model", "revision"), ("adapter", "adapter_revision")):
        named = section.get(name)
        if named and revision in section and section[revision] is None:
            names = [named] if isinstance(named, str) else named
            found |= set() if all(n.startswith(("embedded:", PLANT)) for n in names) else {name}
    if section.get("path") and section.get("revision") is None:
        found.add("path")
    if section.get("identity"):  # says what is served at the address
        found.add("url")
    return found
