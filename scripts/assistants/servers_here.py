"""Servers that a stage's job starts for the roles that have them, each when it is first asked."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from threading import Lock

from scripts.assistants.roles import Role, RoleServer, StageRoles
from scripts.core.errors import AuditError
from scripts.core.job import Job
from scripts.models.checkpoint import check_allowed
from scripts.models.description import model_folder
from scripts.servers.devices import OwnDevices
from scripts.servers.engines import TRUSTING, Started, command
from scripts.servers.started import free_port, started


class ServersHere:
    """`with ServersHere(folders, log) as servers:` ends what was started with the block.

    folders: of the models, by what stands for each server; log: the job's, beside which each server
    has one of its own; devices: that each of them may use. Roles with the same server share it.
    """

    def __init__(self, folders: Mapping[str, Path], log: Path, devices: int = 1):
        self._folders, self._log, self._devices = folders, log, devices
        self._running: dict[str, Started] = {}
        self._stack, self._starting = ExitStack(), Lock()
        self._own = self._stack.enter_context(OwnDevices())

    def __enter__(self) -> "ServersHere":
        return self

    def __exit__(self, *error) -> None:
        self._stack.close()

    def start_of(self, role: Role) -> Callable[[], Started] | None:
        """What starts a role's server and waits until it answers; None where it has none."""
        server = role.server
        return None if server is None else lambda: self._started(server)

    def _started(self, server: RoleServer) -> Started:
        with self._starting:
            if server.identity not in self._running:
                self._running[server.identity] = self._start(server)
            return self._running[server.identity]

    def _start(self, server: RoleServer) -> Started:
        # Of the hub a file is a link to one without an ending, which is not followed.
        folder, port = self._folders[server.identity].absolute(), free_port()
        code = server.trust_remote_code
        given = {**server.arguments, **TRUSTING} if code else server.arguments
        log = self._log.with_suffix(f".{server.identity[:8]}.server.log")
        try:
            check_allowed(folder, code, server.pickled_weights)
            how = command(server.engine, folder, None, port, given, self._devices)
            seen = self._own.seen_by(given, self._devices)
            url = self._stack.enter_context(started(how, port, log, server.start_within, seen))
        except AuditError as error:
            raise AuditError(f"`assistant`, server of {server.model}: {error}") from None
        return Started(url, server.engine, folder, how.name)


def served_here(job: Job, roles: StageRoles) -> ServersHere:
    """What starts the servers of a job's roles, from the descriptions of their models."""
    described = zip(roles.servers(), job.input.models, strict=True)
    folders = {server.identity: model_folder(path) for server, path in described}
    return ServersHere(folders, Path(job.log), job.params.devices)
