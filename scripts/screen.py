"""Eliminate hopeless hypotheses on fresh prompts; a user's own hypotheses join untouched.

Of those that go on, the confirm pool's budget decides which are tested: here, before any of its
draws is seen.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.assistants.checks import FEATURES, words
from scripts.assistants.local import Net, Pair, pair_score, region_nets, sentence
from scripts.plan import within_budget
from scripts.propose import named, read_pairs
from scripts.workflow.errors import AuditError
from scripts.workflow.files import read_json, read_jsonl, write_jsonl
from scripts.workflow.job import Ledger, job, log


def own_hypotheses(path: str, regions: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A user's hypotheses: JSON lines with `check`, optional `statement`, `regions` (ids or names).

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
        check = _own_check(row.get("check"))
        if check is None:
            raise AuditError(
                f"{where}: the local assistant needs a `check`: "
                '{"kind": "phrases", "phrases": [...]} or {"kind": "feature", "feature": one of '
                f"{', '.join(FEATURES)}}}"
            )
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
    return named(found)


def _own_check(given: Any) -> dict[str, Any] | None:
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


def screened(
    hypotheses: Sequence[Mapping[str, Any]],
    pairs: Sequence[Pair],
    regions: Mapping[str, Mapping[str, Any]],
    least_net: int,
) -> list[dict[str, Any]]:
    """Every hypothesis with its counts on the screen pool, its regions narrowed, and whether it
    goes on.

    A region stays where the screen pool speaks for the hypothesis, or has no prompt to ask; when
    none would stay, all do and the hypothesis is judged by its counts alone.
    """
    rows = []
    for hypothesis in hypotheses:
        here = [pair for pair in pairs if pair.region in hypothesis["regions"]]
        nets = region_nets(hypothesis["check"], here)
        net = sum(n.wins - n.losses for n in nets.values())
        kept = [r for r in hypothesis["regions"] if r not in nets or nets[r].wins > nets[r].losses]
        scores = [pair_score(hypothesis["check"], p) for p in here if p.region in (kept or nets)]
        explored = {r: Net(*hypothesis["explored"][r]) for r in kept or hypothesis["regions"]}
        rows.append(
            dict(hypothesis)
            | {
                "statement": sentence(hypothesis["check"], explored, regions),
                "regions": sorted(explored),
                "dropped_regions": sorted(set(hypothesis["regions"]) - set(explored)),
                "screen": {
                    "prompts": sum(n.prompts for n in nets.values()),
                    "wins": sum(n.wins for n in nets.values()),
                    "losses": sum(n.losses for n in nets.values()),
                    "share": round(sum(scores) / max(1, len(scores)), 4),
                },
                # Without any prompt to screen on there is nothing to eliminate by.
                "goes_on": not nets or net >= least_net,
            }
        )
    return rows


def screen(snakemake, ledger: Ledger) -> None:
    regions = {r["id"]: r for r in read_json(snakemake.input.regions)["regions"]}
    pairs = read_pairs(snakemake.input.base, snakemake.input.intervention)
    least_net = snakemake.params.settings["least_net"]
    rows = screened(read_jsonl(snakemake.input.hypotheses), pairs, regions, least_net)
    kept = [row for row in rows if row["goes_on"]]
    for path in snakemake.params.local["hypotheses"]:
        own = [row | {"goes_on": True} for row in own_hypotheses(str(Path(path)), regions)]
        same = {row["id"] for row in own}  # a proposed hypothesis that the user also has
        kept = [row for row in kept if row["id"] not in same] + own
        rows = [row for row in rows if row["id"] not in same] + own
    affordable = {h["id"] for h in within_budget(kept, snakemake.params.settings["confirm"])}
    kept = [row | {"within_budget": row["id"] in affordable} for row in kept]
    log.info(
        "%d of %d hypotheses go on, %d within the budget", len(kept), len(rows), len(affordable)
    )
    write_jsonl(snakemake.output.screened, rows)
    write_jsonl(snakemake.output.hypotheses, kept)


if __name__ == "__main__":
    with job(snakemake) as ledger:
        screen(snakemake, ledger)
