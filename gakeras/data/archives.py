"""Data files: .npz archives of plain numbers, read without ever unpickling."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from gakeras.data.dtypes import native
from gakeras.errors import InputError

_NAMES = {
    "x_train": "x",
    "y_train": "y",
    "x_test": "x_test",
    "y_test": "y_test",
    "sample_weight": "sample_weight",
}


def read_archive(path: Path) -> dict[str, np.ndarray]:
    """Return x and y, and x_test, y_test and sample_weight if the archive has them, in their own dtype.

    The archive calls x and y x_train and y_train; other names are passed over. What backends do not
    compute with, another byte order or more than 64 bits, is converted.

    Raises:
        InputError: when the file is missing, is no such archive, or holds Python objects.
    """
    if not path.is_file():
        raise InputError(
            "The data file must exist.",
            expected="an .npz file",
            received=f"{path}, which is {'a folder' if path.is_dir() else 'missing'}",
            way_out="A relative path starts at the folder of the config file, or else at the current one.",
        )
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            _check_names(set(archive.files), path)
            return {
                _NAMES[name]: _read_array(archive, name, path) for name in _NAMES if name in archive.files
            }
    except InputError:
        raise
    # A lone array is no context manager (TypeError), or has no files (AttributeError).
    except (
        ValueError,
        TypeError,
        AttributeError,
        OSError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise InputError(
            "The data file cannot be read.",
            expected="an archive written by `numpy.savez` or `numpy.savez_compressed`",
            received=f"{path} ({type(error).__name__}: {error})",
            way_out="Write it again.",
        ) from error


def _check_names(names: set[str], path: Path) -> None:
    if not {"x_train", "y_train"} <= names or len({"x_test", "y_test"} & names) == 1:
        raise InputError(
            "A data file needs its arrays under fixed names.",
            expected="x_train and y_train, and both of x_test and y_test or neither",
            received=f"{path} with {', '.join(sorted(names)) or 'no arrays'}",
            way_out="Write it with `numpy.savez(path, x_train=..., y_train=...)`.",
        )


def _read_array(archive: np.lib.npyio.NpzFile, name: str, path: Path) -> np.ndarray:
    try:
        return native(np.asarray(archive[name]))
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise InputError(
            "A data file holds plain numbers: Python objects would have to be unpickled, which can run code.",
            expected=f"a numeric dtype for {name}",
            received=f"{path} with an object array",
            way_out="Convert it first, for example with `.astype(numpy.float32)`.",
        ) from error
