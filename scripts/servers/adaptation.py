"""Fields of a request that a server wants otherwise, found by what it says of them."""

import logging
import re
from collections.abc import Mapping

from scripts.core.files import Json, JsonObject
from scripts.servers.pace import TurnedAway

log = logging.getLogger("audit")
# Newer models of some providers take these not, or under another name; null leaves one out.
OTHERWISE = {"max_tokens": "max_completion_tokens", "temperature": None, "top_p": None}
DEFAULT = 1  # of temperature and top_p, where leaving them out changes nothing
NO_SETTING = {"model", "messages", "prompt"}  # words that errors have in any case
UNKNOWN = re.compile(r"unsupported|not? support|deprecated|cannot both|unrecognized|unknown|extra")


class Adaptation:
    """What is said otherwise in the requests of one job to one server: decided once, at the first
    request that is turned away for it."""

    def __init__(self) -> None:
        self.fields: dict[str, str | None] = {}
        self.without: set[str] = set()  # fields left out that had another value than the default

    def applied(self, body: Mapping[str, Json]) -> JsonObject:
        """A request as this server takes it."""
        names = ((self.fields.get(name, name), value) for name, value in body.items())
        return {name: value for name, value in names if name is not None}

    def learns(self, error: TurnedAway, sent: Mapping[str, Json]) -> bool:
        """Whether the request that was sent may be accepted another way than it was."""
        field = _field_of(error, sent)
        if field is None:
            return False
        if field not in self.fields:
            other = self.fields[field] = OTHERWISE[field]
            does = f"is given as `{other}`" if other else "is left out"
            log.warning("the server takes no `%s`, which %s: %s", field, does, error)
            if other is None and sent[field] != DEFAULT:
                self.without.add(field)
        return True


def _field_of(error: TurnedAway, sent: Mapping[str, Json]) -> str | None:
    said = error.said.lower()
    if error.status not in (400, 422) or not UNKNOWN.search(said):
        return None
    named = [error.field] if error.field else re.findall(r"\w+", said)
    first = next((name for name in named if name in sent and name not in NO_SETTING), None)
    return first if first in OTHERWISE else None
