"""A file that a journal says is there is there, also after a power cut."""

from __future__ import annotations

import os
from pathlib import Path


def put_in_place(unfinished: Path, path: Path) -> None:
    """Give a file that is whole by now its name, once its content is on the disk.

    So the name never means half a file, nor one that is lost with the power.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     unfinished = Path(folder) / ".text.tmp"
    ...     _ = unfinished.write_text("all of it")
    ...     put_in_place(unfinished, Path(folder) / "text")
    ...     (Path(folder) / "text").read_text()
    'all of it'
    """
    _synchronise(unfinished, os.O_RDWR)
    os.replace(unfinished, path)
    if os.name == "posix":  # elsewhere a folder cannot be opened
        _synchronise(path.parent, os.O_RDONLY)


def _synchronise(path: Path, mode: int) -> None:
    descriptor = os.open(path, mode)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
