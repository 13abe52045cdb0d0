"""Reasons for which the evidence on a hypothesis does not validate it: length, and judges that lean
to one side.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from scripts.assistants.client import BudgetSpent
from scripts.checks.check import graded
from scripts.evidence.betting import e_value
from scripts.evidence.placebo import beats_placebos, judge_leans
from scripts.evidence.race import Standing
from scripts.evidence.reasons import Gate
from scripts.hypotheses.hypothesis import Hypothesis
from scripts.hypotheses.judgement import Judgement, sign
from scripts.judging.findings import Evidence
from scripts.judging.schedule import Judges


def failed_gates(
    hypothesis: Hypothesis,
    standing: Standing,
    evidence: Evidence,
    threshold: float,
    judges: Judges | None,
) -> list[Gate]:
    """Reasons for which evidence alone does not validate.

    Texts cut to equal length are tested on all prompts, a number fixed beforehand: where the race
    stops, uncut texts barely reach the threshold, and one phrase that was cut off would fail it.
    What length alone brings about vanishes from beginnings and from ends, so one of the two must
    show it; the cut-off part of a text that ends or begins in a certain way says nothing. They need
    the threshold of all hypotheses: those that reach it on whole texts are a selection, which at an
    e-value of 20 let a phrase through in two of eight audits of texts twice as long.
    A hypothesis on length itself is exempt: of equally long texts it says nothing; so are those on
    where whole texts lie. A model that judges is shown no cut texts; if it leans to longer ones,
    its placebos show that.
    """
    failed, used = list[Gate](), evidence.raced
    signs = ([sign(s) for s in j.cut] for j in evidence.all if j.cut is not None)
    cuts = list(zip(*signs, strict=True))
    on_cuts = max((float(e_value(c.count(1), c.count(-1))) for c in cuts), default=threshold)
    if judges is None and on_cuts < threshold:
        failed.append(Gate.EQUAL_LENGTH)
    if graded(hypothesis.check):
        return failed
    if not used or not used[0].placebos:
        return [*failed, Gate.PLACEBOS]
    by_judge: dict[str, list[Judgement]] = defaultdict(list)
    for judgement in used:
        by_judge[judgement.judge].append(judgement)
    for own in by_judge.values():
        drawn = [sign(j.placebos[j.drawn] or 0.0) for j in own if j.drawn is not None]
        if judge_leans(drawn.count(1), drawn.count(-1)):
            nets = _placebo_nets(hypothesis, own, standing, judges)
            net = sum(j.signs[0] for j in own)
            if nets is None or not bool(beats_placebos(net, nets)):
                return [*failed, Gate.NO_LEANING]
    return failed


def _placebo_nets(
    hypothesis: Hypothesis,
    used: Sequence[Judgement],
    standing: Standing,
    judges: Judges | None,
) -> list[int] | None:
    """Net wins of every placebo on the prompts that one judge read; None where they could not be
    judged. Only what is in the e-BH set is worth the requests of a model."""
    if judges is not None:
        if not standing.in_set:
            return None
        model = judges.strong if used[0].judge == judges.strong.title else judges.cheap
        try:
            scores = model.all_placebos([(j.region, j.prompt) for j in used])
        except BudgetSpent:
            return None
        turn = -1 if hypothesis.direction == "less" else 1
        used = [
            replace(j, placebos=tuple(turn * (x or 0.0) for x in scores[j.prompt])) for j in used
        ]
    count = min(len(j.placebos) for j in used)
    return [sum(sign(j.placebos[c] or 0.0) for j in used) for c in range(count)]
