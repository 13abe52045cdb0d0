"""Several judges in words: where they disagree, and who cannot be told from one that guesses."""

from collections.abc import Sequence

from scripts.evidence.reasons import Status
from scripts.hypotheses.finding import Finding
from scripts.judging.panel import JudgePair, PanelReport
from scripts.page.numbers import count, plural


def notices_of_judges(panel: PanelReport, findings: Sequence[Finding]) -> list[str]:
    """A sentence for each judge that does not see what was validated, for those that may as well
    guess, and for what the budget left unread."""
    validated = [finding for finding in findings if finding.status == Status.VALIDATED]
    found = [said for judge in panel.judges if (said := _disagrees(judge, validated))]
    found += _guessing(panel)
    if panel.unread:
        found.append(
            f"The budget ended before the judges beside the first had given "
            f"{plural(panel.unread, 'judgement')} of their share: their agreement rests on the "
            "others."
        )
    return found


def _disagrees(judge: str, validated: Sequence[Finding]) -> str | None:
    own = [(f, record) for f in validated for record in f.judges if record.judge == judge]
    unseen = [(f, record) for f, record in own if record.wins <= record.losses]
    if not unseen:
        return None
    finding, worst = min(unseen, key=lambda each: each[1].wins - each[1].losses)
    which = "" if len(unseen) == 1 else ", most of all"
    return (
        f"The judges disagree: `{judge}` by itself does not see {count(len(unseen))} of "
        f"{plural(len(own), 'validated finding')} that it read{which} “{finding.statement}”: of "
        f"{plural(worst.prompts, 'prompt')} {count(worst.wins)} for it and "
        f"{count(worst.losses)} against it."
    )


def like_guessing(pair: JudgePair) -> bool:
    """Whether two judges agree no more than if one of them guessed."""
    return pair.kappa_low <= 0 or (bool(pair.decided) and pair.side_low <= 0)


def guessing(panel: PanelReport) -> list[str]:
    """The judges that agree with no other one beyond guessing, of those that read what others
    did; of two judges, and where none agree, nobody can say who it is."""
    found = []
    for judge in panel.judges:
        own = [pair for pair in panel.pairs if judge in (pair.one, pair.other) and pair.verdicts]
        if own and all(map(like_guessing, own)):
            found.append(judge)
    return found


def _guessing(panel: PanelReport) -> list[str]:
    named = guessing(panel)
    if not named:
        return []
    if len(named) == len(panel.judges):
        pairs = "; ".join(_agreement(pair) for pair in panel.pairs if pair.verdicts)
        return [
            "The judges agree no more than if they guessed, or have read too little together to "
            f"tell: {pairs}."
        ]
    return [
        f"The judge `{judge}` cannot be told from one that guesses: "
        + "; ".join(
            f"with `{pair.other if pair.one == judge else pair.one}`, {said(pair)}"
            for pair in panel.pairs
            if judge in (pair.one, pair.other) and pair.verdicts
        )
        + "."
        + (" It decides the claims." if _decides(judge, panel) else "")
        for judge in named
    ]


def _decides(judge: str, panel: PanelReport) -> bool:
    return panel.decide == "first" and judge == panel.judges[0]


def _agreement(pair: JudgePair) -> str:
    return f"`{pair.one}` and `{pair.other}`, {said(pair)}"


def said(pair: JudgePair) -> str:
    """Where two judges agree, in words."""
    return (
        f"the same side in {count(pair.same_side)} of {plural(pair.decided, 'verdict')} in which "
        f"both chose one, kappa {kappa(pair.side_kappa, pair.side_low, pair.side_high)}"
    )


def kappa(estimate: float | None, low: float, high: float) -> str:
    """A kappa with its interval; a dash where there is none."""
    if estimate is None:
        return "–"
    shown = (f"{value:.2f}".replace("-", "−") for value in (estimate, low, high))
    return "{} ({} to {})".format(*shown)
