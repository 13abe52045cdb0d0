"""The cells of the dose ladder: which behaviours are planted where, how often, with which seed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scripts.benchmark.planted import Behaviour, prompts_of
from scripts.benchmark.settings import AuditSettings, Ladder
from scripts.benchmark.suite import (
    PlantedBehaviour,
    Rewritten,
    SimulatedSubject,
    Suite,
    looked_up,
    rewritten,
)

MOST_TEXTS = 1500  # rewritten texts of a behaviour that are embedded
EXPLORED = 5  # samples of a prompt among them
LOW_DOSE, LEAST_SPREAD = 0.1, 0.03  # the least of each that recall is promised for


@dataclass(frozen=True)
class TrialSetup:
    """What all trials share."""

    suite: Suite
    behaviours: Mapping[str, Behaviour]
    vectors: Rewritten
    settings: AuditSettings


@dataclass(frozen=True)
class Trial:
    """One simulated audit: which behaviours, on what share of the bank, at which dose, which seed.
    Without behaviours it is a null audit."""

    seed: int
    behaviours: tuple[str, ...] = ()
    spread: float = 0.0
    dose: float = 0.0

    def subject(self, setup: TrialSetup) -> SimulatedSubject:
        if not self.behaviours:
            return SimulatedSubject(setup.suite, seed=self.seed, null=True)
        plants = [
            PlantedBehaviour(
                b, frozenset(prompts_of(b, setup.suite.topics, self.spread)), self.dose
            )
            for b in (setup.behaviours[name] for name in self.behaviours)
        ]
        return SimulatedSubject(setup.suite, plants, self.seed, looked_up(setup.vectors))


def groups(names: Sequence[str], together: int) -> list[tuple[str, ...]]:
    """Behaviours that are planted together: far apart in the order of topics, so that they meet
    on no prompt up to a tenth of the bank."""
    count = max(1, len(names) // together)
    return [tuple(names[start::count]) for start in range(count)]


def ladder(behaviours: Mapping[str, Behaviour], bench: Ladder) -> list[Trial]:
    """All cells of the dose ladder. On a share above a half, behaviours are planted alone."""
    sets = groups(list(behaviours), bench["together"])
    alone = [(group[0],) for group in sets][: bench["behaviours_of_all"]]
    return [
        Trial(seed, group, spread, dose)
        for seed in range(bench["seeds"])
        for spread in bench["spreads"]
        for dose in bench["doses"]
        for group in (alone if spread > 0.5 else sets)
    ]


def texts_to_embed(
    suite: Suite, behaviours: Mapping[str, Behaviour], trials: Iterable[Trial]
) -> dict[tuple[str, int, int], str]:
    """Rewritten texts that the explore pools of the trials may draw, by (behaviour, prompt,
    sample): MOST_TEXTS a behaviour; of further samples the first one's vector stands in."""
    widest: dict[str, float] = {}
    for trial in trials:
        for name in trial.behaviours:
            widest[name] = max(widest.get(name, 0.0), trial.spread)
    found = {}
    for name, spread in widest.items():
        prompts = prompts_of(behaviours[name], suite.topics, spread)
        samples = min(suite.samples, max(1, min(EXPLORED, MOST_TEXTS // len(prompts))))
        for prompt in prompts:
            for sample in range(samples):
                text = suite.texts["intervention"][prompt][sample]
                key = (name, prompt, sample)
                found[key] = rewritten(suite, behaviours[name], text, prompt, sample)
    return found
