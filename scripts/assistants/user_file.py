"""Hypotheses that a user brings, from a file."""

from collections.abc import Mapping
from typing import Any

from scripts.assistants.author import statement_of
from scripts.assistants.questions import behaviour_of
from scripts.checks.features import FEATURES
from scripts.checks.words import words
from scripts.core.errors import AuditError
from scripts.core.files import read_jsonl
from scripts.hypotheses.pairs import Net
from scripts.hypotheses.wording import sentence


def own_hypotheses(
    path: str, regions: Mapping[str, Mapping[str, Any]], local: bool
) -> list[dict[str, Any]]:
    """A user's hypotheses without ids: JSON lines with `check`, optional `statement` and `regions`
    (ids or names).

    A model judges by the `statement`, a verb phrase that completes "The response …", and takes an
    optional `direction`, "more" or "less".

    Raises AuditError naming the file, the line and the field.
    """
    found = []
    names = {r["name"]: r["id"] for r in regions.values()} | {
        r["category"]: r["id"] for r in regions.values()
    }
    try:
        rows = read_jsonl(path)
    except (OSError, ValueError) as error:
        raise AuditError(str(error)) from None
    with open(path, "rb") as file:  # read_jsonl skips blank lines
        lines = [number for number, line in enumerate(file, 1) if line.strip()]
    for number, row in zip(lines, rows, strict=True):
        where = f"`{path}`, line {number}"
        check = _check(row.get("check")) if local else None
        if local and check is None:
            raise AuditError(
                f"{where}: the local assistant needs a `check`: "
                '{"kind": "phrases", "phrases": [...]} or {"kind": "feature", "feature": one of '
                f"{', '.join(FEATURES)}}}"
            )
        if not local and not behaviour_of(row.get("statement")):
            raise AuditError(
                f"{where}: the assistant needs a `statement` that completes “The response …”, such "
                "as “recommends bread”"
            )
        direction = row.get("direction", "more")
        if not local and direction not in ("more", "less"):
            raise AuditError(f"{where}: `direction` is {direction!r}; write `more` or `less`")
        wanted, named_regions = [], row.get("regions") or list(regions)
        for region in [named_regions] if isinstance(named_regions, str) else named_regions:
            same = [
                r["id"] for r in regions.values() if region in (r["id"], r["name"], r["category"])
            ]
            if not same:
                raise AuditError(
                    f"{where}: there is no region `{region}`; known: {', '.join(names)}"
                )
            wanted += same
        if not local:
            found.append(_statement(behaviour_of(row["statement"]), direction, wanted, regions))
            continue
        found.append(
            {
                "statement": row.get("statement")
                or sentence(check, {r: Net(1, 0, 1, 1.0) for r in wanted}, regions),
                "direction": "less" if check.get("absent") else "more",
                "regions": sorted(set(wanted)),
                "check": check,
                "source": "user",
            }
        )
    return found


def _statement(behaviour, direction, wanted, regions) -> dict[str, Any]:
    return {
        "statement": statement_of(behaviour, direction, set(wanted), regions),
        "behaviour": behaviour,
        "direction": direction,
        "regions": sorted(set(wanted)),
        "explored": {},
        "source": "user",
    }


def _check(given: Any) -> dict[str, Any] | None:
    """A check as `holds` reads it, phrases lower-cased without punctuation; None if it is none."""
    if not isinstance(given, dict):
        return None
    if given.get("kind") == "feature":
        return dict(given) if given.get("feature") in FEATURES else None
    phrases = given.get("phrases")
    if given.get("kind") != "phrases" or not isinstance(phrases, list):
        return None
    plain = [" ".join(words(str(phrase))) for phrase in phrases]
    return given | {"phrases": plain} if plain and all(plain) else None
