"""Which workers can be relied on: whoever loses what others can do gets no more work."""

from __future__ import annotations

import warnings
from collections import Counter

from gakeras.errors import RunError, Unfinished

MAX_LOST = 5
"""So many losses in a row are no accident."""

MAX_LOST_BY_THE_LAST = 10
"""Where nobody else could do its jobs, a worker is given up later."""


class Roster:
    """Counts what each worker has lost in a row: starts of its process, and jobs that another one then did.

    A job that dies wherever it is tried is nobody's loss. Workers are known by the names that results bear;
    where an executor broke they bear none.

    Args:
        size: How many workers there are.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._lost: Counter[str] = Counter()
        self._has_worked = False
        self.unreliable: frozenset[str] = frozenset()

    @property
    def num_reliable(self) -> int:
        """How many workers get work, at least one."""
        return max(1, self._size - len(self.unreliable))

    def did(self, worker: str) -> None:
        """Note that a worker has done a job, well or not."""
        self._lost.pop(worker, None)
        self._has_worked = True

    def lost(self, worker: str, reason: str) -> None:
        """Note a loss, and its reason.

        Raises:
            RunError: Nobody is left, and nobody has ever done anything.
            Unfinished: Nobody is left; what had finished is on disk.
        """
        self._lost[worker] += 1
        is_last = len(self.unreliable) + 1 >= self._size
        enough = MAX_LOST_BY_THE_LAST if is_last else MAX_LOST
        if not worker or worker in self.unreliable or self._lost[worker] < enough:
            return
        self.unreliable |= {worker}
        if not is_last:
            warnings.warn(f"{worker} has lost {MAX_LOST} jobs and gets no more: {reason}", stacklevel=2)
        elif self._has_worked:
            raise Unfinished(f"No worker can be relied on any more. {reason}")
        else:
            raise RunError(f"No worker can do anything. {reason}")

    def to_avoid(self, worker: str | None) -> list[str]:
        """Return who is not to do a job, which one worker has lost: that one only where there are others."""
        with_it = self.unreliable | ({worker} if worker else set())
        return sorted(with_it if len(with_it) < self._size else self.unreliable)
