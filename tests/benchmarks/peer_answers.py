"""The answers to the tasks of peers.py: one file of JSON lines that says what it is about, and grows.

It has no path of the machine it was made on, so it can be kept, and gone on with elsewhere.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

Json = dict[str, Any]


@dataclass(frozen=True)
class Answers:
    """A file of answers, each with its task; several processes may add to it.

    A line that a crash has torn off is left out, and overwritten by the next answer.
    """

    path: Path

    def begin(self, about: Json) -> None:
        """Write down what the file is about, or stop where it is about something else."""
        with self._locked():
            found = next(self.lines(), None)
            if found is None:
                self._append({"about": about})
            elif found != {"about": about}:
                raise SystemExit(f"{self.path} is about {found.get('about')}, not {about}; name another file")

    def find(self, task: Json) -> Json | None:
        """Return the answer to a task, if it is there."""
        return next((answer for answer in self.lines() if answer.get("task") == task), None)

    def add(self, task: Json, answer: Json) -> None:
        """Put an answer on disk, unless the task has one."""
        with self._locked():
            if self.find(task) is None:
                self._append({"task": task} | answer)

    def _locked(self) -> FileLock:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(self.path.with_suffix(".lock"))

    def lines(self) -> Iterator[Json]:
        """Yield the lines: what the file is about, then every answer with its task."""
        if self.path.exists():
            whole, _, _ = self.path.read_bytes().rpartition(b"\n")
            for line in whole.splitlines():
                yield json.loads(line)

    def _append(self, values: Json) -> None:
        line = json.dumps(values, allow_nan=False).encode() + b"\n"
        with self.path.open("ab") as file:
            whole, newline, _ = self.path.read_bytes().rpartition(b"\n")
            file.truncate(len(whole + newline))
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
