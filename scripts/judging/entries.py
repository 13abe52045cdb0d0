"""The validated findings as entries of the page, each of them a behaviour (behaviours.py)."""

from collections.abc import Mapping, Sequence

import numpy as np

from scripts.checks.check import Check, MissingCheck
from scripts.evidence.reasons import Status
from scripts.hypotheses.finding import Behaviour, Finding
from scripts.hypotheses.judgement import sign
from scripts.hypotheses.pairs import Pair, pair_score
from scripts.hypotheses.wording import composed, in_reading_order, tells
from scripts.judging.behaviours import Group, Won, behaviours_of
from scripts.judging.findings import looks_at
from scripts.judging.schedule import Bench
from scripts.prompts.region import Region


def entries(
    findings: Sequence[Finding], pairs: Sequence[Pair], regions: Mapping[str, Region]
) -> list[Behaviour]:
    """The validated findings as behaviours, what a reader sees as one entry: those with a mark
    first, which the base hardly shows, then by how much the leading finding tells.

    Those that a language model judged have no verdicts beyond their own regions, and stay alone,
    as does that responses are missing, and what is about prompts that no bank has.
    """
    shown = {f.id: f for f in findings if f.status == Status.VALIDATED}
    checks = {
        name: f.check
        for name, f in shown.items()
        if f.check and not f.probing and not isinstance(f.check, MissingCheck)
    }
    bench = Bench(lambda _: dict, pairs, 0)  # prompts in one order; nobody is asked
    groups = behaviours_of({name: won_by(check, bench, pairs) for name, check in checks.items()})
    groups += [Group([name], [], []) for name in shown if name not in checks]
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
    shown = [pair_score(check, pair) > 0 for pair in pairs]
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
