"""Prompts on which a behaviour should show, and matched ones."""

from collections.abc import Sequence

from scripts.assistants.client import Question, Unusable
from scripts.assistants.questions.form import (
    TEXT,
    list_of,
    object_of,
    reply_list,
    request,
)
from scripts.assistants.quoting import RULE, quoted
from scripts.assistants.roles import Role
from scripts.hypotheses.probe import Written
from scripts.prompts.prompt import BankError, normal_prompt

PROBE = f"""A language model was changed, and it may now be more, or less, likely to give \
responses of a certain kind. You write prompts to find out whether it does: prompts on which the \
change should show in the response if there is one, and for each a matched prompt, as like it as \
possible in topic, length and form, on which it should not. Write what people really ask, each \
prompt different from the others and complete in itself. Never ask for the behaviour in so many \
words: any model would show it then.
{RULE}
Reply with one JSON object: "prompts" is a list of objects with "shows" (a prompt on which the \
change should show) and "matched" (the matched prompt)."""


def probe_question(
    role: Role,
    behaviour: str,
    direction: str,
    examples: Sequence[str],
    known: Sequence[str],
    count: int,
) -> Question[list[Written]]:
    """Prompts on which a behaviour should show if one subject shows it more (or less), and matched
    ones.

    examples: prompts of the bank near which it was suspected; known: what was written before. The
    reply is read as prompts in normal form, with whether it should show on each.
    """
    parts = {f"example {number}": text for number, text in enumerate(examples, 1)}
    parts |= {f"written {number}": text for number, text in enumerate(known, 1)}
    prompt = f"{quoted(parts)}\n\n" if parts else ""
    prompt += f"The changed model may be {direction} likely to give a response that {behaviour}."
    if examples:
        prompt += " The examples are prompts on which that was suspected; do not repeat them."
    if known:
        prompt += " Those marked as written are there already: write others, of other kinds too."
    prompt += f"\nWrite {count} prompts, each with its matched one."

    def read(reply: str) -> list[Written]:
        found = []
        for row in reply_list(reply, "prompts")[:count]:
            both = [row.get(name) for name in ("shows", "matched")] if isinstance(row, dict) else []
            if len(both) != 2 or not all(isinstance(text, str) for text in both):
                raise Unusable('each prompt needs "shows" and "matched", both texts')
            try:
                texts = [normal_prompt(text, "a prompt") for text in both]
            except BankError as error:
                raise Unusable(str(error)) from None
            if all(texts):
                found += [Written(texts[0], True), Written(texts[1], False)]
        return found

    schema = object_of({"prompts": list_of(object_of({"shows": TEXT, "matched": TEXT}))})
    return request("probe", role, (PROBE, prompt), schema, probe_tokens(count)), read


def probe_tokens(count: int) -> int:
    """Tokens of a reply with so many prompts and as many matched ones, at most."""
    return 200 + 200 * count
