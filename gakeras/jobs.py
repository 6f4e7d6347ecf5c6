"""The unit of work: a job goes out as plain JSON values, a result comes back the same way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from gakeras.errors import InputError

Status = Literal[
    "ok", "stopped", "error", "died", "timeout", "oversized", "duplicate", "abandoned", "declined",
    "unstarted",
]  # fmt: skip
"""How work ended.

`ok`; `stopped` (given up early, for it cannot matter any more: no failure); `error` (an
exception, or a diverged network); `died` (its process was killed or crashed); `timeout`;
`oversized` and `duplicate` (turned away before any work); `abandoned` (the run stopped first,
to be done again on resume). Never in a journal, for another worker gets the job: `declined` (it came
to one that was to be avoided) and `unstarted` (its process could not be started).
"""


class JobFailed(Exception):
    """Raised by a job that came to nothing, with its reason and what was measured until then."""

    def __init__(self, reason: str, measures: Mapping[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.measures = dict(measures or {})


_PARTS = ("rule", "expected", "received", "way_out")


def refusal(error: InputError) -> JobFailed:
    """Return the failure of a job that refuses what it was given, with the parts of the error."""
    return JobFailed(str(error), {"refused": {name: getattr(error, name) for name in _PARTS}})


@dataclass(frozen=True)
class Job:
    """One unit of work. Weights and data travel as paths inside `payload`, never as values."""

    id: str
    kind: str
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class JobResult:
    """What became of a job: a status with its reason, measures, paths of artifacts, and who did it when.

    `start` and `end` are seconds since the epoch; `cpu_seconds` are the worker's own,
    over all its threads. A job never raises where it was submitted.
    """

    job_id: str
    status: Status
    reason: str | None = None
    measures: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, str] = field(default_factory=dict)
    attempt: int = 1
    worker: str = ""
    host: str = ""
    start: float = 0.0
    end: float = 0.0
    cpu_seconds: float = 0.0

    @property
    def charged_cpu_seconds(self) -> float:
        """What it counts for a budget; a worker that was killed cannot tell, then it is how long it took."""
        is_untold = self.status in ("died", "timeout") and self.cpu_seconds <= 0
        return max(0.0, self.end - self.start) if is_untold else self.cpu_seconds

    @property
    def refused(self) -> InputError | None:
        """The error of a job that refused what it was given (`refusal`); None for any other end."""
        parts = self.measures.get("refused")
        return InputError(**{name: parts[name] for name in _PARTS}) if parts else None

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON values, in the order of the fields."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return values | {"measures": dict(self.measures), "artifacts": dict(self.artifacts)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> JobResult:
        """Return the result that `to_json` wrote; fields this version does not know are left out."""
        return cls(**{name: data[name] for name in cls.__dataclass_fields__ if name in data})
