"""The prompts of a bank: the topics that a description holds, and prompts on a topic."""

from collections.abc import Sequence

from scripts.assistants.client import Question, Unusable
from scripts.assistants.questions.form import (
    TEXT,
    list_of,
    object_of,
    reply_list,
    request,
)
from scripts.assistants.quoting import RULE, one_line, quoted
from scripts.assistants.roles import Role
from scripts.prompts.prompt import BankError, normal_prompt

TOPICS = """You plan a bank of prompts with which language models are compared. You are given a \
description of these prompts. Name the topics that together cover what it describes, and nothing \
beside it: each in one to six words that a reader understands without the others, no two of them \
alike, none a part of another.
Reply with one JSON object: "topics" is a list of texts."""

PROMPTS = f"""You write a bank of prompts with which language models are compared: what people \
would really send to an assistant, each prompt complete in itself, without an answer and without \
a number. Keep to the topic and to the description, if there is one. Let prompts differ in what \
they ask, not in their words alone, and in length, form and who might be asking, as far as the \
description leaves that open. Write in the language of the description and the topic unless they \
name another one.
{RULE}
Reply with one JSON object: "prompts" is a list of texts."""


def topics_question(role: Role, description: str, count: int) -> Question[list[str]]:
    """Topics of what a description describes; read as names in normal form, each once."""
    prompt = f"Description: {description}\n\nName {count} topics."
    schema = object_of({"topics": list_of(TEXT)})

    def read(reply: str) -> list[str]:
        found = [one_line(text) for text in _texts(reply, "topics")]
        by_name = {name.casefold(): name for name in reversed(found) if name}
        if not by_name:
            raise Unusable("it named no topic")
        return list(by_name.values())[::-1][:count]

    return request("topics", role, (TOPICS, prompt), schema, topics_tokens(count)), read


def topics_tokens(count: int) -> int:
    """Tokens of a reply with so many topics, at most."""
    return 200 + 30 * count


def prompts_question(
    role: Role, topic: str, description: str | None, known: Sequence[str], count: int, place: str
) -> Question[list[str]]:
    """Prompts on a topic; read as texts in normal form, those that say nothing as "".

    known: what was written before on it; place: where these belong ("part 2 of set 1"), so that no
    two requests are the same.
    """
    parts = [f"Topic: {topic}"]
    if description:
        parts.insert(0, f"Description: {description}")
    if known:
        lines = "\n".join(f"- {one_line(text)}" for text in known)
        parts.append(f"{quoted({'written': lines})}\n\nThose are there already: write others.")
    parts.append(f"Write {count} prompts: {place}.")
    schema = object_of({"prompts": list_of(TEXT)})

    def read(reply: str) -> list[str]:
        try:
            return [str(normal_prompt(text, "a prompt")) for text in _texts(reply, "prompts")][
                :count
            ]
        except BankError as error:
            raise Unusable(str(error)) from None

    texts = (PROMPTS, "\n\n".join(parts))
    return request("bank", role, texts, schema, prompts_tokens(count)), read


def prompts_tokens(count: int) -> int:
    """Tokens of a reply with so many prompts, at most."""
    return 200 + 100 * count


def _texts(reply: str, name: str) -> list[str]:
    """The texts of a reply's list. Raises Unusable where there is none, or something else."""
    found = reply_list(reply, name)
    texts = [text for text in found if isinstance(text, str)]
    if not texts or len(texts) < len(found):
        raise Unusable(f'"{name}" must be a list of texts')
    return texts
