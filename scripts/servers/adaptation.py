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
CONFLICT = re.compile(
    r"cannot both|not both|only one of|mutually exclusive"
    r"|(?:cannot|can't|not) be \w+ (?:together|with)"
)
UNKNOWN = re.compile(
    rf"unsupported|not? support|deprecated|unrecognized|unknown|extra|{CONFLICT.pattern}"
)
# Where these exclude each other the first is left out, unless the other alone is at its default.
SOONER_LEFT_OUT = ("top_p", "temperature")


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
    words = dict.fromkeys(w for w in re.findall(r"\w+", said) if w in sent)
    named = [word for word in words if word not in NO_SETTING]
    if CONFLICT.search(said) and set(named) == set(SOONER_LEFT_OUT):
        # The one without which the least is asked otherwise.
        return min(SOONER_LEFT_OUT, key=lambda name: sent[name] != DEFAULT)
    first = error.field or next(iter(named), None)
    return first if first in sent and first in OTHERWISE else None
