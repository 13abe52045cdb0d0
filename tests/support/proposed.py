"""Hypotheses that were looked at so often, and the settings of the pool that comes next."""

from scripts.hypotheses.hypothesis import Hypothesis, Screened
from scripts.hypotheses.pairs import Net


def explored(wins, losses, prompts, regions=("r000",), screen=None, name="h", source="local"):
    """A hypothesis that the explore pool has counted in its first region."""
    seen = {regions[0]: Net(wins, losses, prompts, (wins - losses) / prompts)} if prompts else {}
    return Hypothesis(
        id=name, statement="", direction="more", source=source, regions=regions, explored=seen,
        screen=screen,
    )  # fmt: skip


def screened(prompts=0, wins=0, losses=0, share=0.0):
    """What the screen pool says of one."""
    return Screened(prompts=prompts, wins=wins, losses=losses, share=share)


def settings_of(pool="confirm", prompts=30, samples=8, draws=1000, ready=False):
    return {"pool": pool, "prompts": prompts, "samples": samples, "draws": draws, "ready": ready}
