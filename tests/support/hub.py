"""A loopback server that speaks as much of the Hugging Face hub as is asked of it here."""

import hashlib
import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit


@dataclass
class Repository:
    """Folders by commit, and commits by the name of a branch or a tag."""

    commits: dict[str, Path]
    branches: dict[str, str]
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, revision: str) -> str | None:
        named = {**self.branches, **self.tags}.get(revision, revision)
        return named if named in self.commits else None


class Hub:
    """`with Hub({"owner/name": Repository(…)}) as hub:` serves at `hub.url`; `asked`: paths."""

    def __init__(self, repositories: dict[str, Repository]):
        self.repositories, self.asked = repositories, []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def _handler(hub):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_HEAD(self):
                self.do_GET()

            def do_GET(self):
                path = unquote(urlsplit(self.path).path)
                hub.asked.append(path)
                api = path.startswith("/api/models/")
                parts = path.removeprefix("/api/models").strip("/").split("/")
                repository = hub.repositories.get("/".join(parts[:2]))
                if repository is None:
                    return self.answer(404, b"{}", error="RepoNotFound")
                what, *rest = parts[2:] or ["revision"]
                if api and what == "refs":
                    return self.json(
                        {
                            "branches": self.refs("heads", repository.branches),
                            "tags": self.refs("tags", repository.tags),
                            "converts": [],
                        }
                    )
                commit = repository.commit(rest[0] if rest else "main")
                if commit is None:
                    return self.answer(404, b"{}", error="RevisionNotFound")
                folder = repository.commits[commit]
                files = sorted(p for p in folder.rglob("*") if p.is_file())
                if api and what == "tree":
                    return self.json(
                        [
                            {
                                "type": "file",
                                "path": p.relative_to(folder).as_posix(),
                                "size": p.stat().st_size,
                                "oid": hashlib.sha1(p.read_bytes()).hexdigest(),
                            }
                            for p in files
                        ]
                    )
                if api:
                    names = [{"rfilename": p.relative_to(folder).as_posix()} for p in files]
                    return self.json(
                        {"id": "/".join(parts[:2]), "sha": commit, "siblings": names, "tags": []}
                    )
                file = folder.joinpath(*rest[1:])
                if not file.is_file():
                    return self.answer(404, b"", error="EntryNotFound", commit=commit)
                return self.answer(200, file.read_bytes(), commit=commit)

            def refs(self, kind, names):
                return [
                    {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": commit}
                    for name, commit in names.items()
                ]

            def json(self, content):
                self.answer(200, json.dumps(content).encode())

            def answer(self, status, content, error=None, commit=None):
                self.send_response(status)
                self.send_header("content-length", str(len(content)))
                self.send_header("content-type", "application/json")
                if error:
                    self.send_header("x-error-code", error)
                if commit:
                    self.send_header("x-repo-commit", commit)
                    self.send_header("etag", f'"{hashlib.sha1(content).hexdigest()}"')
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(content)

        return Handler
