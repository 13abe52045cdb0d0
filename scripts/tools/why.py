"""Say which setting changed which key, against what is published: why a run would do work."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.core.errors import AuditError
from scripts.core.files import Json, JsonObject, read_json
from scripts.core.job import Job, run
from scripts.core.settings import Given
from scripts.workflow.described import Audits, DescribedAudit, DescribedNode
from scripts.workflow.places import without_places

NodeOfStage = DescribedNode | JsonObject  # as configured, or as audit.json has it
ABSENT = "(none)"
LONGEST = 60  # characters of a value that are shown
_DIGEST = re.compile(r"[0-9a-f]{64}")  # of an input's content: no setting that anyone wrote


@dataclass(frozen=True)
class Change:
    """A stage of an audit, compared; `settings` holds (path, old, new) where they differ."""

    stage: str
    state: str  # same, changed, new or gone
    settings: tuple[tuple[str, object, object], ...] = ()


def flat(settings: Json, path: str = "") -> JsonObject:
    """Nested settings as {dotted path: value}; a list is one value."""
    if not isinstance(settings, Mapping) or (not settings and path):
        return {path: settings}
    found: JsonObject = {}
    for name, value in settings.items():
        found |= flat(value, f"{path}.{name}" if path else str(name))
    return found


def differences(old: Given, new: Given) -> tuple[tuple[str, object, object], ...]:
    """(dotted path, old, new) of every setting that differs, by path; digests are left out."""
    before, after = flat(old), flat(new)
    pairs = {p: (before.get(p, ABSENT), after.get(p, ABSENT)) for p in before.keys() | after.keys()}
    return tuple(
        (path, *pair)
        for path, pair in sorted(pairs.items())
        if (path in before) != (path in after) or pair[0] != pair[1]
        if not all(_DIGEST.fullmatch(str(value)) for value in pair)
    )


def changes(published: JsonObject, audit: DescribedAudit) -> list[Change]:
    """One entry a node behind an audit, in the order of the data flow; the report comes last.

    Nodes of one stage are matched by key, then by pool, then by order: both lists have one order.
    """
    report = next(node for node in audit["nodes"] if node["stage"] == "report")
    old = _by_role(published["keys"])
    new = _by_role(node for node in audit["nodes"] if node["stage"] != "report")
    found = []
    for role in [*new, *(role for role in old if role not in new)]:
        before, after = _unmatched(old.get(role, []), new.get(role, []))
        same = len(new.get(role, [])) - len(after)
        found += [Change(role, "same")] * same
        for number in range(max(len(before), len(after))):
            if number >= len(before):
                found.append(Change(role, "new"))
            elif number >= len(after):
                found.append(Change(role, "gone"))
            else:
                pair = before[number]["settings"], after[number]["settings"]
                found.append(Change(role, "changed", differences(*pair)))
    state = "same" if published["key"] == report["key"] else "changed"
    config = differences(without_places(published["config"]), report["settings"]["config"])
    found.append(Change("report", state, config if state == "changed" else ()))
    return found


def _by_role(nodes: Iterable[NodeOfStage]) -> dict[str, list[NodeOfStage]]:
    found: dict[str, list[NodeOfStage]] = {}
    for node in nodes:
        pool = node["settings"].get("pool") if node["stage"] == "plan" else None
        found.setdefault(f"plan ({pool})" if pool else node["stage"], []).append(node)
    return found


def _unmatched(
    old: Sequence[NodeOfStage], new: Sequence[NodeOfStage]
) -> tuple[list[NodeOfStage], list[NodeOfStage]]:
    keys = {node["key"] for node in old} & {node["key"] for node in new}
    return [n for n in old if n["key"] not in keys], [n for n in new if n["key"] not in keys]


def explained(name: str, found: Sequence[Change]) -> list[str]:
    """Lines for one audit."""
    if all(change.state == "same" for change in found):
        return [f"{name}: published as configured"]
    width = max(len(change.stage) for change in found)
    lines = [f"{name}: differs from what is published"]
    for change in found:
        reasons = [f"{p}: {_shown(old)} -> {_shown(new)}" for p, old, new in change.settings]
        if change.state == "changed" and not reasons:
            reasons = ["code or an input changed"]
        first, *more = reasons or [""]
        lines.append(f"  {change.stage:<{width}}  {change.state:<7}  {first}".rstrip())
        lines += [f"  {'':<{width}}  {'':<7}  {reason}" for reason in more]
    return lines


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def why(audits: Audits, results: Path) -> str:
    """All lines. Raises AuditError when what is published cannot be read."""
    lines = []
    for name, audit in audits.items():
        path = results / "audits" / name / "audit.json"
        if not path.is_file():
            lines.append(f"{name}: not published yet, so there is nothing to compare with")
            continue
        try:
            lines += explained(name, changes(read_json(path), audit))
        except (KeyError, TypeError, ValueError) as error:
            raise AuditError(
                f"`{path}` cannot be compared with the configuration ({error!r}); delete the "
                f"folder `{path.parent}` and run `snakemake {name} --cores all` to publish it again"
            ) from error
    return "\n".join(lines)


def main(job: Job) -> None:
    print(why(job.params.audits, Path("results")), flush=True)


if __name__ == "__main__":
    run(main)
