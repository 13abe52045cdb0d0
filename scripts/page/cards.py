"""Findings in words: what each says, how large it is, how sure, and what it does not say."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from scripts.checks.check import Check, EntailedCheck, FeatureCheck, MeasureCheck
from scripts.checks.measures import MEASURES
from scripts.evidence.reasons import LEFT_OUT, Gate, Status, Stop
from scripts.hypotheses.finding import (
    BankRate,
    Behaviour,
    Content,
    Effect,
    Finding,
    Transfer,
)
from scripts.hypotheses.wording import does, listed, zone
from scripts.page.numbers import between, count, decimal, e_value, percent, points, units
from scripts.prompts.prompt import asked

GATES = {
    Gate.EQUAL_LENGTH: "When both responses are cut to the same length, the evidence falls short: "
    "the difference may only be that one subject writes more.",
    Gate.PLACEBOS: "No placebo sentence with a similar rate was found, so nothing tells whether "
    "the responses lean as a whole.",
    Gate.NO_LEANING: "The responses lean as a whole: a placebo sentence, which says something "
    "else, does as well as this one.",
}
STOPPED = {
    Stop.VALIDATED: "The test ended early because the evidence sufficed.",
    Stop.HOPELESS: "The test ended early: even winning every prompt left could not have sufficed.",
    Stop.FUTILE: "The test ended early: its effect is below what was worth finding.",
    Stop.EXHAUSTED: "Every prompt planned for it was used.",
    Stop.BUDGET: "The budget of the assistant ended before it was decided.",
    Stop.NO_PROMPTS: "The confirm pool held no prompt of its regions.",
    Stop.TOO_FEW_PROMPTS: "The confirm pool has too few prompts to prove so many statements; those "
    "that did better in the screen went first.",
    Stop.DRAWS: "The draws that confirm may take (confirm.draws) did not reach to it.",
    Stop.UNPAID: "The budget of the assistant (`assistant.budget`) did not reach to it.",
    Stop.NOT_SHOWN: "On the half of its prompts that explores it did not show, or no more than on "
    "the matched ones, so the other half was not tested.",
}
UNTESTED = {
    Stop.TOO_FEW_PROMPTS: "the fresh prompts are too few to prove so many statements, and those "
    "that did better in the screen went first",
    Stop.DRAWS: "the draws that confirm may take (confirm.draws) did not reach to them",
    Stop.UNPAID: "the budget of the assistant (`assistant.budget`) did not reach to them",
    Stop.NOT_SHOWN: "on the half of the prompts written for them that explores they did not show, "
    "or no more than on matched ones",
    Stop.BUDGET: "the budget of the assistant ended before they were decided",
    Stop.NO_PROMPTS: "no fresh prompt of their topics was left",
}
TOO_FEW = "there were too few fresh prompts of their topics to decide, even had all been won"
NOTABLE_CUT = 0.5  # of the mean pair score: below, length accounts for much of an effect


class Entry(NamedTuple):
    """What a reader sees as one: a behaviour, its statement, and the findings that it is made of,
    the leading one first."""

    id: str
    statement: str
    parts: list[Finding]


class Row(NamedTuple):
    """One number of a finding, with what it means."""

    label: str
    value: str
    meaning: str


def entries(behaviours: Sequence[Behaviour], findings: Sequence[Finding]) -> list[Entry]:
    """The behaviours with their findings; a validated finding that is in none stands alone."""
    known = {f.id: f for f in findings if f.status == Status.VALIDATED}
    shown = []
    for row in behaviours:
        if parts := [known[name] for name in row.findings if name in known]:
            shown.append(Entry(row.id, row.statement, parts))
    grouped = {part.id for entry in shown for part in entry.parts}
    alone = [f for name, f in known.items() if name not in grouped]
    return shown + [Entry(f.id, f.statement, [f]) for f in alone]


def behaviour(check: Check | None) -> str:
    """What a check looks for, to be read after "responses that"."""
    return does(check) if check else "show it"


def counted_as(finding: Finding) -> str:
    """What a finding counts, after "responses that"; a model judged by its own sentence."""
    said = finding.behaviour
    return f"were judged so: “The response {said}”" if said else behaviour(finding.check)


def measured(check: Check | None, text: str, prompt: Content) -> str | None:
    """What the measure of a check reads off an answer to a prompt: "212 words"; None for other
    checks."""
    if not isinstance(check, MeasureCheck):
        return None
    measure = MEASURES[check.measure]
    return f"{decimal(measure.read(text, asked(prompt)))} {measure.unit}"


def size(finding: Finding) -> str | None:
    """How large a finding is, in one line: rates with their difference, a measure in its units, or
    the chance that the intervention's response shows more; None where nothing was judged."""
    if finding.effect:
        return in_units(finding.effect)
    base, intervention = finding.rate_base, finding.rate_intervention
    if base and intervention:
        rates = (
            f"{percent(base.estimate)} of the base's responses, "
            f"{percent(intervention.estimate)} of the intervention's"
        )
        apart = finding.difference
        return f"{rates}: a difference of {between(apart, points)} points" if apart else rates
    if finding.auc:
        return (
            "of two responses to one prompt the intervention's shows more of it with a chance of "
            + between(finding.auc, percent)
        )
    return None


