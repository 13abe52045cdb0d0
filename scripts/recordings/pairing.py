"""The prompts that two recordings share, and what each side has that the other has not."""

from collections.abc import Mapping, Sequence
from typing import Any

from scripts.prompts.prompt import BankError, content_id, last_user

SIDES = ("base", "intervention")
HELD = ("samples", "missing")
NOTABLE = 0.1  # share of a side's prompts or responses whose loss is worth a warning


def shared_prompts(sides: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """The prompts that all sides were asked, in the order of the first, as rows of a bank: with the
    samples that all have, the share of each side's responses that are missing, and a category and
    group of the first that has one.

    sides: rows of `prompts.jsonl`. Raises BankError when there is none.
    """
    first, *others = sides.values()
    known = [{row["id"]: row for row in rows} for rows in others]
    shared = []
    for row in first:
        same = [row, *(of_side[row["id"]] for of_side in known if row["id"] in of_side)]
        if len(same) == len(sides) and (len(sides) > 1 or row["samples"]):
            shared.append(_bank_row(dict(zip(sides, same, strict=True))))
    if not any(row["samples"] for row in shared):
        raise BankError(_nothing_shared(sides))
    return shared


def _bank_row(by_side: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    same = list(by_side.values())
    kind = "text" if "text" in same[0] else "messages"
    missing = {
        side: round(row["missing"] / (row["missing"] + row["samples"]), 6)
        for side, row in by_side.items()
        if row["missing"] and len(by_side) > 1
    }
    about = {"topic": "category", "group": "group"}
    found = {name: next((r[of] for r in same if of in r), None) for name, of in about.items()}
    return {
        "id": same[0]["id"],
        kind: same[0][kind],
        **{name: value for name, value in found.items() if value is not None},
        "samples": min(row["samples"] for row in same),
        **({"missing": missing} if missing else {}),
    }


def within(
    bank: Sequence[Mapping[str, Any]], answered: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The prompts of a bank that were asked, with what is held of them. Raises BankError."""
    known = {row["id"]: row for row in answered}
    kept = [
        {**row, **{name: known[row["id"]][name] for name in HELD if name in known[row["id"]]}}
        for row in bank
        if row["id"] in known
    ]
    if not any(row["samples"] for row in kept):
        raise BankError(
            "none of the bank's prompts is answered; correct the bank, or leave `bank` out to take "
            "the prompts that were answered"
        )
    return kept


def side_reports(
    sides: Mapping[str, Sequence[Mapping[str, Any]]],
    reports: Mapping[str, Mapping[str, Any]],
    bank: Sequence[Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    """Each side's report, and what of it the bank does not have.

    only_here: prompts that the other side has not; unanswered_prompts: prompts of both to which
    this side has missing responses alone; unanswered_there: those to which the other side has;
    beyond: responses to the bank's prompts that the other side has none for; used_prompts,
    used_samples: what is left.
    """
    found = {}
    taken = {row["id"]: row["samples"] for row in bank if row["samples"]}
    silent = {side: {r["id"] for r in rows if not r["samples"]} for side, rows in sides.items()}
    for side, rows in sides.items():
        others = [{row["id"] for row in of} for other, of in sides.items() if other != side]
        here = {row["id"]: row["samples"] for row in rows}
        there = set().union(*(silent[other] for other in sides if other != side))
        found[side] = {
            **reports[side],
            "only_here": sum(any(name not in ids for ids in others) for name in here),
            "unanswered_prompts": len(silent[side].intersection(*others)),
            "unanswered_there": len(set(here) & there),
            "beyond": sum(here[name] - samples for name, samples in taken.items()),
            "used_prompts": len(taken),
            "used_samples": sum(taken.values()),
        }
    return found


def losses(side: str, report: Mapping[str, Any]) -> list[str]:
    """What a side loses more than a tenth of, a sentence each."""
    why = {
        "only on this side": report["only_here"],
        "missing": sum(report["missing"].values()),
        "missing on the other": report["unanswered_there"],
        "beyond the other side's": report["beyond"],
    }
    because = ", ".join(f"{count} {words}" for words, count in why.items() if count)
    found = []
    for what, all_of, used in (
        ("prompts", report["prompts"], report["used_prompts"]),
        ("responses", report["rows"], report["used_samples"]),
    ):
        if all_of - used > NOTABLE * all_of:
            lost = f"{side}: {all_of - used} of {all_of} {what} are not used"
            found.append(f"{lost} ({because})" if because else lost)
    return found


ROWS = {
    "rows": "rows", "prompts": "prompts", "samples": "responses", "repeated": "repeated prompts",
    "only_here": "prompts only here", "unanswered_prompts": "prompts without a response",
    "beyond": "responses beyond the other's", "empty": "empty", "cut": "cut by the token limit",
    "trimmed": "prompts trimmed", "left_out": "left out by `where`", "unasked": "empty prompts",
    "length": "median length, characters",
}  # fmt: skip


def table_rows(sides: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """What was counted, a row each with a cell a side; what is nothing on all sides stays out."""
    found = [[words, *(f"{s[name]:,.0f}" for s in sides.values())] for name, words in ROWS.items()]
    for reason in dict.fromkeys(r for side in sides.values() for r in side["missing"]):
        found.append(
            [f"missing: {reason}", *(f"{s['missing'].get(reason, 0):,}" for s in sides.values())]
        )
    if any(side["checked"] for side in sides.values()):
        shares = [s["refused"] / s["checked"] if s["checked"] else 0.0 for s in sides.values()]
        found.append(["refusals", *(f"{share:.1%}" for share in shares)])
    return [row for row in found if set(row[1:]) - {"0"}]


def _nothing_shared(sides: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    if len(sides) == 1:
        return "the recording has no response at all; complete it"
    silent = [side for side, rows in sides.items() if not any(row["samples"] for row in rows)]
    if silent:
        return (
            f"all responses of the {silent[0]} are missing; complete them, or set `missing: empty`"
        )
    if set.intersection(*({row["id"] for row in rows} for rows in sides.values())):
        return "no prompt has a response on both sides; complete them, or set `missing: empty`"
    by_last = [
        {content_id(last_user(r.get("text") or r["messages"])) for r in rows}
        for rows in sides.values()
    ]
    alike = len(set.intersection(*by_last))
    hint = (
        f"; {alike} would by what the user says last: set `match: last_user` if the two were given "
        "other system messages"
        if alike
        else "; the two subjects must have answered the same prompts, written the same way"
    )
    counts = " and ".join(f"{len(rows)} of the {side}" for side, rows in sides.items())
    return f"the two sides have no prompt in common ({counts}){hint}"
