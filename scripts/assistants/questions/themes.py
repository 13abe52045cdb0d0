"""What findings say together."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scripts.assistants.client import Question, Unusable
from scripts.assistants.questions.form import (
    NUMBERS,
    TEXT,
    list_of,
    object_of,
    places_in,
    reply_list,
    request,
)
from scripts.assistants.quoting import RULE, one_line, quoted
from scripts.assistants.roles import Role

SHOWN = 400  # characters of a text where its beginning is enough

THEMES = f"""You are given numbered findings on how an intervention changed a language model, each \
with what was measured, and the topics that they are on. Group them into a few themes that a \
person would want to know first: what matters most and is largest. Name topics in words of your \
own by what is asked there; their key words may mislead.
{RULE}
Reply with one JSON object: "themes" is a list of objects with "title" (a few words), "summary" \
(one or two sentences that claim no more than the findings do) and "findings" (their numbers)."""


class Topic(NamedTuple):
    """A region as a request for themes shows it: its key words, and prompts of it."""

    words: str
    prompts: Sequence[str]


class Example(NamedTuple):
    """A pair of responses that shows a finding."""

    base: str
    intervention: str


def themes_question(
    role: Role,
    findings: Sequence[str],
    topics: Mapping[str, Topic],
    examples: Mapping[int, Example],
    focus: str | None = None,
) -> Question[list[tuple[str, str, list[int]]]]:
    """Themes over validated findings; read as [(title, summary, places in the list)].

    findings: what was found and measured, a line each; topics: by the names that they use;
    examples: by the finding's number.
    """

    def read(reply: str) -> list[tuple[str, str, list[int]]]:
        found = []
        for row in reply_list(reply, "themes"):
            if not isinstance(row, dict):
                raise Unusable('each theme needs "title", "summary" and "findings"')
            places = places_in(row.get("findings"), len(findings))
            title, summary = (one_line(str(row.get(k) or ""), 400) for k in ("title", "summary"))
            if title and summary and places:
                found.append((title, summary, places))
        return found

    parts = {
        f"{name}, prompt {number}": prompt[:SHOWN]
        for name, topic in topics.items()
        for number, prompt in enumerate(topic.prompts, 1)
    }
    for number, example in examples.items():
        parts |= {f"finding {number}, {side}": t[:SHOWN] for side, t in example._asdict().items()}
    said = ["\n".join(f"{n}. {finding}" for n, finding in enumerate(findings, 1))]
    said += ["\n".join(f"{name}: key words {topic.words}" for name, topic in topics.items())]
    said += [quoted(parts)] if parts else []
    if focus:
        said.append(f"The reader asks above all about this: {one_line(focus)}.")
    theme = object_of({"title": TEXT, "summary": TEXT, "findings": NUMBERS})
    texts, schema = (THEMES, "\n\n".join(said)), object_of({"themes": list_of(theme)})
    return request("themes", role, texts, schema, themes_tokens(len(findings))), read


def themes_tokens(findings: int) -> int:
    """Tokens of a reply with themes over so many findings, at most."""
    return 300 + 60 * findings
