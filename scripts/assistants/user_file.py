"""Hypotheses that a user brings, from a file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from scripts.assistants.author import statement_of
from scripts.assistants.questions.form import predicate_of
from scripts.checks.check import (
    Check,
    EntailedCheck,
    FeatureCheck,
    MeasureCheck,
    PhraseCheck,
    by_place,
    check_of,
)
from scripts.checks.features import FEATURES
from scripts.checks.measures import MEASURES
from scripts.checks.words import words
from scripts.core.errors import AuditError
from scripts.core.files import read_jsonl
from scripts.hypotheses.hypothesis import Direction, Hypothesis, new_hypothesis
from scripts.hypotheses.pairs import Net
from scripts.hypotheses.probe import LEAST, Written
from scripts.hypotheses.wording import sentence
from scripts.prompts.prompt import is_empty, normal_prompt
from scripts.prompts.region import Region


@dataclass(frozen=True)
class OwnLine:
    """One line of the file, checked as far as that goes before there are regions."""

    where: str
    check: Check | None
    """What the local assistant looks for; a model judges by the statement."""
    statement: str | None
    direction: Direction
    """`more` or `less`, of a model; a check says it itself."""
    regions: tuple[str, ...]
    """Ids, names or categories; all regions if there are none."""
    prompts: str | None = None
    """File of prompts written for it, if there is one."""


def read_own(path: str, local: bool, entailed: bool = False) -> list[OwnLine]:
    """The lines of a user's file: JSON with `check`, optional `statement` and `regions`, and
    `prompts`, a file beside it of prompts written for the hypothesis.

    A model judges by the `statement`, a verb phrase that completes "The response …", and takes an
    optional `direction`; so does the local assistant, of a line without a check, where the audit
    has a model that reads what texts entail (`entailed`). Raises AuditError naming the file, the
    line and the field.
    """
    folder = Path(path).parent
    return [_own_line(where, row, local, entailed, folder) for where, row in _lines(path)]


def _own_line(
    where: str, row: Mapping[str, object], local: bool, entailed: bool, folder: Path
) -> OwnLine:
    check, statement = _check(row.get("check")) if local else None, row.get("statement")
    to_read = local and row.get("check") is None and predicate_of(statement)
    if to_read and entailed:
        less = row.get("direction") == "less"
        check, statement = EntailedCheck(statement=to_read, absent=less), None
    if local and check is None:
        without = to_read and " (or `entailment` in the audit, to have the statement read)"
        raise AuditError(
            f"{where}: the local assistant needs a `check`{without or ''}: "
            '{"kind": "phrases", "phrases": [...]}, {"kind": "feature", "feature": one of '
            f'{", ".join(FEATURES)}}} or {{"kind": "measure", "measure": one of '
            f"{', '.join(MEASURES)}}}"
        )
    if statement is not None and not isinstance(statement, str):
        raise AuditError(f"{where}: `statement` is {statement!r}; write a text")
    if not local and not predicate_of(statement):
        raise AuditError(
            f"{where}: the assistant needs a `statement` that completes “The response …”, such "
            "as “recommends bread”"
        )
    direction = row.get("direction", "more")
    if (not local or to_read) and direction not in ("more", "less"):
        raise AuditError(f"{where}: `direction` is {direction!r}; write `more` or `less`")
    given = row.get("regions") or ()
    regions = (given,) if isinstance(given, str) else given
    if not isinstance(regions, list | tuple) or not all(isinstance(r, str) for r in regions):
        raise AuditError(f"{where}: `regions` is {given!r}; write a list of ids or names")
    prompts = row.get("prompts")
    if prompts is not None and not isinstance(prompts, str):
        raise AuditError(f"{where}: `prompts` is {prompts!r}; write the name of a JSONL file")
    if prompts is not None and by_place(check):
        raise AuditError(
            f"{where}: a statement that a model reads off texts of the bank cannot be tested on "
            "`prompts`; give phrases, a feature or a measure as its `check`"
        )
    written = None if prompts is None else str(folder / prompts)
    return OwnLine(where, check, statement, cast(Direction, direction), tuple(regions), written)


def read_written(path: str) -> list[Written]:
    """A user's prompts for one hypothesis: JSON with `prompt`, a text or messages, and `shows`,
    whether the hypothesis should show on it if it is true (it should where that is left out).

    Raises AuditError naming the file, the line and the field, or that they are too few.
    """
    found = []
    for where, row in _lines(path):
        shows = row.get("shows", True)
        if not isinstance(shows, bool):
            raise AuditError(f"{where}: `shows` is {shows!r}; write true or false")
        if "prompt" not in row:
            raise AuditError(f"{where}: there is no `prompt`")
        content = normal_prompt(row["prompt"], where)
        if is_empty(content):
            raise AuditError(f"{where}: the `prompt` is empty")
        found.append(Written(content, shows))
    if (count := sum(written.shows for written in found)) < LEAST:
        raise AuditError(
            f"`{path}`: {count} prompts on which the hypothesis should show can prove nothing, "
            f"since half of them explore; write at least {LEAST}, better 40"
        )
    return found


def written_files(lines: Iterable[OwnLine]) -> list[str]:
    """The files of prompts that a user's own hypotheses name. Raises AuditError where one of them
    cannot be used."""
    found = [line.prompts for line in lines if line.prompts]
    for written in found:
        read_written(written)
    return found


def _lines(path: str) -> list[tuple[str, dict[str, object]]]:
    """The objects of a JSONL file, and where each stands."""
    try:
        rows = read_jsonl(path)
    except (OSError, ValueError) as error:
        raise AuditError(str(error)) from None
    with open(path, "rb") as file:  # read_jsonl skips blank lines
        lines = [number for number, line in enumerate(file, 1) if line.strip()]
    return [(f"`{path}`, line {n}", row) for n, row in zip(lines, rows, strict=True)]


def own_hypotheses(
    path: str, regions: Mapping[str, Region], local: bool, entailed: bool = False
) -> list[Hypothesis]:
    """A user's hypotheses. Raises AuditError naming the file, the line and the field,
    or the region that there is not."""
    found = []
    for line in read_own(path, local, entailed):
        wanted = _regions_of(line, regions)
        if line.check is None:
            said = predicate_of(line.statement)
            statement = statement_of(said, line.direction, set(wanted), regions)
            found.append(new_hypothesis(statement, line.direction, "user", wanted, behaviour=said))
            continue
        asked = {r: Net(1, 0, 1, 1.0) for r in wanted}
        statement = line.statement or sentence(line.check, asked, regions)
        less = line.check.absent
        found.append(
            new_hypothesis(statement, "less" if less else "more", "user", wanted, check=line.check)
        )
    return found


def statements_in(lines: Iterable[OwnLine]) -> set[str]:
    """The statements that a model has to look for in texts."""
    return {line.check.statement for line in lines if isinstance(line.check, EntailedCheck)}


def _regions_of(line: OwnLine, regions: Mapping[str, Region]) -> list[str]:
    """Ids of the regions that a line names."""
    wanted: list[str] = []
    for name in line.regions or regions:
        same = [r.id for r in regions.values() if name in (r.id, r.name, r.category)]
        if not same:
            known = [(r.name, r.category) for r in regions.values()]
            names = dict.fromkeys(name for of_kind in zip(*known, strict=True) for name in of_kind)
            raise AuditError(
                f"{line.where}: there is no region `{name}`; known: {', '.join(names)}"
            )
        wanted += same
    return wanted


def _check(given: object) -> Check | None:
    """A check on phrases, lower-cased without punctuation, on a feature or on a measure; None if it
    is none."""
    try:
        check = check_of(given)
    except ValueError:
        return None
    if isinstance(check, FeatureCheck):
        return check if check.feature in FEATURES else None
    if isinstance(check, MeasureCheck):
        return check if check.measure in MEASURES else None
    if not isinstance(check, PhraseCheck):
        return None
    plain = tuple(" ".join(words(phrase)) for phrase in check.phrases)
    return replace(check, phrases=plain) if plain and all(plain) else None
