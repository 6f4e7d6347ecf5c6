"""Where jobs are done: the name of a worker, and its number on its machine."""

from __future__ import annotations

import multiprocessing
import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """A worker's name within its run, and its number among the workers of its machine, if that is known."""

    name: str
    local_index: int | None = None


def take_place(place: Place | None) -> None:
    """Say which worker this process is, as an MPI rank does; None for no particular one."""
    global _taken
    _taken = place


def current_place() -> Place:
    """Return the worker that calls: the one this process was said to be, or one named after its thread.

    Threads of a `ThreadPoolExecutor` are numbered, and so tell a worker's number.
    """
    if _taken is not None:
        return _taken
    thread = threading.current_thread().name
    number = thread.rpartition("_")[2]
    name = f"{multiprocessing.current_process().name}/{thread}"
    return Place(name, int(number) if number.isdigit() else None)


_taken: Place | None = None
