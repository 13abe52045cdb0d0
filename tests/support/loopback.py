"""A server on 127.0.0.1 that speaks as OpenAI-compatible servers and as Gemini's REST interface do.

Behind it are no models but a deterministic reader (reader.py) and a subject whose draws are made of
their seeds (drawn.py). It counts what it was asked and paid for, and misbehaves as often as it is
told (behaviour.py).
"""

import hashlib
import json
import random
import socket
import struct
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from batch_files import Batches
from behaviour import Behaviour
from drawn import Subject, rejected
from reader import Reader
from wire import form_of, in_gemini, in_openai, send, texts_of


class Loopback:
    """`with Loopback(busy=0.2) as server:` and then `server.openai` or `server.gemini`."""

    def __init__(self, port: int = 0, **behaviour):
        self.behaviour = Behaviour(**behaviour)
        self.attempts, self.headers, self.connections, self.held = 0, [], 0, 0
        self.replies: Counter[str] = Counter()  # of each distinct request to a model, sent whole
        self.asked: list[dict] = []
        self.reader, self.subject = Reader(self.behaviour), Subject(self.behaviour)
        self.batched = Batches(self)
        self.chance, self.lock = random.Random(0), threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                super().setup()
                with outer.lock:
                    outer.connections += 1

            def log_message(self, *arguments):
                pass

            def do_POST(self):
                if self.path.endswith(("/files", "/batches")):
                    return outer.batched.take(self)
                return outer.answer(self)

            def do_GET(self):
                if "/files/" in self.path or "/batches" in self.path:
                    return outer.batched.show(self)
                listed = outer.behaviour.listed
                send(self, 200 if listed else 404, {"object": "list", "data": [listed]})

        class Server(ThreadingHTTPServer):
            daemon_threads, request_queue_size = True, 256

            def handle_error(self, request, client_address):
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.openai = f"http://127.0.0.1:{self.port}/v1"
        self.gemini = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *error):
        self.server.shutdown()
        self.server.server_close()

    def fault(self) -> str | None:
        with self.lock:
            place, edge = self.chance.random(), 0.0
        for name in ("busy", "broken", "silent", "truncated", "reset", "garbage", "refused", "cut",
                     "hidden"):  # fmt: skip
            edge += getattr(self.behaviour, name)
            if place < edge:
                return name
        return None

    def answer(self, handler) -> None:
        length = int(handler.headers["content-length"])
        body = json.loads(handler.rfile.read(length))
        gemini = ":generateContent" in handler.path
        with self.lock:
            self.attempts += 1
            self.headers.append(dict(handler.headers))
            self.asked.append(body)
        time.sleep(self.behaviour.delay)
        if self.full:
            return self.hold(handler)
        fault = self.fault()
        if self.behaviour.status:
            return send(
                handler, self.behaviour.status, {"error": {"message": self.behaviour.message}}
            )
        if error := rejected(body, self.behaviour):
            return send(handler, 400, error)
        form = form_of(body, gemini)
        if self.behaviour.forms is not None and form not in self.behaviour.forms:
            return send(handler, 400, {"error": {"message": f"{form} is not supported"}})
        if fault == "busy":
            return send(handler, 429, {"error": {"message": "slow down"}})
        if fault == "broken":
            return send(handler, 500, {"error": {"message": "oops"}})
        if fault == "hidden":
            error = {"message": "no provider is free", "code": 502}
            return send(handler, 200, {"error": error, "choices": None})
        if fault == "silent":
            time.sleep(self.behaviour.silence)
            handler.close_connection = True
            return None
        if fault == "reset":
            linger = struct.pack("ii", 1, 0)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            handler.connection.close()
            handler.close_connection = True
            return None
        if "seed" in body:  # a subject that decodes
            status, given, asked = self.subject.draw(body)
            if status != 200:
                return send(handler, status, given)
        else:
            model = handler.path if gemini else body["model"]
            given, asked = self.of_model(body, model, gemini, fault)
        send(handler, 200, given, cut=fault == "truncated")
        if fault != "truncated":
            self.count(asked)
        return None

    @property
    def full(self) -> bool:
        return sum(self.replies.values()) >= self.behaviour.holds

    def hold(self, handler) -> None:
        """Leave a request without an answer until `holds` is raised, and then, too."""
        with self.lock:
            self.held += 1
        while self.full:
            time.sleep(0.01)
        handler.close_connection = True

    def of_model(self, body: dict, model: str, gemini: bool, fault: str | None) -> tuple[dict, str]:
        """What a model answers, and what it was asked."""
        system, prompt = texts_of(body, gemini)
        refused = fault == "refused" or (self.behaviour.refuse_when or "\0") in prompt
        text = '{"1": "A", ' if fault == "garbage" else self.reader.reply(system, prompt)
        usage = ((len(system) + len(prompt)) // 4, len(text) // 4 + 1)
        if fault == "cut":
            text = '<think>A draft: {"1": "B"}. But '
        written = in_gemini if gemini else in_openai
        given = written("" if refused else text, usage, refused, cut=fault == "cut")
        if self.behaviour.reasons:
            given["choices"][0]["message"]["reasoning_content"] = 'A draft: {"1": "B"}.'
        return given, f"{model} {system}{prompt}"

    def count(self, asked: str) -> None:
        with self.lock:
            self.replies[hashlib.sha256(asked.encode()).hexdigest()] += 1


# `python tests/support/loopback.py 0.2` prints its port and serves until it is killed.
if __name__ == "__main__":
    with Loopback(delay=float(sys.argv[1])) as alone:
        print(alone.port, flush=True)
        while True:
            time.sleep(1)
