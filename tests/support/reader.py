"""The model behind the server of loopback.py, which is none but a deterministic reader: it proposes
words that one side says more often and judges statements on words by looking for them, as well as
its `accuracy` allows.
"""

import hashlib
import json
import random
import re
from collections import Counter
from threading import Lock

from behaviour import Behaviour

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


class Reader:
    """Writes, merges, reviews, judges and sums up as a request of each kind asks for it."""

    def __init__(self, behaviour: Behaviour):
        self.behaviour, self.lock = behaviour, Lock()

    def reply(self, system: str, prompt: str) -> str:
        kind, found = self.found(system, prompt)
        with self.lock:
            self.behaviour.kinds[kind] += 1
        return self.styled(found, system + prompt)

    def found(self, system: str, prompt: str) -> tuple[str, dict]:
        """The kind of a request, which its instruction tells, and the reply as an object."""
        marked = {name: text for name, _, text in MARKED.findall(prompt)}
        if "which response it is true of" in " ".join(system.split()):
            return "judge", self.judge(marked, prompt)
        if "model X" in system:
            return "propose", propose(marked)
        if "fine-tuned" in system:
            return "plant", planted(system, marked, prompt)
        if "that people ask an assistant" in system:
            return "plant", {"prompts": [f"How tall is tree {n}?" for n in range(9)]}
        if "a bank of prompts with which" in system:
            return bank(system, prompt, self.behaviour.repeats)
        if '"matched"' in system:
            return "probe", probing(marked, prompt)
        if '"groups"' in system:
            return "merge", {"groups": same(numbered(prompt))}
        if '"specificity"' in system:
            return "review", reviewed(prompt)
        if '"scores"' in system:
            return "similarity", alike(marked, prompt)
        if '"related"' in system:
            return "relate", related(prompt)
        theme = {"title": "Words", "summary": "It says other words."}
        return "themes", {"themes": [theme | {"findings": list(numbered(prompt))}]}

    def styled(self, found: dict, asked: str) -> str:
        chance = random.Random(hashlib.sha256(asked.encode()).digest())
        place, edge, text = chance.random(), 0.0, json.dumps(found)
        for style in STYLES:
            edge += getattr(self.behaviour, style)
            if place < edge:
                with self.lock:
                    self.behaviour.styles[style] += 1
                return in_style(style, found, text, chance)
        return text

    def judge(self, marked: dict[str, str], prompt: str) -> dict[str, str]:
        a, b = marked["response A"], marked["response B"]
        found = {}
        for number, statement in numbered(prompt.rsplit("Statements:", 1)[1]).items():
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


def alike(marked: dict[str, str], prompt: str) -> dict:
    """Findings on a word that the change has are the same one."""
    rows = [
        {
            "finding": n,
            "score": 95 if any(w in marked["change"] for w in QUOTED.findall(said)) else 5,
        }
        for n, said in numbered(prompt).items()
    ]
    return {"scores": rows}


def in_style(style: str, found: dict, text: str, chance: random.Random) -> str:
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
    return json.dumps(in_words(found))


def in_words(found):
    if isinstance(found, dict):
        return {IN_WORDS.get(key, key): in_words(value) for key, value in found.items()}
    return list(map(in_words, found)) if isinstance(found, list) else IN_WORDS.get(found, found)


def bank(system: str, prompt: str, repeats: float) -> tuple[str, dict]:
    """Topics by number, or prompts on one: of those that repeat others every second in nearly the
    same words."""
    if '"topics"' in system:
        count = int(re.search(r"Name (\d+) topics", prompt)[1])
        letters = [f"{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(count)]
        return "topics", {"topics": [f"{both} birds" for both in letters]}
    topic = re.search("Topic: (.+)", prompt)[1]
    count, part = map(int, re.search(r"Write (\d+) prompts: part (\d+)", prompt).groups())
    found = [f"Which {topic} has number {100 * part + n}?" for n in range(count)]
    for place in range(1, int(repeats * count) + 1):
        near = f"And the {topic} that has number {100 * part}?"
        found[-place] = found[0].upper() if place % 2 else near
    return "bank", {"prompts": found}


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
    """Groups of statements on the same words."""
    groups: dict[frozenset, list[int]] = {}
    for number, statement in statements.items():
        groups.setdefault(frozenset(QUOTED.findall(statement)), []).append(number)
    return [{"keep": kept, "same": same} for kept, *same in groups.values() if same]


def probing(marked: dict[str, str], prompt: str) -> dict:
    """Prompts about the word of a behaviour, and matched ones of another form."""
    (word,) = QUOTED.findall(prompt)[-1:] or ["it"]
    first = sum(name.startswith("written") for name in marked)
    numbers = range(first, first + int(re.findall(r"Write (\d+)", prompt)[-1]))
    return {
        "prompts": [
            {
                "shows": f"What about {word} number {n}?",
                "matched": f"Why is plate {n} of {word} round?",
            }
            for n in numbers
        ]
    }


def reviewed(prompt: str) -> dict:
    """Statements in their own words."""
    return {
        "statements": [
            {"number": n, "statement": s.removeprefix("The response "), "specificity": 4,
             "interest": 1 + len(s) % 5}
            for n, s in numbered(prompt).items()
        ]
    }  # fmt: skip


def related(prompt: str) -> dict:
    """Candidates that share a word with what is tested."""
    tested, candidates = prompt.split("Candidates:")
    words = set(QUOTED.findall(tested))
    numbers = [n for n, s in numbered(candidates).items() if words & set(QUOTED.findall(s))]
    return {"related": numbers}


def numbered(text: str) -> dict[int, str]:
    return {int(n): s for n, s in re.findall(r"^(\d+)\. (.*)$", text, re.M)}
