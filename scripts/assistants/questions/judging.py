"""Which of two responses shows each statement."""

from collections.abc import Mapping

from scripts.assistants.client import Question, Unusable
from scripts.assistants.questions.form import NO_OBJECT, numbered, object_of, request
from scripts.assistants.quoting import RULE, quoted
from scripts.assistants.replies import answer_in, said
from scripts.assistants.roles import Role
from scripts.assistants.verdicts import INAPPLICABLE, verdicts_in
from scripts.core.randomness import hash_generator, hash_unit

SHOWS = {
    "A": (True, False), "B": (False, True), "both": (True, True), "neither": (False, False),
    INAPPLICABLE: (False, False),
}  # fmt: skip

JUDGE = f"""You compare two responses to one prompt. For each numbered statement say which \
response it is true of: "A", "B", "both", "neither" or, where what was asked leaves no room for it \
in any response, "does not apply". Judge each statement by itself, by what it means rather than by \
its letter, and by what the responses say, not by which is better or longer; when a response does \
not clearly show it, it does not count. Words in quotation marks must stand there literally, but \
not those after "such as".
{RULE}
Reply with one JSON object and nothing else, from each number to its answer, such as \
{{"1": "A", "2": "neither"}}."""


def swapped(seed: int, prompt: str, sample: int, judge: str) -> bool:
    """The order coin of a pair and judge: whether response A is the intervention's."""
    return hash_unit("order", seed, prompt, sample, judge) < 0.5


def judge_tokens(statements: int) -> int:
    """Tokens of a reply that judges so many statements, at most."""
    return 40 + 12 * statements  # in a fence, too


class Verdicts(dict[str, tuple[bool, bool]]):
    """By the name of a statement whether the base's response shows it, and the intervention's.
    Those in `inapplicable` were said not to apply, which neither shows."""

    def __init__(self, given: Mapping[str, tuple[bool, bool]] | None = None):
        super().__init__(given or {})
        self.inapplicable: set[str] = set()


def judge_question(
    role: Role,
    asked: tuple[str, str, int],
    responses: tuple[str, str],
    statements: Mapping[str, str],
    seed: int,
) -> Question[Verdicts]:
    """Which of the responses (base, intervention) shows each statement.

    asked: the prompt's text, its id and the sample's index, which decide the coin. The reply is
    read as Verdicts.
    """
    text, prompt, sample = asked
    turn = swapped(seed, prompt, sample, role.title)
    first, second = reversed(responses) if turn else responses
    names = sorted(statements)
    chance = hash_generator("statements", seed, prompt, sample, role.title)
    shuffled = [names[i] for i in chance.permutation(len(names))]
    body = quoted({"prompt": text, "response A": first, "response B": second})
    schema = object_of(
        {str(n): {"type": "string", "enum": list(SHOWS)} for n in range(1, len(names) + 1)}
    )

    def read(reply: str) -> Verdicts:
        given = _reply_verdicts(reply, len(shuffled))
        shown = Verdicts()
        for number, name in enumerate(shuffled, 1):
            if number not in given:
                raise Unusable(f"statement {number} needs one of {', '.join(map(repr, SHOWS))}")
            answer = SHOWS[given[number]]
            if given[number] == INAPPLICABLE:
                shown.inapplicable.add(name)
            shown[name] = answer[::-1] if turn else answer
        return shown

    texts = JUDGE, f"{body}\n\nStatements:\n{numbered([statements[s] for s in shuffled])}"
    return request("judge", role, texts, schema, judge_tokens(len(names))), read


def _reply_verdicts(reply: str, count: int) -> dict[int, str]:
    """Verdicts by the number of their statement; of a reply without JSON, from its lines."""
    given = answer_in(reply)
    found = verdicts_in(said(reply).around if given is None else given, count)
    if given is None and not found:
        raise Unusable(NO_OBJECT)
    return found
