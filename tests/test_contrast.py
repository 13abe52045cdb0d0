"""Whether an intervention does anything is known before an audit spends."""

import pytest
import torch

from scripts.core.rows import as_json
from scripts.models.contrast import Contrast, compared, contrast_loaded, of_replies
from scripts.models.host import Kept
from scripts.prompts.prompt import Prompt

SETTINGS = {
    "dtype": "float32", "system_prompt": None, "response_prefix": "",
    "chat_template": True, "trust_remote_code": False,
    "sampling": {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "max_new_tokens": 16},
}  # fmt: skip
PROMPTS = [as_json(Prompt(f"{i:064x}", f"Tell me about number {i}.")) for i in range(5)]


@pytest.mark.parametrize(
    ("contrast", "said"),
    [
        (Contrast(32, 32, greedy=False), "all 32 distributions of the next token"),
        (Contrast(32, 31, greedy=False), None),
        (Contrast(32, 32, greedy=True), "all 32 greedy replies"),
        (Contrast(32, 30, greedy=True), "30 of 32 greedy replies"),
        (Contrast(32, 20, greedy=True), None),
    ],
)
def test_an_intervention_that_does_nothing_is_asked_about(contrast, said):
    assert (contrast.notice is None) == (said is None)
    if said:
        assert (
            contrast.notice == f"{said} of the two subjects are equal: is the intervention applied?"
        )


def test_distributions_are_compared_prompt_by_prompt():
    base = torch.tensor([[0.0, 0.0], [2.0, 0.0]])
    other = torch.tensor([[0.0, 0.0], [-2.0, 0.0]])
    found = Contrast(**compared(base, ["a", "a"], other, ["a", "b"]))
    assert (found.prompts, found.identical, found.likeliest) == (2, 1, 1)
    apart = 2 * float(torch.sigmoid(torch.tensor(2.0))) - 1
    assert found.distance == pytest.approx(apart / 2, abs=1e-6)


def test_other_vocabularies_are_compared_by_their_likeliest_token():
    found = compared(torch.zeros(1, 3), [" yes"], torch.zeros(1, 4), [" yes"])
    assert found["distance"] is None and (found["likeliest"], found["identical"]) == (1, 0)


def test_replies_are_compared_as_texts():
    assert of_replies(["a", "b"], ["a", "c"]) == Contrast(2, 1, greedy=True)


@pytest.mark.parametrize(("other", "identical"), [("base", 5), ("other", 0)])
def test_loaded_subjects_are_compared_on_the_next_token(tiny, other, identical):
    sides = {
        side: {"folder": folder, "adapter": None, "batch_size": 4, "settings": SETTINGS}
        for side, folder in (("base", tiny["base"]), ("intervention", tiny[other]))
    }
    request = {"prompts": PROMPTS, "threads": 1, **sides}
    (message,) = [m for m in contrast_loaded(Kept(), request) if "contrast" in m]
    found = Contrast(**message["contrast"])
    assert (found.prompts, found.identical) == (5, identical)
    assert (found.distance == 0) == (other == "base")
