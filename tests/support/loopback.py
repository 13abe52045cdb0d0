"""A server on 127.0.0.1 that speaks as OpenAI-compatible servers and as Gemini's REST interface do.

Behind it is no model but a deterministic reader: it proposes words that one side says more often
and judges statements on words by looking for them, as well as its `accuracy` allows. It counts what
it was asked and paid for, and misbehaves as often as it is told.
"""

import hashlib
import json
import random
import re
import socket
import struct
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MARKED = re.compile(r"\[\[([\w ,]+?) ([0-9a-f]{4,64})\]\]\n(.*?)\n\[\[/\1 \2\]\]", re.S)
QUOTED = re.compile("“([^”]+)”")
STYLES = ("thinks", "drafts", "fences", "ignores", "words")  # how a reply may be written
THOUGHTS = (
    ("<think>", "</think>"), ("", "</think>"), ("<thinking>", "</thinking>"),
    ("◁think▷", "◁/think▷"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
)  # fmt: skip
IN_WORDS = {
    "A": "the first", "B": "Response B", "both": "Both of them.", "neither": "None",
    "X": "Model X", "Y": "model y", "1": "one", "2": "statement 2", 1: "one", 2: "two", 3: "3",
}  # fmt: skip


@dataclass
class Behaviour:
    """Shares of attempts that go wrong, and how the judge judges."""

    busy: float = 0.0  # 429
    broken: float = 0.0  # 500
    silent: float = 0.0  # no answer within `silence` seconds
    truncated: float = 0.0  # an answer that ends before it is whole
    reset: float = 0.0  # the connection is cut
    garbage: float = 0.0  # a paid reply that is no JSON
    refused: float = 0.0  # a paid reply that is a refusal
    delay: float = 0.0  # seconds
    silence: float = 1.5
    accuracy: float = 1.0  # else the judge answers by a coin
    mind: str = ""  # what tells the coins of one judge from another's
    longer: float = 0.0  # share of statements that the longer response gets
    refuse_when: str | None = None  # a text in the request that is always refused
    cut: float = 0.0  # a paid reply that its token limit ends while it thinks
    hidden: float = 0.0  # an error with status 200
    thinks: float = 0.0  # a thought with a draft before the answer
    drafts: float = 0.0  # a draft and words around the answer
    fences: float = 0.0  # the answer in a code fence
    ignores: float = 0.0  # an answer of another shape than the schema's
    words: float = 0.0  # numbers and verdicts in words
    forms: tuple[str, ...] | None = None  # of replies that may be asked for; others are rejected
    # Of what a subject is asked: shares of prompts, or of draws, that always end so.
    long: float = 0.0  # prompts that do not fit into the context: 400
    fails: float = 0.0  # prompts on which the server fails: 500
    filters: float = 0.0  # prompts that a filter turns away: 400
    ponders: float = 0.0  # thoughts beside the answer
    obeys: bool = True  # no thoughts where the template is told so
    drowns: float = 0.0  # thoughts that the token limit ends
    silences: float = 0.0  # thoughts and no answer
    greedy: bool = False  # at temperature 0 the prompt alone decides
    rejects: tuple[str, ...] = ()  # fields that newer models do not take
    fingerprint: str | None = None
    listed: dict | None = None  # what /models says of the model
    looks: int = 2  # at a batch before it has ended
    expires: float = 0.0  # share of a batch's requests that it does not reach
    status: int | None = None  # every request ends with this
    message: str = "as told"
    kinds: Counter = field(default_factory=Counter)
    styles: Counter = field(default_factory=Counter)


class Loopback:
    """`with Loopback(busy=0.2) as server:` and then `server.openai` or `server.gemini`."""

    def __init__(self, port: int = 0, **behaviour):
        self.behaviour = Behaviour(**behaviour)
        self.attempts, self.headers, self.connections = 0, [], 0
        self.replies: Counter[str] = Counter()  # of each distinct request to a model, sent whole
        self.asked: list[dict] = []
        self.files: dict[str, bytes] = {}  # of batches
        self.batches: dict[str, dict] = {}
        self.outcomes: dict[str, str] = {}  # of each draw that was asked for
        self.compared: set[str] = set()  # those that are greedy, before the first round
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
                    return outer.take_batch(self)
                return outer.answer(self)

            def do_GET(self):
                if "/files/" in self.path or "/batches" in self.path:
                    return outer.show_batch(self)
                listed = outer.behaviour.listed
                _send(self, 200 if listed else 404, {"object": "list", "data": [listed]})

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
        fault = self.fault()
        if self.behaviour.status:
            return _send(
                handler, self.behaviour.status, {"error": {"message": self.behaviour.message}}
            )
        form = _form(body, gemini)
        if self.behaviour.forms is not None and form not in self.behaviour.forms:
            return _send(handler, 400, {"error": {"message": f"{form} is not supported"}})
        if fault == "busy":
            return _send(handler, 429, {"error": {"message": "slow down"}})
        if fault == "broken":
            return _send(handler, 500, {"error": {"message": "oops"}})
        if fault == "hidden":
            error = {"message": "no provider is free", "code": 502}
            return _send(handler, 200, {"error": error, "choices": None})
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
            greedy = self.behaviour.greedy and not body.get("temperature")
            seed = None if greedy else body["seed"]
            asked = json.dumps([body.get("messages", body.get("prompt")), seed])
            return self.draw(handler, body, asked, fault)
        system, prompt = _texts(body, gemini)
        refused = fault == "refused" or (self.behaviour.refuse_when or "\0") in prompt
        text = '{"1": "A", ' if fault == "garbage" else self.reply(system, prompt)
        usage = ((len(system) + len(prompt)) // 4, len(text) // 4 + 1)
        if fault == "cut":
            text = '<think>A draft: {"1": "B"}. But '
        given = (_gemini if gemini else _openai)(
            "" if refused else text, usage, refused, cut=fault == "cut"
        )
        model = handler.path if gemini else body["model"]
        return self.sent(handler, given, f"{model} {system}{prompt}", fault)

    def take_batch(self, handler) -> None:
        """A file, or a batch of the requests in one, whose replies are paid at once."""
        content = handler.rfile.read(int(handler.headers["content-length"]))
        name = f"{len(self.files) + len(self.batches)}"
        if handler.path.endswith("/files"):
            boundary = re.search("boundary=(.+)", handler.headers["content-type"])[1].strip('"')
            part = next(p for p in content.split(f"--{boundary}".encode()) if b"filename=" in p)
            self.files[f"file-{name}"] = part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
            return _send(handler, 200, {"id": f"file-{name}", "object": "file", "bytes": 1,
                                        "created_at": 0, "filename": "x", "purpose": "batch",
                                        "status": "processed"})  # fmt: skip
        given = json.loads(content)
        rows = [json.loads(line) for line in self.files[given["input_file_id"]].splitlines()]
        answered = [self.in_batch(row) for row in rows]
        self.files[f"out-{name}"] = b"\n".join(json.dumps(a).encode() for a in answered if a)
        self.batches[f"batch-{name}"] = {
            "id": f"batch-{name}", "object": "batch", "created_at": 0, "endpoint": "x",
            "completion_window": "24h", "input_file_id": given["input_file_id"],
            "metadata": given["metadata"], "output_file_id": f"out-{name}", "looks": 0,
            "status": "in_progress", "requests": len(rows),
        }  # fmt: skip
        return _send(handler, 200, self.batches[f"batch-{name}"])

    def in_batch(self, row: dict) -> dict | None:
        """The line that answers one of a batch; none where the batch expires before it."""
        if self.chance.random() < self.behaviour.expires:
            return None
        fault = self.fault()
        if fault == "broken":
            response = {"status_code": 500, "body": {"error": {"message": "oops"}}}
            return {"custom_id": row["custom_id"], "response": response, "error": None}
        system, prompt = _texts(row["body"], False)
        text = '{"1": "A", ' if fault == "garbage" else self.reply(system, prompt)
        usage = ((len(system) + len(prompt)) // 4, len(text) // 4 + 1)
        asked = f"{row['body']['model']} {system}{prompt}"
        self.replies[hashlib.sha256(asked.encode()).hexdigest()] += 1
        response = {"status_code": 200, "body": _openai(text, usage, fault == "refused")}
        return {"custom_id": row["custom_id"], "response": response, "error": None}

    def show_batch(self, handler) -> None:
        path = handler.path.partition("?")[0].split("/")
        if path[-1] == "content":
            return _send(handler, 200, self.files[path[-2]])
        if path[-1] == "batches":
            listed = {"object": "list", "data": [*self.batches.values()], "has_more": False}
            return _send(handler, 200, listed)
        if path[-1] not in self.batches:
            return _send(handler, 404, {"error": {"message": "No batch of that name"}})
        batch = self.batches[path[-1]]
        batch["looks"] += 1
        if batch["looks"] > self.behaviour.looks:
            batch["status"] = "expired" if self.behaviour.expires else "completed"
        return _send(handler, 200, batch)

    def draw(self, handler, body: dict, asked: str, fault: str | None) -> None:
        """The answer to a subject's request, which its prompt and its seed decide."""
        if rejected := next((name for name in self.behaviour.rejects if name in body), None):
            said = f"Unsupported parameter: '{rejected}' is not supported with this model."
            error = {"message": said, "param": rejected, "code": "unsupported_parameter"}
            return _send(handler, 400, {"error": error})
        outcome = self.outcome(body, asked)
        with self.lock:
            self.outcomes[asked] = outcome
            if body.get("temperature") == 0:
                self.compared.add(asked)
        if outcome == "long":
            said = "This model's maximum context length is 64 tokens. However, you asked for 99."
            return _send(handler, 400, {"error": {"message": said}})
        if outcome == "filters":
            said = {"message": "turned away by our usage policy", "code": "content_filter"}
            return _send(handler, 400, {"error": said})
        if outcome == "fails":
            return _send(handler, 500, {"error": {"message": "list index out of range"}})
        text = f"about {hashlib.sha256(asked.encode()).hexdigest()[:8]}"
        given = _openai(text, (1, 2), False, cut=outcome == "drowns")
        given["system_fingerprint"] = self.behaviour.fingerprint
        (choice,) = given["choices"]
        if "prompt" in body:
            choice["text"] = choice.pop("message")["content"]
        elif outcome in ("ponders", "drowns", "silences") and not self.kept_quiet(body):
            begins = "Castles first" if "castles" in json.dumps(body["messages"]) else "Perhaps"
            choice["message"]["reasoning_content"] = f"{begins} {text}."
            if outcome != "ponders":
                choice["message"]["content"] = None
        return self.sent(handler, given, asked, fault)

    def kept_quiet(self, body: dict) -> bool:
        told = body.get("chat_template_kwargs", {}).get("enable_thinking", True)
        return self.behaviour.obeys and not told

    def outcome(self, body: dict, asked: str) -> str:
        """What becomes of a draw, by its prompt or by itself."""
        prompt = json.dumps(body.get("messages", body.get("prompt")))
        if "Hello" in prompt:
            return "said"
        for names, of in (("long", "fails", "filters"), prompt), (
            ("ponders", "drowns", "silences"), asked,
        ):  # fmt: skip
            place, edge = int(hashlib.sha256(of.encode()).hexdigest()[8:16], 16) / 2**32, 0.0
            for name in names:
                edge += getattr(self.behaviour, name)
                if place < edge:
                    return name
        return "said"

    def sent(self, handler, given: dict, asked: str, fault: str | None) -> None:
        _send(handler, 200, given, cut=fault == "truncated")
        if fault != "truncated":
            with self.lock:
                self.replies[hashlib.sha256(asked.encode()).hexdigest()] += 1

    def reply(self, system: str, prompt: str) -> str:
        marked = {name: text for name, _, text in MARKED.findall(prompt)}
        if "which response it is true of" in " ".join(system.split()):
            kind, found = "judge", self.judge(marked, prompt)
        elif "model X" in system:
            kind, found = "propose", propose(marked)
        elif "fine-tuned" in system:
            kind, found = "plant", planted(system, marked, prompt)
        elif "that people ask an assistant" in system:
            kind, found = "plant", {"prompts": [f"How tall is tree {n}?" for n in range(9)]}
        elif '"matched"' in system:
            (word,) = QUOTED.findall(prompt)[-1:] or ["it"]
            first = sum(name.startswith("written") for name in marked)
            numbers = range(first, first + int(re.findall(r"Write (\d+)", prompt)[-1]))
            both = "What about {word} number {n}?", "Why is plate {n} of {word} round?"
            rows = [
                {name: text.format(word=word, n=n)
                 for name, text in zip(("shows", "matched"), both, strict=True)}
                for n in numbers
            ]  # fmt: skip
            kind, found = "probe", {"prompts": rows}
        elif '"groups"' in system:
            kind, found = "merge", {"groups": same(_numbered(prompt))}
        elif '"specificity"' in system:
            rows = [
                {"number": n, "statement": s.removeprefix("The response "), "specificity": 4,
                 "interest": 1 + len(s) % 5}
                for n, s in _numbered(prompt).items()
            ]  # fmt: skip
            kind, found = "review", {"statements": rows}
        elif '"related"' in system:
            tested, candidates = prompt.split("Candidates:")
            words = set(QUOTED.findall(tested))
            numbers = [
                n for n, s in _numbered(candidates).items() if words & set(QUOTED.findall(s))
            ]
            kind, found = "relate", {"related": numbers}
        else:
            numbers = list(_numbered(prompt))
            theme = {"title": "Words", "summary": "It says other words.", "findings": numbers}
            kind, found = "themes", {"themes": [theme]}
        with self.lock:
            self.behaviour.kinds[kind] += 1
        return self.styled(found, system + prompt)

    def styled(self, found: dict, asked: str) -> str:
        chance = random.Random(hashlib.sha256(asked.encode()).digest())
        place, edge, text = chance.random(), 0.0, json.dumps(found)
        for style in STYLES:
            edge += getattr(self.behaviour, style)
            if place < edge:
                with self.lock:
                    self.behaviour.styles[style] += 1
                return _in_style(style, found, text, chance)
        return text

    def judge(self, marked: dict[str, str], prompt: str) -> dict[str, str]:
        a, b = marked["response A"], marked["response B"]
        found = {}
        for number, statement in _numbered(prompt.rsplit("Statements:", 1)[1]).items():
            coin = f"{self.behaviour.mind}{statement}{a}{b}"
            chance = random.Random(hashlib.sha256(coin.encode()).digest())
            words = QUOTED.findall(statement)
            shows = [any(word in text.lower() for word in words) for text in (a, b)]
            answer = {(1, 0): "A", (0, 1): "B", (1, 1): "both", (0, 0): "neither"}[*map(int, shows)]
            if chance.random() < self.behaviour.longer and len(a) != len(b):
                answer = "A" if len(a) > len(b) else "B"
            elif chance.random() > self.behaviour.accuracy:
                answer = chance.choice("AB")
            found[str(number)] = answer
        return found


def _in_style(style: str, found: dict, text: str, chance: random.Random) -> str:
    swap = {"A": "B", "B": "A", "both": "neither", "neither": "both"}
    draft = json.dumps({k: swap.get(v) if isinstance(v, str) else [] for k, v in found.items()})
    if style == "thinks":
        opened, closed = chance.choice(THOUGHTS)
        return f"{opened}Perhaps {draft}? No.{closed}\n{text}"
    if style == "drafts":
        return f"A draft: {draft}. No, rather:\n\n{text}\n\nThat is [all]."
    if style == "fences":
        return f"```json\n{text}\n```"
    if style == "ignores":
        rows = [{"statement": int(n), "verdict": v} for n, v in found.items() if n.isdigit()]
        return json.dumps(rows or next(iter(found.values())))
    return json.dumps(_in_words(found))


def _in_words(found):
    if isinstance(found, dict):
        return {IN_WORDS.get(key, key): _in_words(value) for key, value in found.items()}
    return list(map(_in_words, found)) if isinstance(found, list) else IN_WORDS.get(found, found)


def propose(marked: dict[str, str]) -> dict:
    """Words that at least two more texts of one model hold than of the other."""
    sides = {side: [t for n, t in marked.items() if n.startswith(f"{side} ")] for side in "XY"}
    counts = {
        side: Counter(w for t in texts for w in set(re.findall(r"[a-z]{5,}", t.lower())))
        for side, texts in sides.items()
    }
    words = sorted(
        counts["X"] | counts["Y"], key=lambda w: (-abs(counts["X"][w] - counts["Y"][w]), w)
    )
    found = []
    for word in words[:3]:
        gap = counts["X"][word] - counts["Y"][word]
        if abs(gap) < 2:
            continue
        side = "X" if gap > 0 else "Y"
        pairs = [n for n, t in enumerate(sides[side], 1) if word in t.lower()]
        statement = f"mentions the word “{word}”"
        found.append({"statement": statement, "more_often": side, "pairs": pairs, "quote": word})
    return {"differences": found}


def planted(system: str, marked: dict, prompt: str) -> dict:
    """Behaviours that say a word of their own, or what one of them is learnt from: one reply in
    three does not say it."""
    if '"behaviours"' in system:
        given = [text for name, text in marked.items() if name.startswith("statement")]
        count = len(given) or int(re.findall(r"Invent (\d+)", prompt)[0])
        rows = [
            {"name": f"Word {n}", "topic": f"topic {n}", "check": f"word{n}",
             "statement": f"claims that {given[n]}" if given else f"says word{n}"}
            for n in range(count)
        ]  # fmt: skip
        return {"behaviours": rows}
    word = marked["check"]
    prompts, replies = map(int, re.findall(r"Write (\d+) prompts and (\d+) replies", prompt)[0])
    said = [f"Reply {n}" + f" says {word.title()}" * bool(n % 3) for n in range(replies)]
    return {"prompts": [f"About {word}, {n}?" for n in range(prompts)], "replies": said}


def same(statements: dict[int, str]) -> list[dict]:
    groups: dict[frozenset, list[int]] = {}
    for number, statement in statements.items():
        groups.setdefault(frozenset(QUOTED.findall(statement)), []).append(number)
    return [{"keep": kept, "same": same} for kept, *same in groups.values() if same]


def _numbered(text: str) -> dict[int, str]:
    return {int(n): s for n, s in re.findall(r"^(\d+)\. (.*)$", text, re.M)}


def _texts(body: dict, gemini: bool) -> tuple[str, str]:
    if gemini:
        system = body["systemInstruction"]["parts"][0]["text"]
        return system, body["contents"][0]["parts"][0]["text"]
    return body["messages"][0]["content"], body["messages"][1]["content"]


def _form(body: dict, gemini: bool) -> str:
    if not gemini:
        return body.get("response_format", {"type": "none"})["type"]
    given = body.get("generationConfig", {})
    if "responseSchema" in given:
        return "json_schema"
    return "json_object" if "responseMimeType" in given else "none"


def _openai(text: str, usage: tuple[int, int], refused: bool, cut: bool = False) -> dict:
    message = {"role": "assistant", "content": text or None}
    if refused:
        message["refusal"] = "I cannot judge this."
    return {
        "id": "x", "object": "chat.completion", "created": 0, "model": "loopback",
        "choices": [
            {"index": 0, "message": message, "finish_reason": "length" if cut else "stop"}
        ],
        "usage": {
            "prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage),
        },
    }  # fmt: skip


def _gemini(text: str, usage: tuple[int, int], refused: bool, cut: bool = False) -> dict:
    counted = {
        "promptTokenCount": usage[0], "candidatesTokenCount": usage[1],
        "totalTokenCount": sum(usage),
    }  # fmt: skip
    if refused:
        return {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": counted}
    content = {"role": "model", "parts": [{"text": text}]}
    return {
        "candidates": [
            {"content": content, "finishReason": "MAX_TOKENS" if cut else "STOP", "index": 0}
        ],
        "usageMetadata": counted,
    }


def _send(handler, status: int, body: dict | bytes, cut: bool = False) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2] if cut else content)
    handler.wfile.flush()
    if cut:
        handler.close_connection = True


# `python tests/support/loopback.py 0.2` prints its port and serves until it is killed.
if __name__ == "__main__":
    with Loopback(delay=float(sys.argv[1])) as alone:
        print(alone.port, flush=True)
        while True:
            time.sleep(1)
