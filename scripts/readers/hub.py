"""Data sets of the Hugging Face hub, or a folder of `save_to_disk`, through `datasets`.

`path` is the data set's id with its `revision`, or the folder; `subset` and `split` choose a part.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.prompts.prompt import BankError
from scripts.readers.row import Format, Record
from scripts.readers.settings import FileSettings

SAVED = ("dataset_info.json", "dataset_dict.json")


def is_saved(path: Path) -> bool:
    """Whether a folder is one that `datasets` wrote."""
    return any((path / name).is_file() for name in SAVED)


def records(path: Path, settings: FileSettings) -> Iterator[Record]:
    try:
        import datasets
    except ModuleNotFoundError:
        raise BankError(
            f"`{path}` is a data set and needs `datasets` to be read; run `pip install datasets`"
        ) from None
    split = settings.get("split")
    try:
        if settings.get("revision"):
            found = datasets.load_dataset(
                str(path), settings.get("subset"), split=split, revision=settings["revision"],
                streaming=True,
            )  # fmt: skip
        else:
            found = datasets.load_from_disk(str(path))
    except Exception as error:  # whatever the library raises for a wrong id, split or network
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BankError(f"the data set `{path}` cannot be loaded ({said}); correct it") from None
    if isinstance(found, Mapping):
        if (split is None and len(found) > 1) or (split is not None and split not in found):
            raise BankError(
                f"the data set `{path}` has the splits {', '.join(found)}; name one as `split`"
            )
        found = found[split] if split is not None else next(iter(found.values()))
    for number, row in enumerate(found, start=1):
        yield Record(f"row {number}", row)


FORMAT = Format(
    "datasets",
    "a data set of the hub",
    (),
    lambda glance: False,  # a folder, or no file at all
    records,
)
