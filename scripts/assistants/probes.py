"""A language model writing prompts on which a hypothesis should show, and matched ones."""

from collections.abc import Mapping, Sequence

from scripts.assistants.client import BudgetSpent, Pool
from scripts.assistants.questions.probing import probe_question
from scripts.assistants.roles import Role
from scripts.core.randomness import hash_unit
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.probe import LEAST, Written

EACH = 10  # prompts of either kind that a request asks for
EXAMPLES = 6  # prompts of the hypothesis's regions that a request shows
KNOWN = 40  # prompts written before that a request is told, not to be written again
SPARE = 2  # requests more than are needed, for those that bring too few


def write_prompts(
    pool: Pool,
    role: Role,
    hypotheses: Sequence[Hypothesis],
    regions: Mapping[str, str],
    texts: Mapping[str, str],
    most: int,
    seed: int,
) -> list[tuple[Hypothesis, list[Written]]]:
    """For each hypothesis `most` prompts on which it should show, and as many matched ones; when
    the budget ends, what was written stays, unless it is too little to prove anything.

    regions: of the explored prompts, by their ids; their texts are shown as examples.
    """
    written: dict[str, list[Written]] = {h.id: [] for h in hypotheses}
    examples = {h.id: _examples(h, regions, texts, seed) for h in hypotheses}
    steps = -(-most // EACH) + SPARE
    pool.expect(steps * len(hypotheses))
    for _ in range(steps):
        left = [h for h in hypotheses if _shown(written[h.id]) < most]
        questions = [
            probe_question(
                role, h.behaviour or "", h.direction, examples[h.id],
                [str(w.content) for w in written[h.id] if w.shows][-KNOWN:],
                min(EACH, most - _shown(written[h.id])),
            )
            for h in left
        ]  # fmt: skip
        try:
            answers = pool.ask(questions)
        except BudgetSpent:
            break
        for hypothesis, answer in zip(left, answers, strict=True):
            written[hypothesis.id] += answer.value or ()
    return [(h, written[h.id]) for h in hypotheses if _shown(written[h.id]) >= LEAST]


def _examples(
    hypothesis: Hypothesis, regions: Mapping[str, str], texts: Mapping[str, str], seed: int
) -> list[str]:
    """Explored prompts of a hypothesis's regions, by chance."""

    def turn(prompt: str) -> float:
        return hash_unit("probe", seed, hypothesis.id, prompt)

    inside = [prompt for prompt, region in regions.items() if region in hypothesis.regions]
    return [texts[prompt] for prompt in sorted(inside, key=turn)[:EXAMPLES]]


def _shown(written: Sequence[Written]) -> int:
    return sum(prompt.shows for prompt in written)
