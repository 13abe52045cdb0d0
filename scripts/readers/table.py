"""CSV and TSV: quoted cells with line breaks, and lines before the header."""

import csv
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from itertools import chain, islice
from pathlib import Path

from scripts.readers.fields import ALIASES
from scripts.readers.jsons import text_lines
from scripts.readers.row import Format, Record, wrong
from scripts.readers.settings import FileSettings

ENDINGS = (".csv", ".tsv")
LOOKED_AT = 20  # records among which a header is looked for
DELIMITERS = ("\t", ";")  # besides the comma
NAMED = ("prompt", "response", "sample", "category", "group", "model", "key")


def cells(path: Path) -> Generator[tuple[int, list[str]]]:
    """The records that are not empty, with the line that each begins on."""
    csv.field_size_limit(min(sys.maxsize, 1 << 31))
    with closing(text_lines(path)) as lines:
        first = next(lines, (1, ""))
        reader = csv.reader(
            (line for _, line in chain([first], lines)),
            delimiter=_delimiter(path, first[1]),
            strict=True,
        )
        begins = 1
        try:
            for record in reader:
                if record:
                    yield begins, record
                begins = reader.line_num + 1
        except csv.Error as error:
            if "new-line character" in str(error):
                what = "its lines end in a carriage return alone; save it with line feeds"
                raise wrong(path, f"line {begins}", what) from None
            raise wrong(
                path,
                f"line {begins}",
                f"the quoting of the record that begins here breaks ({error}); put cells with "
                'commas, quotes or line breaks in double quotes, and write a quote inside as ""',
            ) from None


def _delimiter(path: Path, line: str) -> str:
    if path.suffix.lower() == ".tsv":
        return "\t"
    return next((mark for mark in DELIMITERS if mark in line and "," not in line), ",")


def records(path: Path, settings: FileSettings) -> Iterator[Record]:
    with closing(cells(path)) as rows:
        before = list(islice(rows, LOOKED_AT))
        place = header_of(path, before, settings)
        header = [name.strip() for name in before[place][1]] if before else []
        if len(set(filter(None, header))) < len(list(filter(None, header))):
            twice = next(name for name in header if name and header.count(name) > 1)
            raise wrong(
                path, f"line {before[place][0]}", f"two columns are called `{twice}`; rename one"
            )
        for line, record in chain(before[place + 1 :], rows):
            if len(record) != len(header):
                raise wrong(
                    path,
                    f"line {line}",
                    f"{len(record)} cells where the header has {len(header)}; its quoting breaks "
                    "there or before: put cells with commas in double quotes",
                )
            yield Record(f"line {line}", dict(zip(header, record, strict=True)))


def header_of(path: Path, rows: Sequence[tuple[int, list[str]]], settings: FileSettings) -> int:
    """Which of the first records is the header: the one on the line that `header` names, else the
    first that holds the fields named or, where none is, a name that is known."""
    if asked := settings.get("header"):
        for place, (line, _) in enumerate(rows):
            if line == asked:
                return place
        raise wrong(path, "", f"no record begins on line {asked}; correct `header`")
    named = {str(told) for name in NAMED if (told := settings.get(name))}
    known = {alias for what in ("prompt", "response", "key") for alias in ALIASES[what]}
    sets = [{cell.strip() for cell in record} for _, record in rows]
    fitting = [place for place, names in enumerate(sets) if named and named <= names]
    return next(chain(fitting, (place for place, names in enumerate(sets) if names & known)), 0)


FORMAT = Format(
    "csv",
    "CSV or TSV",
    ENDINGS,
    lambda glance: glance.ending in ENDINGS,
    records,
)
