"""The validated findings as entries of the page, each of them a behaviour (behaviours.py)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from scripts.checks.check import Check, MissingCheck
from scripts.evidence.reasons import Status
from scripts.hypotheses.finding import Behaviour, Finding
from scripts.hypotheses.judgement import Judgement, deciding, sign
from scripts.hypotheses.pairs import Pair, pair_score
from scripts.hypotheses.wording import composed, in_reading_order, tells
from scripts.judging.behaviours import Group, Won, behaviours_of
from scripts.judging.findings import looks_at
from scripts.judging.schedule import Bench
from scripts.prompts.region import Region


def entries(
    findings: Sequence[Finding],
    judgements: Sequence[Judgement],
    pairs: Sequence[Pair],
    regions: Mapping[str, Region],
) -> list[Behaviour]:
    """The validated findings as behaviours, what a reader sees as one entry: those with a mark
    first, which the base hardly shows, then by how much the leading finding tells.

    A check is read off every confirm prompt. What a language model judged is compared on the
    prompts that it read for all findings of their region, and counts as not won elsewhere. That
    responses are missing stays alone, as does what is about prompts that no bank has.
    """
    shown = {f.id: f for f in findings if f.status == Status.VALIDATED}
    of_bank = {
        name: f
        for name, f in shown.items()
        if not f.probing and not isinstance(f.check, MissingCheck)
    }
    bench = Bench(lambda _: dict, pairs, 0)  # prompts in one order; nobody is asked
    won = {name: won_by(f.check, bench, pairs) for name, f in of_bank.items() if f.check}
    groups = behaviours_of(won)
    groups += behaviours_of(
        won_as_judged([f for name, f in of_bank.items() if name not in won], judgements, pairs)
    )
    groups += [Group([name], [], []) for name in shown if name not in of_bank]
    found = []
    for group in groups:
        parts = [p for names in group for p in in_reading_order([shown[name] for name in names])]
        found.append((not group.marks, -tells(parts[0]), parts))
    found.sort(key=lambda entry: entry[:2])
    return [
        Behaviour(
            id=f"b{number}",
            findings=tuple(part.id for part in parts),
            statement=composed(parts, regions),
        )
        for number, (_, _, parts) in enumerate(found, 1)
    ]


def won_by(check: Check, bench: Bench, pairs: Sequence[Pair]) -> Won:
    """Where a check is won, over all confirm prompts."""
    signs = [sign(look.score) for look in looks_at(check, bench)]
    return _where(signs, [pair_score(check, pair) > 0 for pair in pairs], pairs)


def won_as_judged(
    findings: Sequence[Finding], judgements: Sequence[Judgement], pairs: Sequence[Pair]
) -> dict[str, Won]:
    """Where findings are won by the verdicts of who decides the claims (in a cascade the strong
    judge, where both read a prompt), on prompts that were judged for all of them that are about
    the prompt's region."""
    signs: dict[str, dict[str, int]] = {finding.id: {} for finding in findings}
    for j in deciding(judgements):
        if j.hypothesis in signs:
            signs[j.hypothesis][j.prompt] = j.signs[0]
    of_region: dict[str, list[str]] = defaultdict(list)
    for finding in findings:
        for region in finding.regions:
            of_region[region.id].append(finding.id)
    read = [
        pair
        for pair in pairs
        if pair.region in of_region
        and all(pair.prompt in signs[name] for name in of_region[pair.region])
    ]
    prompts = sorted({pair.prompt for pair in read})
    found = {}
    for name, of_one in signs.items():
        shown = [of_one.get(pair.prompt, 0) > 0 for pair in read]
        found[name] = _where([of_one.get(prompt, 0) for prompt in prompts], shown, read)
    return found


def _where(signs: Sequence[int], shown: Sequence[bool], pairs: Sequence[Pair]) -> Won:
    """The signs, and of which texts they are; shown: of each pair, whether it wins."""
    if not pairs:
        return Won(signs)
    topics = sorted({pair.region for pair in pairs})
    regions = [topics.index(pair.region) for pair in pairs]
    by_topic = np.bincount(regions, weights=shown) / np.bincount(regions)
    kinds = [pair.intervention_placed.kind for pair in pairs if pair.intervention_placed]
    if len(kinds) < len(pairs):
        return Won(signs, topics=by_topic.tolist())
    most = max(kinds) + 1
    of_won = np.bincount(kinds, weights=shown, minlength=most) / max(1, sum(shown))
    of_won = of_won - np.bincount(kinds, minlength=most) / len(kinds)
    return Won(signs, of_won.tolist(), by_topic.tolist())
