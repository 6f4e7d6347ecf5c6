"""A job module for benchmarks: an evaluation sleeps for as long as it is told and trains nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

KINDS = {"sleep": "benchmark_jobs:sleep"}


def warm_up() -> None:
    """Import nothing."""


def sleep(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Sleep for `seconds`."""
    time.sleep(payload["seconds"])
    return {"measures": {"seconds": payload["seconds"]}}
