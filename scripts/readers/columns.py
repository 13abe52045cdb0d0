"""Parquet, Arrow and Feather, through pyarrow where it is installed."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

from scripts.core.files import Json
from scripts.prompts.prompt import BankError
from scripts.readers.row import Format, Record, wrong
from scripts.readers.settings import FileSettings

TOGETHER = 1024  # rows that are in memory at once
MAGIC = (b"PAR1", b"ARROW1")


def records(path: Path, _settings: FileSettings) -> Iterator[Record]:
    try:
        import pyarrow as arrow
        import pyarrow.ipc
        import pyarrow.parquet
    except ModuleNotFoundError:
        raise BankError(
            f"`{path}` needs pyarrow to be read; run `pip install pyarrow`, or save the rows as "
            "JSON lines"
        ) from None
    numbers = count(1)
    try:
        with open(path, "rb") as source:
            for batch in _batches(arrow, source):
                for row in batch.to_pylist():
                    yield Record(f"row {next(numbers)}", row)
    except (arrow.ArrowException, OSError) as error:
        said = str(error).splitlines()[0]
        raise wrong(path, "", f"it is damaged or cut off ({said}); get the file again") from None


def _batches(arrow: Json, source: Json) -> Iterator[Json]:
    """The record batches of Parquet, of an Arrow file, or of a stream as `datasets` writes it."""
    parquet = source.read(len(MAGIC[0])) == MAGIC[0]
    source.seek(0)
    if parquet:
        yield from arrow.parquet.ParquetFile(source).iter_batches(batch_size=TOGETHER)
        return
    try:
        with arrow.ipc.open_file(source) as file:
            for number in range(file.num_record_batches):
                yield file.get_batch(number)
    except arrow.ArrowInvalid:
        source.seek(0)
        with arrow.ipc.open_stream(source) as stream:
            yield from stream


FORMAT = Format(
    "parquet",
    "Parquet or Arrow",
    (".parquet", ".arrow", ".feather"),
    lambda glance: (
        glance.head.startswith(MAGIC) or glance.ending in (".parquet", ".arrow", ".feather")
    ),
    records,
)
