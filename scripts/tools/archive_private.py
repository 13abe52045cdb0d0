"""What an archive must not tell: keys, the machine's name, where files lay on it.

Records that the workflow wrote about itself (logs, configuration, audit.json, report) are
rewritten, and named. Texts, judgements and code are never changed: what they may not hold is
refused. A path of one part tells nothing of a machine and may stand in a text.
"""

import os
import re
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

from scripts.assistants.providers import PROVIDERS
from scripts.core.errors import AuditError

RECORDS = (
    "audit.json", "report.html", "model.json", "plant.json", "adapter_config.json", "audit.yaml",
)  # fmt: skip
SECRET_VARIABLE = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$")
SHORTEST_SECRET = 12
OF_PROVIDERS = "|".join(provider.key_shape for provider in PROVIDERS.values()).encode()
KEY_SHAPES = re.compile(
    rb"\b(%s|hf_[A-Za-z0-9]{30,}|gh[pousr]_[A-Za-z0-9]{36,})"
    rb"|-----BEGIN [A-Z ]*PRIVATE KEY-----" % OF_PROVIDERS
)
ABSOLUTE = re.compile(rb"(?<![\w.:/~<-])/(?:[\w.+@-]+/)+([\w.+@-]*)")
HOST = b"localhost"


def secrets(names: Iterable[str] = ()) -> list[str]:
    """Values of the environment's variables that hold keys: those named, and by their names."""
    found = {
        value
        for name, value in os.environ.items()
        if name in set(names) or SECRET_VARIABLE.search(name)
    }
    return sorted(value for value in found if len(value) >= SHORTEST_SECRET)


def host_names() -> list[str]:
    """This machine's names, except those that could be any word."""
    found = {socket.gethostname(), socket.gethostname().split(".")[0]}
    return sorted(n for n in found if len(n) > 4 and re.search(r"[\d.-]", n) and n != "localhost")


class Cleaner:
    """Makes the files of one archive tell nothing of the machine.

    moved: what absolute paths are called in the archive, "" for the working directory. `rewritten`
    are the files that were changed.
    """

    def __init__(
        self, moved: Mapping[str, str], hosts: Iterable[str], secrets: Iterable[str]
    ) -> None:
        self._moved = {os.fsencode(place): os.fsencode(name) for place, name in moved.items()}
        self._places = sorted(self._moved, key=len, reverse=True)
        self._private = [p for p in self._places if p.strip(b"/").count(b"/")]
        if Path.home().parent != Path(Path.home().anchor):
            self._private.append(os.fsencode(Path.home()))
        self._hosts = [
            re.compile(rb"(?<![\w-])" + re.escape(name.encode()) + rb"(?![\w-])") for name in hosts
        ]
        self._secrets = [secret.encode() for secret in secrets]
        self.rewritten: set[str] = set()

    def clean(self, name: str, content: bytes) -> bytes:
        """The content of a file as it may be packed. Raises AuditError, which names the file, for a
        key, or for a path of this machine where nothing may be rewritten."""
        record = name.startswith(("logs/", "config/")) or Path(name).name in RECORDS
        own = record or not name.startswith("results/")
        if any(secret in content for secret in self._secrets) or (
            own and KEY_SHAPES.search(content)
        ):
            raise AuditError(
                f"`{name}` holds a key or a password, so nothing was packed; take it out of the "
                "file, and revoke it if anyone else can read the file"
            )
        if record:
            cleaned = self._made_relative(name, content)
            if cleaned != content:
                self.rewritten.add(name)
            content = cleaned
        for place in self._private:
            if re.search(_whole(place), content):
                raise AuditError(
                    f"`{name}` holds the path `{os.fsdecode(place)}` of this machine, and it is "
                    "nothing that may be rewritten, so nothing was packed; make the path relative "
                    "in the configuration or the file that it came from, and run the audit again"
                )
        return content

    def _made_relative(self, name: str, content: bytes) -> bytes:
        for place in self._places:
            if place not in content:
                continue
            new = self._moved[place]
            inside = new + b"/" if new else b""
            content = content.replace(place + b"/", inside)
            content = (new or b".").join(re.split(_whole(place), content))
        for host in self._hosts:
            content = host.sub(HOST, content)
        if name.startswith("logs/"):
            # Python's own files in a traceback, and the like
            content = ABSOLUTE.sub(lambda found: found[1] or b"/", content)
        return content


def _whole(place: bytes) -> bytes:
    """A path and what lies below it, but no path that only begins like it."""
    return re.escape(place) + rb"(?![\w.+@-])"
