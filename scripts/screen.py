"""Eliminate hopeless hypotheses on fresh prompts; a user's own hypotheses join untouched."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.assistants.checks import FEATURES
from scripts.assistants.local import Pair, prompt_scores, sentence
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
    for number, row in enumerate(read_jsonl(path), 1):
        where = f"`{path}`, line {number}"
        check = row.get("check") or {}
        if check.get("kind") == "phrases" and check.get("phrases"):
            check = check | {"phrases": [str(p).lower() for p in check["phrases"]]}
        elif check.get("kind") != "feature" or check.get("feature") not in FEATURES:
            raise AuditError(
                f"{where}: the local assistant needs a `check`: "
                '{"kind": "phrases", "phrases": [...]} or {"kind": "feature", "feature": one of '
                f"{', '.join(FEATURES)}}}"
            )
        wanted = []
        for region in row.get("regions") or regions:
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
                or sentence(check, [regions[r] for r in wanted], len(regions)),
                "direction": "less" if check.get("absent") else "more",
                "regions": sorted(set(wanted)),
                "check": check,
                "source": "user",
            }
        )
    return named(found)


def screened(
    hypotheses: Sequence[Mapping[str, Any]], pairs: Sequence[Pair], least_net: int
) -> list[dict[str, Any]]:
    """Every hypothesis with its wins and losses on the screen pool and whether it goes on."""
    rows = []
    for hypothesis in hypotheses:
        here = [pair for pair in pairs if pair.region in hypothesis["regions"]]
        scores = prompt_scores(hypothesis["check"], here).values()
        wins, losses = sum(s > 0 for s in scores), sum(s < 0 for s in scores)
        counts = {"prompts": len(scores), "wins": wins, "losses": losses}
        # Without any prompt to screen on there is nothing to eliminate by.
        goes_on = not counts["prompts"] or wins - losses >= least_net
        rows.append(dict(hypothesis) | {"screen": counts, "goes_on": goes_on})
    return rows


def screen(snakemake, ledger: Ledger) -> None:
    regions = {r["id"]: r for r in read_json(snakemake.input.regions)["regions"]}
    pairs = read_pairs(snakemake.input.base, snakemake.input.intervention)
    rows = screened(
        read_jsonl(snakemake.input.hypotheses), pairs, snakemake.params.settings["least_net"]
    )
    kept = [row for row in rows if row["goes_on"]]
    for path in snakemake.params.local["hypotheses"]:
        own = own_hypotheses(str(Path(path)), regions)
        kept += [row | {"goes_on": True} for row in own]
        rows += kept[-len(own) :]
    log.info("%d of %d hypotheses go on", len(kept), len(rows))
    write_jsonl(snakemake.output.screened, rows)
    write_jsonl(snakemake.output.hypotheses, kept)


if __name__ == "__main__":
    with job(snakemake) as ledger:
        screen(snakemake, ledger)
