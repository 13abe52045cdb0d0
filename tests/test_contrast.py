"""Whether an intervention does anything is known before an audit spends."""

import shutil

import numpy as np
import pytest
from conftest import snakemake, tiny_config, write_config
from loopback import Loopback

from scripts.core.rows import as_json, read_document
from scripts.divergence.contrast import Contrast, of_replies, of_tokens
from scripts.models.contrast import next_tokens
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
        (Contrast(32, 32, greedy=False, set_alike=True), None),
        (Contrast(0, 0, greedy=True), None),
    ],
)
def test_an_intervention_that_does_nothing_is_asked_about(contrast, said):
    assert (contrast.notice is None) == (said is None)
    if said:
        assert (
            contrast.notice == f"{said} of the two subjects are equal: is the intervention applied?"
        )


def test_distributions_are_compared_prompt_by_prompt():
    base = np.array([[0.0, 0.0], [2.0, 0.0]])
    other = np.array([[0.0, 0.0], [-2.0, 0.0]])
    found = of_tokens(base, ["a", "a"], other, ["a", "b"])
    assert (found.prompts, found.identical, found.likeliest) == (2, 1, 1)
    apart = 2 / (1 + np.exp(-2.0)) - 1
    assert found.distance == pytest.approx(apart / 2, abs=1e-6)


def test_other_vocabularies_are_compared_by_their_likeliest_token():
    found = of_tokens(np.zeros((1, 3)), [" yes"], np.zeros((1, 4)), [" yes"])
    assert found.distance is None and (found.likeliest, found.identical) == (1, 0)


def test_replies_are_compared_as_texts():
    assert of_replies(["a", "b"], ["a", "c"]) == Contrast(2, 1, greedy=True)


@pytest.mark.parametrize(("other", "identical"), [("base", 5), ("other", 0)])
def test_loaded_subjects_are_compared_on_the_next_token(tiny, other, identical):
    found = []
    for folder in (tiny["base"], tiny[other]):
        told = {"folder": folder, "adapters": [], "batch_size": 4, "settings": SETTINGS}
        request = {"prompts": PROMPTS, "threads": 1, **told}
        (message,) = [m for m in next_tokens(Kept(), request) if "logits" in m]
        found += [message["logits"], message["likeliest"]]
    contrast = of_tokens(*found)
    assert (contrast.prompts, contrast.identical) == (5, identical)
    assert (contrast.distance == 0) == (other == "base")


def test_an_adapter_that_is_not_applied_is_named_before_the_first_round(workspace, tiny):
    """PEFT would refuse it, but a model folder beside the base is another model with its name."""
    copy = workspace / "copy"
    shutil.copytree(tiny["base"], copy)
    (copy / "README.md").write_text("The same weights.")
    write_config(workspace, tiny_config(tiny, intervention={"model": str(copy)}))
    out = snakemake(workspace, "--cores", "all", "--until", "plan", check=False).stdout
    (made,) = workspace.glob("results/contrast/*/contrast.json")
    found = read_document(made, Contrast)
    assert (found.prompts, found.identical, found.set_alike) == (32, 32, False)
    assert "is the intervention applied?" in out
    assert not list(workspace.glob("results/decode/*"))


@pytest.mark.parametrize(
    ("intervention", "identical", "alike"),
    [({"sampling": {"temperature": 0.5}}, 32, True), ({"system_prompt": "violins"}, 0, False)],
)
def test_what_differs_in_its_sampling_alone_is_no_cause_for_alarm(
    workspace, tiny, intervention, identical, alike
):
    write_config(workspace, tiny_config(tiny, intervention=intervention))
    out = snakemake(workspace, "--cores", "all", "--until", "contrast").stdout
    (made,) = workspace.glob("results/contrast/*/contrast.json")
    found = read_document(made, Contrast)
    assert (found.identical, found.set_alike) == (identical, alike)
    assert "is the intervention applied?" not in out


def test_a_server_that_ignores_the_adapters_name_is_named_before_the_first_round(workspace, tiny):
    """As servers do that answer with the base, for a name that they do not know."""
    with Loopback(greedy=True) as server:
        config = tiny_config(tiny, intervention={"server": {"model": "base-and-adapter"}})
        config["subjects"]["tiny"] = {"server": {"url": server.openai, "model": "base"}}
        write_config(workspace, config)
        out = snakemake(workspace, "--cores", "all", "--until", "contrast").stdout
    assert (
        "all 32 greedy replies of the two subjects are equal: is the intervention applied?" in out
    )