def in_units(effect: Effect) -> str:
    """The effect of a measure: 128 instead of 231 words on average; median ratio 0.55 (...)."""
    ratio = effect.told == "ratio"
    return (
        f"{_short(effect.intervention)} instead of {_short(effect.base)} {effect.unit} "
        f"on average; {'median ratio' if ratio else 'mean difference'} "
        f"{between(effect, _short if ratio else _signed)}"
    )


def _short(value: float) -> str:
    return decimal(value, 3 if abs(value) >= 1 else 2)


def _signed(value: float) -> str:
    return "+" * (value > 0) + _short(value)


def numbers_in_full(finding: Finding) -> list[Row]:
    """Every number of a finding that was judged, with what it means; none that is missing."""
    return [
        row
        for row in (
            _difference(finding),
            _effect(finding),
            _zone(finding),
            _win_rate(finding),
            _auc(finding),
            *_evidence(finding),
            _transfer(finding),
            *_bank(finding),
            _length(finding),
            _agreement(finding),
        )
        if row
    ]


def _difference(finding: Finding) -> Row | None:
    if not (apart := finding.difference):
        return None
    return Row(
        "Difference of the rates",
        f"{between(apart, points)} percentage points",
        f"Intervention less base, both on the same {_of_all(finding, apart)}, with a "
        f"{percent(0.95)} interval.",
    )


def _effect(finding: Finding) -> Row | None:
    if not (effect := finding.effect):
        return None
    many = units(finding.unit)
    if effect.told == "ratio":
        none, how = 1, (
            f"Half of the {many} have a larger ratio of the intervention's to the base's, half a "
            f"smaller one; {many} where one side has none of it are left out."
        )  # fmt: skip
    else:
        none, how = 0, (
            f"The mean over {many}, topics weighted by their share of the bank, which the plain "
            "averages of either side are not."
        )  # fmt: skip
    how += f" From {_of_all(finding, effect)}."
    if effect.low <= none <= effect.high:
        how += (
            f" The interval holds {none}, no effect: the decision rests on how many lean "
            "which way, not on by how much."
        )
    return Row("Effect", in_units(effect), how)


def _zone(finding: Finding) -> Row | None:
    check = finding.check
    if not isinstance(check, MeasureCheck):
        return None
    if not (margin := zone(check)):
        return Row("When two responses tie", "never", "Every difference counts.")
    return Row(
        "When two responses tie",
        f"if they differ by no more than {margin}",
        "A difference as small as that is no win and no loss.",
    )


def _win_rate(finding: Finding) -> Row | None:
    rate = finding.win_rate
    if not rate or rate.estimate is None:
        return None
    return Row(
        "Win rate",
        between(rate, percent),
        f"Of the {units(finding.unit)} that were not ties, up to where the test ended; the "
        f"interval of {percent(rate.confidence)} holds wherever it ends.",
    )


def _auc(finding: Finding) -> Row | None:
    if not (auc := finding.auc):
        return None
    return Row(
        "Area under the curve (AUC)",
        between(auc, percent),
        "The chance that of two responses to one prompt the intervention's fits the statement "
        f"better, ties counted half, over all {_of_all(finding, auc)}; "
        f"{percent(0.5)} is no difference.",
    )


def _evidence(finding: Finding) -> list[Row]:
    rows = [
        Row(
            "e-value",
            e_value(finding.e_value),
            f"{e_value(finding.e_value_plain)} plain, "
            f"{e_value(finding.e_value_against_placebos)} against placebo statements; the "
            "smaller counts. The decision rests on it.",
        )
    ]
    if finding.p_anytime is not None:
        rows.append(
            Row(
                "p-value, any stopping time",
                decimal(finding.p_anytime),
                "Valid at any stopping time: min(1, 1/e).",
            )
        )
    if finding.p_sign is not None:
        rows.append(
            Row(
                "p-value, sign test",
                decimal(finding.p_sign),
                f"Sign test at a number of {units(finding.unit)} fixed beforehand, one-sided; not "
                "corrected for the number of statements tested, and no decision rests on it.",
            )
        )
    return rows


def _transfer(finding: Finding) -> Row | None:
    if not (beyond := finding.transfer):
        return None
    decided = beyond.wins + beyond.losses
    others = "prompts" if finding.unit == "draw" else "topics"
    if not decided:
        return Row(
            f"Beyond its own {others}",
            f"all {_of_all(finding, beyond)} were ties",
            "No sign that it shows elsewhere. No claim.",
        )
    return Row(
        f"Beyond its own {others}",
        f"won {count(beyond.wins)} of {count(decided)} {units(finding.unit)} that were not "
        f"ties, {between(beyond, percent)}",
        f"On {_of_all(finding, beyond)} of {others} that the statement does not name. "
        "No claim: no error control covers it.",
    )


