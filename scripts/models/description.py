"""What the stages that provide a model or an adapter leave: a description beside its files."""

import os
from pathlib import Path

from scripts.core.files import read_json


def model_folder(description: str | os.PathLike[str]) -> Path:
    """Where the files lie that a model.json or plant.json describes."""
    return Path(read_json(description)["path"])
