"""The journal: an append-only file of JSON lines from which everything about a run is derived."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filelock import FileLock, Timeout

from gakeras.errors import InputError, JournalError

SCHEMA_VERSION = 1
READABLE_VERSIONS = (1,)
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Journal:
    """What a journal says: its header, and all later records in order, each with a `type`.

    `intact_bytes` is the length up to the end of the last whole line.
    """

    header: Record
    records: tuple[Record, ...]
    intact_bytes: int


def read_journal(path: Path) -> Journal:
    """Read a journal of any schema version there has been; fields that are not known are kept.

    A last line that was torn off by a crash is left out: it was never durable, so nothing
    was built on it. Raises `JournalError` with the line's number for damage anywhere else.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise JournalError(f"There is no journal at {path}.") from None
    lines = data.split(b"\n")
    torn = lines.pop()
    header = _checked_header(path, lines[0] if lines else None)
    rest = tuple(_parse(path, number, line) for number, line in enumerate(lines[1:], start=2))
    return Journal(header, rest, len(data) - len(torn))


def read_header(path: Path) -> Record:
    """Read the header of a journal, and nothing else. Raises `JournalError` as `read_journal` does."""
    try:
        with path.open("rb") as file:
            line = file.readline()
    except FileNotFoundError:
        raise JournalError(f"There is no journal at {path}.") from None
    return _checked_header(path, line[:-1] if line.endswith(b"\n") else None)


def _checked_header(path: Path, line: bytes | None) -> Record:
    """Return the header that a first line is; None is one that is not whole."""
    if line is None:
        raise JournalError(f"{path}: the journal is empty, not even its header was written.")
    header = _parse(path, 1, line)
    if header.get("type") != "header" or header.get("schema") not in READABLE_VERSIONS:
        raise JournalError(
            f"{path}, line 1: expected the header of a journal of schema "
            f"{' or '.join(map(str, READABLE_VERSIONS))}, received type={header.get('type')!r}, "
            f"schema={header.get('schema')!r}."
        )
    return header


def find_journal(run: str | Path) -> Path:
    """Return the journal of a run directory; a path that is no directory is a journal itself."""
    path = Path(run)
    return path / "journal.jsonl" if path.is_dir() else path


def check_kind(journal: Journal, kind: str, file: Path) -> None:
    """Raise `InputError` for the journal of a run of another kind."""
    found = journal.header.get("kind")
    if found != kind:
        raise InputError(
            f"The history of a {kind} is read from its journal.",
            expected=f"a journal with kind={kind!r}",
            received=f"{file} with kind={found!r}",
            way_out="`gakeras show` shows a run of every kind.",
        )


def read_run_of(kind: str, path: str | Path) -> tuple[Path, Journal]:
    """Return the journal of a run of a kind, and its file; `path` is that, or the run's directory.

    Raises:
        JournalError: There is no journal, or it is damaged.
        InputError: It is that of another kind.
    """
    file = find_journal(path)
    journal = read_journal(file)
    check_kind(journal, kind, file)
    return file, journal


def has_begun(path: Path) -> bool:
    """Tell whether there is a journal with a header; one torn before its first line ended says nothing."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        return file.readline().endswith(b"\n")


def _parse(path: Path, number: int, line: bytes) -> Record:
    try:
        record = json.loads(line, parse_constant=_refuse_constant)
    except ValueError as error:
        raise JournalError(f"{path}, line {number}: the line is damaged ({error}).") from error
    if not isinstance(record, dict) or "type" not in record:
        raise JournalError(
            f"{path}, line {number}: expected a JSON object with a type, received {line[:40]!r}."
        )
    return record


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


class JournalWriter:
    """Appends records to a journal; when `append` returns, they are on disk.

    A context manager that holds the run directory's lock, so that a run has one master.
    The system releases the lock when the process ends, however it ends; on a file system that has
    no locks, the file stays after a crash.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(path.with_suffix(".lock"))

    def __enter__(self) -> Self:
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise InputError(
                "A run directory has one master at a time.",
                expected="a run directory that no other process is working in",
                received=f"run_dir={str(self.path.parent)!r}, which is locked",
                way_out="Wait for the other process, or end it. If there is none, as after a crash on a file "
                f"system without locks, remove {self.path.with_suffix('.lock').name} there.",
            ) from None
        try:
            if self.path.exists():
                os.truncate(self.path, read_journal(self.path).intact_bytes if has_begun(self.path) else 0)
            self._file = self.path.open("ab")
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._file.close()  # which writes what a full disk has left over
        finally:
            self._lock.release()

    def append(self, records: Iterable[Record]) -> None:
        """Write records as one group and make them durable. Raises `ValueError` on NaN or Infinity."""
        lines = [json.dumps(record, allow_nan=False, separators=(",", ":")) for record in records]
        if lines:
            self._file.write(("\n".join(lines) + "\n").encode())
            self._file.flush()
            os.fsync(self._file.fileno())
