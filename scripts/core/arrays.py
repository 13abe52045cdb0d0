"""Named arrays in HDF5 files, each whole or absent; names are stored as text."""

from collections.abc import Sequence
from os import PathLike

import h5py
import numpy as np

from scripts.core.files import replacing


def write_arrays(path: str | PathLike[str], **arrays: np.ndarray | Sequence[str]) -> None:
    """Write one dataset an argument: an array as it is, or a list of names."""
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        for name, values in arrays.items():
            if isinstance(values, np.ndarray):
                # Vectors are read a block at a time.
                file.create_dataset(name, data=values, chunks=True if values.ndim > 1 else None)
            else:
                file.create_dataset(name, data=list(values), dtype=h5py.string_dtype())


def read_array(path: str | PathLike[str], name: str) -> np.ndarray:
    """One dataset of numbers."""
    with h5py.File(path) as file:
        return np.asarray(file[name][:])


def read_names(path: str | PathLike[str], name: str) -> list[str]:
    """One dataset of names."""
    with h5py.File(path) as file:
        return [str(value) for value in file[name].asstr()[:]]
