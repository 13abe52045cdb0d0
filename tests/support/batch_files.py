"""Files and batches of requests, as the server of loopback.py takes and shows them."""

import json
import re

from wire import send


class Batches:
    """server: whose requests these are, of the models behind it."""

    def __init__(self, server):
        self.server = server
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict] = {}

    def take(self, handler) -> None:
        """A file, or a batch of the requests in one, whose replies are paid at once."""
        content = handler.rfile.read(int(handler.headers["content-length"]))
        name = f"{len(self.files) + len(self.batches)}"
        if handler.path.endswith("/files"):
            boundary = re.search("boundary=(.+)", handler.headers["content-type"])[1].strip('"')
            part = next(p for p in content.split(f"--{boundary}".encode()) if b"filename=" in p)
            self.files[f"file-{name}"] = part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
            return send(handler, 200, {"id": f"file-{name}", "object": "file", "bytes": 1,
                                        "created_at": 0, "filename": "x", "purpose": "batch",
                                        "status": "processed"})  # fmt: skip
        given = json.loads(content)
        rows = [json.loads(line) for line in self.files[given["input_file_id"]].splitlines()]
        answered = [self.answered(row) for row in rows]
        self.files[f"out-{name}"] = b"\n".join(json.dumps(a).encode() for a in answered if a)
        self.batches[f"batch-{name}"] = {
            "id": f"batch-{name}", "object": "batch", "created_at": 0, "endpoint": "x",
            "completion_window": "24h", "input_file_id": given["input_file_id"],
            "metadata": given["metadata"], "output_file_id": f"out-{name}", "looks": 0,
            "status": "in_progress", "requests": len(rows),
        }  # fmt: skip
        return send(handler, 200, self.batches[f"batch-{name}"])

    def answered(self, row: dict) -> dict | None:
        """The line that answers one of a batch; none where the batch expires before it."""
        if self.server.chance.random() < self.server.behaviour.expires:
            return None
        fault = self.server.fault()
        if fault == "broken":
            response = {"status_code": 500, "body": {"error": {"message": "oops"}}}
        else:
            body, asked = self.server.of_model(row["body"], row["body"]["model"], False, fault)
            self.server.count(asked)
            response = {"status_code": 200, "body": body}
        return {"custom_id": row["custom_id"], "response": response, "error": None}

    def show(self, handler) -> None:
        path = handler.path.partition("?")[0].split("/")
        if path[-1] == "content":
            return send(handler, 200, self.files[path[-2]])
        if path[-1] == "batches":
            listed = {"object": "list", "data": [*self.batches.values()], "has_more": False}
            return send(handler, 200, listed)
        if path[-1] not in self.batches:
            return send(handler, 404, {"error": {"message": "No batch of that name"}})
        batch = self.batches[path[-1]]
        batch["looks"] += 1
        if batch["looks"] > self.server.behaviour.looks:
            batch["status"] = "expired" if self.server.behaviour.expires else "completed"
        return send(handler, 200, batch)
