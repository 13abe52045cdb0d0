"""The files that texts are exported to, all of which the readers of responses read back.

Columns are given with the type of what they hold, str, int or float; a prompt may be a list of
messages, too, which is JSON where a cell holds text alone.
"""

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

from scripts.core.errors import AuditError
from scripts.core.files import replacing, write_jsonl

Columns = Mapping[str, type]
Rows = Iterable[dict[str, object]]
TOGETHER = 1024  # rows that are in memory at once


def to_jsonl(path: Path, _columns: Columns, rows: Rows) -> None:
    write_jsonl(path, rows)


def to_csv(path: Path, columns: Columns, rows: Rows) -> None:
    """Rows that lack a text stay out: to who reads it back an empty cell is an empty text."""
    with (
        replacing(path) as temporary,
        open(temporary, "w", newline="", encoding="utf-8", errors="replace") as stream,
    ):
        table = csv.DictWriter(stream, columns, lineterminator="\n")
        table.writeheader()
        table.writerows(
            _flat(row) for row in rows if None not in (row["base"], row["intervention"])
        )


def to_parquet(path: Path, columns: Columns, rows: Rows) -> None:
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    types = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}
    schema = pyarrow.schema([(name, types[kind]) for name, kind in columns.items()])
    left = map(_flat, rows)
    with replacing(path) as temporary, ParquetWriter(temporary, schema) as file:
        while together := list(islice(left, TOGETHER)):
            file.write_batch(pyarrow.RecordBatch.from_pylist(together, schema))


WRITERS: dict[str, Callable[[Path, Columns, Rows], None]] = {
    "jsonl": to_jsonl,
    "csv": to_csv,
    "parquet": to_parquet,
}


def check_format(name: str) -> None:
    """Raise AuditError when what a format needs is not installed."""
    if name == "parquet" and find_spec("pyarrow") is None:
        raise AuditError(
            "`export: parquet` needs pyarrow, which is not installed; run `pip install pyarrow`, "
            "or choose `jsonl` or `csv`"
        )


def _flat(row: Mapping[str, object]) -> dict[str, object]:
    prompt = row["prompt"]
    text = prompt if isinstance(prompt, str) else json.dumps(prompt, ensure_ascii=False)
    return {**row, "prompt": text}
