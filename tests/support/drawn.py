"""What becomes of a draw that the server of loopback.py is asked for: a subject without a model."""

import hashlib
import json
from threading import Lock
from typing import NamedTuple

from behaviour import Behaviour
from wire import in_openai


class Drawn(NamedTuple):
    """The status and the body of an answer, and what was asked, so that draws can be counted."""

    status: int
    body: dict
    asked: str


def rejected(body: dict, behaviour: Behaviour) -> dict | None:
    """The answer to a request with a field that newer models do not take, or not with another."""
    if name := next((name for name in behaviour.rejects if name in body), None):
        said = f"Unsupported parameter: '{name}' is not supported with this model."
        return {"error": {"message": said, "param": name, "code": "unsupported_parameter"}}
    if behaviour.excludes and set(behaviour.excludes) <= set(body):
        both = " and ".join(f"`{name}`" for name in behaviour.excludes)
        return {"error": {"message": f"{both} cannot both be specified for this model."}}
    return None


class Subject:
    """Answers by prompt and seed alone."""

    def __init__(self, behaviour: Behaviour):
        self.behaviour, self.lock = behaviour, Lock()
        self.outcomes: dict[str, str] = {}  # of each draw that was asked for
        self.compared: set[str] = set()  # those that are greedy, before the first round

    def draw(self, body: dict) -> Drawn:
        """The answer to a request, which its prompt and its seed decide."""
        greedy = self.behaviour.greedy and not body.get("temperature")
        prompt = body.get("messages", body.get("prompt"))
        asked = json.dumps([prompt, None if greedy else body["seed"]])
        outcome = self.outcome(body, asked)
        with self.lock:
            self.outcomes[asked] = outcome
            if body.get("temperature") == 0:
                self.compared.add(asked)
        if outcome == "long":
            said = "This model's maximum context length is 64 tokens. However, you asked for 99."
            return Drawn(400, {"error": {"message": said}}, asked)
        if outcome == "filters":
            said = {"message": "turned away by our usage policy", "code": "content_filter"}
            return Drawn(400, {"error": said}, asked)
        if outcome == "fails":
            return Drawn(500, {"error": {"message": "list index out of range"}}, asked)
        text = f"about {hashlib.sha256(asked.encode()).hexdigest()[:8]}"
        cut = outcome == "drowns" or not self.behaviour.finishes
        given = in_openai(text, (1, 2), False, cut=cut)
        given["system_fingerprint"] = self.behaviour.fingerprint
        (choice,) = given["choices"]
        if "prompt" in body:
            choice["text"] = choice.pop("message")["content"]
        elif outcome in ("ponders", "drowns", "silences") and not self.kept_quiet(body):
            begins = "Castles first" if "castles" in json.dumps(body["messages"]) else "Perhaps"
            choice["message"]["reasoning_content"] = f"{begins} {text}."
            if outcome != "ponders":
                choice["message"]["content"] = None
        return Drawn(200, given, asked)

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
