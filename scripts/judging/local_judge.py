"""The local assistant as a judge of a confirm pool: checks read off texts, and their placebos."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean

from scripts.assistants.judge import Asked, Judged, Judging, pairs_by_prompt
from scripts.assistants.local_placebos import placebo_checks
from scripts.checks.check import Check, Text, by_place, graded, value
from scripts.checks.words import equal_lengths
from scripts.core.randomness import hash_generator
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.judgement import Judgement
from scripts.hypotheses.pairs import Pair
from scripts.hypotheses.probe import Probe
from scripts.hypotheses.wording import family
from scripts.judging.findings import mean_score
from scripts.judging.probing import Probed, explored_half
from scripts.judging.settings import ClaimSettings


def judge(
    name: str, check: Check, placebos: Sequence[Check], pairs: Sequence[Pair], seed: int
) -> Judgement:
    """The local assistant's judgement of one prompt's pairs (one or several samples), for the
    hypothesis of that id and check."""
    base, intervention = zip(*(pair.sides for pair in pairs), strict=True)
    prompt = pairs[0].prompt
    chance = hash_generator("placebo", seed, name, prompt)
    drawn = int(chance.integers(len(placebos))) if placebos else None
    return Judgement(
        name,
        pairs[0].region,
        prompt,
        fmean(value(check, text) for text in base),
        fmean(value(check, text) for text in intervention),
        _on_cuts(check, pairs),
        tuple(mean_score(placebo, base, intervention) for placebo in placebos),
        None if graded(check) else drawn,
        score=mean_score(check, base, intervention) if graded(check) else None,
    )


def local_judge(
    hypotheses: Iterable[Hypothesis],
    placebos: Mapping[str, Sequence[Check]],
    pairs: Iterable[Pair],
    seed: int,
) -> Judging:
    """The local assistant in the place of a model that judges; placebos: by hypothesis."""
    checks = {h.id: h.check for h in hypotheses if h.check}
    of_prompt = pairs_by_prompt(pairs)

    def judged(asked: Asked) -> Callable[[], Judged]:
        return lambda: {
            region: {
                name: judge(name, checks[name], placebos.get(name, ()), of_prompt[prompt], seed)
                for name in names
            }
            for region, (prompt, names) in asked.items()
        }

    return judged


def probed_locally(
    probes: Sequence[Probe], pairs: Sequence[Pair], settings: ClaimSettings
) -> list[Probed]:
    """What the half of the written prompts that explores says, as the local assistant reads it."""
    judging = local_judge([probe.hypothesis for probe in probes], {}, pairs, settings["seed"])
    return explored_half(probes, pairs, judging, settings["seed"], settings.get("least_net", 1))


def _on_cuts(check: Check, pairs: Sequence[Pair]) -> tuple[float, float] | None:
    """The pair scores on the first and on the last words; None for a check of length, and for one
    of where whole texts lie."""
    if by_place(check) or family(check) == "length":
        return None
    scores = []
    for end in (False, True):
        cuts = [equal_lengths(pair.base, pair.intervention, end) for pair in pairs]
        base, intervention = (
            [Text(text, asked=pairs[0].asked) for text in side] for side in zip(*cuts, strict=True)
        )
        scores.append(mean_score(check, base, intervention))
    return scores[0], scores[1]


def placebos_of(
    hypotheses: Sequence[Hypothesis],
    explored: Mapping[str, Sequence[Text]],
    settings: ClaimSettings,
) -> dict[str, list[Check]]:
    """Placebo checks of each hypothesis, fixed before a confirm text is looked at: only the base's
    texts of the explore pool, by region, are read."""
    return {
        h.id: placebo_checks(h, hypotheses, explored, settings["placebos"], settings["seed"])
        for h in hypotheses
    }
