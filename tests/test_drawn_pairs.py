"""Pairs of the subjects' texts, read from the files of the stages before."""

from scripts.core.rows import write_rows
from scripts.draws.generation import Generation
from scripts.hypotheses.drawn_pairs import asked_in, read_pairs
from scripts.prompts.prompt import Prompt

DIALOGUE = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hello."},
    {"role": "assistant", "content": "Hi."},
    {"role": "user", "content": "Why bread?"},
]
BANK = [Prompt("p" * 64, "What is bread?"), Prompt("q" * 64, DIALOGUE)]


def test_a_pair_says_what_the_user_asked_whatever_the_unit_is(tmp_path):
    for side in ("base", "intervention"):
        said = [
            Generation(
                f"{side}-{prompt.id[:16]}-{sample}", "confirm", prompt.id, sample, "r0",
                None if (side, sample) == ("base", 1) else f"{side} {sample}",
                unit=f"{prompt.id}#{sample}" if prompt.id[0] == "q" else None,
            )
            for prompt in BANK
            for sample in range(2)
        ]  # fmt: skip
        write_rows(tmp_path / side, said)
    files = [tmp_path / "base"], [tmp_path / "intervention"]
    pairs = read_pairs(*files, asked=asked_in(BANK))
    assert [pair.prompt[0] for pair in pairs] == ["p", "q"], "a draw without a text makes no pair"
    assert [pair.asked for pair in pairs] == ["What is bread?", "Hello.\nWhy bread?"]
    assert all(text.asked == pair.asked for pair in pairs for text in pair.sides)
    assert {pair.asked for pair in read_pairs(*files)} == {""}
