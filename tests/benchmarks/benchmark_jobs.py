"""A job module for benchmarks: jobs that sleep for as long as told, or read data, and train nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KINDS = {"sleep": "benchmark_jobs:sleep", "load": "benchmark_jobs:load"}


def warm_up() -> None:
    """Import nothing."""


def sleep(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Sleep for `seconds`."""
    time.sleep(payload["seconds"])
    return {"measures": {"seconds": payload["seconds"]}}


def load(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Open a run's data as an evaluation does, read all of it, and say what memory that takes here."""
    from gakeras.data import open_data

    start = time.perf_counter()
    data = open_data(Path(payload["data_dir"]))
    ready = time.perf_counter() - start
    total = int(data.x.sum())
    time.sleep(payload["hold_seconds"])  # until every worker has it
    pss = _pss_of(data.x)
    time.sleep(payload["hold_seconds"])  # and until every worker has looked
    return {"measures": {"seconds": ready, "total": total, "bytes": data.x.nbytes, "pss": pss}}


def _pss_of(array: Any) -> int:
    """Return this process's share of the pages of a memory-mapped array: a page that n map counts 1/n."""
    name, total, is_it = Path(array.filename).name, 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split(" ", 1)[0]:
            is_it = line.endswith(name)
        elif is_it and line.startswith("Pss:"):
            total += 1024 * int(line.split()[1])
    return total