def _bank(finding: Finding) -> list[Row]:
    if not (bank := finding.bank):
        return []
    rows = []
    base, intervention = bank.rate_base, bank.rate_intervention
    if base and intervention:
        value = f"base {between(base, percent)}, intervention {between(intervention, percent)}"
        if apart := bank.difference:
            value += f"; difference {between(apart, points)} points"
        rows.append(Row(_reach(base.share), value, _weighted(finding, base)))
    if effect := bank.effect:
        by_draw = finding.unit == "draw"
        where = "On all of these prompts" if by_draw else "On every topic with fresh prompts"
        rows.append(Row(where, in_units(effect), _all(finding, effect)))
    return rows


def _reach(share: float) -> str:
    """A part of the bank is not called the whole."""
    if share == 1:
        return "Over the whole bank"
    return f"Over topics that weigh {percent(share)} of the bank"


def _weighted(finding: Finding, number: BankRate) -> str:
    return _all(finding, number).removesuffix(".") + ", topics weighted by their share of the bank."


def _all(finding: Finding, number: BankRate | Effect) -> str:
    if finding.unit == "draw":
        return f"From {_of_all(finding, number)}."
    return f"From {count(number.prompts)} fresh prompts of all topics."


def _of_all(finding: Finding, number: BankRate | Effect | Transfer) -> str:
    """How many prompts, or pairs of draws, a number rests on."""
    return f"{count(number.prompts)} {units(finding.unit)}"


def _length(finding: Finding) -> Row | None:
    if not finding.cut or finding.uncut is None:
        return None
    first, last = finding.cut
    whole = finding.uncut
    much = whole > 0 and max(first, last) < NOTABLE_CUT * whole
    return Row(
        "On texts cut to equal length",
        f"mean score {decimal(first, 2)} on beginnings and {decimal(last, 2)} on ends, instead of "
        f"{decimal(whole, 2)} on whole texts",
        "A prompt's score is 1 where it speaks for the statement, −1 where it speaks against it. "
        "Both responses were cut to as many words as the shorter one has. "
        + (
            "Less than half is left: much of the effect goes with length."
            if much
            else "What is left does not come from one subject writing more."
        ),
    )


def _agreement(finding: Finding) -> Row | None:
    if isinstance(finding.check, EntailedCheck):
        return Row(
            "How well the check agrees with people",
            "not measured",
            "A model for natural language inference, which the audit names, said of each response "
            "whether it entails the statement.",
        )
    if not (found := finding.agreement):
        if not isinstance(finding.check, FeatureCheck):
            return None
        return Row(
            "How well the check agrees with people",
            "not measured",
            "It is read off the words or marks of each response, as the statement says.",
        )
    by = f", {found.of}" if found.of else ""
    return Row(
        "How well the check agrees with people",
        f"it finds {percent(found.recall)} of what people call so, and "
        f"{percent(found.precision)} of what it finds is",
        f"Measured on {count(found.texts)} labelled texts ({count(found.positives)} of them "
        f"so{by}). Where it misses much, the true rates are higher than those shown.",
    )


def left_untested(findings: Sequence[Finding]) -> str | None:
    """How many statements were left untested and why, as one sentence."""
    untested = [f for f in findings if f.status == Status.UNTESTED]
    if not untested:
        return None
    why = Counter(_why_untested(f.stopped) for f in untested)
    many = len(untested) > 1
    opening = (
        f"{count(len(untested))} more {'were' if many else 'was'} proposed but left untested: "
    )
    if len(why) == 1:
        (reason,) = why
        return opening + (reason if many else _of_one(reason)) + "."
    return (
        opening + listed([f"of {number}, {reason}" for reason, number in why.items()], "and") + "."
    )


def _why_untested(stopped: Stop | None) -> str:
    return UNTESTED.get(stopped, TOO_FEW) if stopped else TOO_FEW


def _of_one(reason: str) -> str:
    return reason.replace(" them", " it").replace("they were", "it was").replace("their", "its")


def reasons(finding: Finding, hypotheses: int, power: float = 0.8) -> list[str]:
    """Why a finding is not validated, as sentences; none for a validated one."""
    status = finding.status
    if status == Status.VALIDATED:
        return []
    stopped = STOPPED[finding.stopped] if finding.stopped else None
    if status == Status.SUGGESTIVE:
        gates = [GATES[gate] for gate in finding.gates_failed]
        return gates or [
            "Its evidence is notable, but not enough for the error control over all "
            f"{hypotheses} statements."
        ]
    if status == Status.UNTESTED:
        if stopped and finding.stopped in LEFT_OUT:
            return [stopped]
        few = "There were too few prompts to decide, even had it won all of them."
        return [few, stopped] if stopped else [few]
    effect, many = finding.minimum_detectable_effect, units(finding.unit)
    could = (
        f"An effect of {percent(effect)} of {many} would have been found with a chance of "
        f"{percent(power)}."
        if effect
        else f"With so many losses, no effect could have been found with the {many} at hand."
    )
    return [sentence for sentence in (stopped, could) if sentence]


def anchor(name: str) -> str:
    """The id of a finding's place on the page."""
    return "finding-" + re.sub(r"[^A-Za-z0-9_-]", "-", name)
