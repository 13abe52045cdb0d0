"""Which candidates for placebos are about what is tested."""

from collections.abc import Sequence

from scripts.assistants.client import Question
from scripts.assistants.questions.form import (
    NUMBERS,
    numbered,
    object_of,
    places_in,
    reply_list,
    request,
)
from scripts.assistants.quoting import RULE
from scripts.assistants.roles import Role

RELATE = f"""You are given two numbered lists of statements about responses, "tested" and \
"candidates". The candidates are to be controls: what is tested must say nothing about them. Find \
every candidate that a response which shows some tested statement would be more likely, or less \
likely, to show than another response: what is about the same behaviour, its opposite, a part of \
it, more general or more special, or what mostly comes with it, as an apology with a refusal.
{RULE}
Reply with one JSON object: "related" is the list of the numbers of those candidates."""


def relate_question(
    role: Role, tested: Sequence[str], candidates: Sequence[str]
) -> Question[set[int]]:
    """Which candidates for placebos are about what is tested; read as their places in the list."""

    def read(reply: str) -> set[int]:
        return set(places_in(reply_list(reply, "related"), len(candidates)))

    prompt = f"Tested:\n{numbered(tested)}\n\nCandidates:\n{numbered(candidates)}"
    schema = object_of({"related": NUMBERS})
    return request("relate", role, (RELATE, prompt), schema, relate_tokens(len(candidates))), read


def relate_tokens(candidates: int) -> int:
    """Tokens of a reply with numbers of so many candidates, at most."""
    return 50 + 5 * candidates
