"""From jobs to results: sends jobs to an executor and brings their results back as they finish."""

from __future__ import annotations

import math
import queue
import time
import uuid
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, wait
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gakeras.errors import Stalled, Unfinished
from gakeras.executors import ExecutorFactory, submit_job
from gakeras.jobs import Job, JobResult, Status
from gakeras.roster import Roster
from gakeras.workers import ChildOptions, stop_children
from gakeras.workers.supervisor import allow_children, options_to_json

MAX_ATTEMPTS = 2
"""A job whose worker died is tried once more; the second death is its result."""

MAX_STARTS = 10
"""A job is given up when so many workers could not even start their process for it."""

_POLL_SECONDS = 1.0
_TURN_SECONDS = 0.02
"""How long a worker that has declined a job has to go to the end of the queue of free workers."""

_FAREWELL_SECONDS = 10.0
"""How long workers have to notice that they are to stop, before the executor is left to itself."""

_GIVEN_UP_SECONDS = 5.0
"""A job is stopped so much later than the session: the loop gives it up first, and it is done on resume."""


@dataclass(frozen=True)
class _Flight:
    """A job under way: how long it may take, which attempt it is, its future, and the worker that lost it.

    `spent` are the CPU-seconds of the attempts before. Where nobody else is left, `anyone` may do it.
    """

    job: Job
    timeout_seconds: float | None
    attempt: int = 1
    future: Future[dict[str, Any]] | None = None
    lost_by: str | None = None
    anyone: bool = False
    num_declined: int = 0
    num_unstarted: int = 0
    spent: float = 0.0

    def tried_again(self, result: JobResult) -> _Flight | None:
        """Return the flight that tries a lost job once more, or None where it is done or tried enough."""
        if result.status == "unstarted" and self.num_unstarted + 1 < MAX_STARTS:
            return replace(self, num_unstarted=self.num_unstarted + 1, lost_by=result.worker)
        if result.status == "died" and self.attempt < MAX_ATTEMPTS:
            spent = self.spent + result.charged_cpu_seconds
            return replace(self, attempt=self.attempt + 1, lost_by=result.worker, spent=spent)
        return None

    def concluded(self, result: JobResult) -> JobResult:
        """Return the last attempt's result as that of all of them."""
        status: Status = "died" if result.status == "unstarted" else result.status
        spent = self.spent + result.charged_cpu_seconds if self.spent else result.cpu_seconds
        return replace(result, status=status, cpu_seconds=spent, attempt=self.attempt)


class Dispatcher:
    """Keeps an executor busy with jobs; a context manager that leaves no child process behind.

    A job never raises here: whatever happens to it comes back as a `JobResult`. When the
    executor itself breaks, another one is opened and what was in flight is submitted again.

    A job whose worker died is tried once more, on another worker where there is one: it
    waits until another worker is free, and the one that lost it gets other work meanwhile. One whose
    worker could not start its process was not tried yet. A worker that loses what others can do, or
    does not start, five times in a row gets no more work, which is a warning.

    Args:
        factory: Opens the executor.
        options: How child processes are run.
        timeout_seconds: Longest time of a job that is submitted without one of its own.
        stall_seconds: When nothing has come back for so much longer than the longest job
            under way may take, its start included, the workers are given up. A job without limit, as
            the first of a search have none, may then take as long as the longest of those that had one.
    """

    def __init__(
        self,
        factory: ExecutorFactory,
        options: ChildOptions,
        timeout_seconds: float | None = None,
        stall_seconds: float = 120.0,
    ) -> None:
        self._factory, self._options = factory, options
        self._timeout_seconds, self._stall_seconds = timeout_seconds, stall_seconds
        self._in_flight: dict[str, _Flight] = {}
        self._retries: list[_Flight] = []
        self._done: queue.SimpleQueue[tuple[str, Future[dict[str, Any]]]] = queue.SimpleQueue()
        self._executor: Executor | None = None
        self._stop_file = self._new_stop_file()
        self._last_event = time.monotonic()
        self._longest_limit: float | None = None
        self._roster = Roster(factory.slots)

    @property
    def slots(self) -> int:
        """How many jobs may be under way: one a worker, and one more for each that has lost one to others."""
        return self._roster.num_reliable + len({flight.lost_by for flight in self._retries})

    @property
    def _max_declined(self) -> int:
        """How often a job may be declined, for threads take turns as they like, until nobody else is free."""
        return self._factory.slots + 10

    @property
    def num_in_flight(self) -> int:
        """How many jobs have been submitted and not come back."""
        return len(self._in_flight) + len(self._retries)

    def __enter__(self) -> Self:
        allow_children(self._options.owner)
        self._executor = self._factory.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give up what is in flight, and close the executor."""
        self._give_up(0.0 if kind is Stalled else _FAREWELL_SECONDS)
        if self._factory.is_ours and self._executor is not None:
            self._executor.shutdown(wait=kind is not Stalled, cancel_futures=True)

    def give_up(self) -> None:
        """Give up what is in flight, which does not come back; other jobs may be submitted."""
        if not self.num_in_flight:
            return
        self._give_up(_FAREWELL_SECONDS)
        self._in_flight.clear()
        self._retries.clear()
        self._stop_file = self._new_stop_file()
        allow_children(self._options.owner)

    def _give_up(self, farewell_seconds: float) -> None:
        """Cancel what waits, kill what runs, on this machine and on others."""
        futures = [flight.future for flight in self._in_flight.values() if flight.future is not None]
        running = [future for future in futures if not future.cancel()]
        if futures:
            self._stop_file.parent.mkdir(parents=True, exist_ok=True)
            self._stop_file.touch()
        stop_children(self._options.owner)
        _, still_running = wait(running, timeout=farewell_seconds)
        if len(running) == len(futures) and not still_running:  # or a worker may have yet to see it
            self._stop_file.unlink(missing_ok=True)

    def _new_stop_file(self) -> Path:
        return Path(self._options.log_dir) / f"stop-{uuid.uuid4().hex}"

    def submit(self, job: Job, timeout_seconds: float | None = None) -> None:
        """Send a job off; `timeout_seconds` is its longest time, by default that of the dispatcher."""
        limit = self._timeout_seconds if timeout_seconds is None else timeout_seconds
        if limit is not None:
            self._longest_limit = max(limit, self._longest_limit or 0.0)
        self._send(_Flight(job, limit))

    def collect(self, timeout: float | None = None) -> list[JobResult]:
        """Wait until a job is done; return all that are, or none after `timeout` seconds.

        It returns none as well when a job has to be tried again, for its worker is free now.

        Raises:
            Stalled: Nothing has come back for far too long.
            RunError: The executor broke and no other can be opened, or no worker can do anything.
        """
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        self._retry_on_idle_workers()
        while True:
            done = self._take(min(_POLL_SECONDS, max(0.0, deadline - time.monotonic())))
            waiting = list(self._retries)
            results = [result for job_id, future in done if (result := self._settle(job_id, future))]
            has_new_retry = len(self._retries) > len(waiting)
            self._retry(waiting, [result.worker for result in results])
            if not done:
                self._check_for_stall()
            if results or has_new_retry or time.monotonic() >= deadline:
                return results

    def run(self, jobs: list[Job]) -> list[JobResult]:
        """Do all these jobs and return their results in their order."""
        results: dict[str, JobResult] = {}
        for job in jobs:
            self.submit(job)
        while len(results) < len(jobs):
            results |= {result.job_id: result for result in self.collect()}
        return [results[job.id] for job in jobs]

    def _retry_on_idle_workers(self) -> None:
        """Send jobs that wait for a retry where the caller has left workers without work."""
        for flight in list(self._retries):
            if len(self._in_flight) >= self._roster.num_reliable:
                return
            is_declined_by_all = flight.num_declined >= self._max_declined
            if not is_declined_by_all or not self._in_flight:
                self._retries.remove(flight)
                self._send(replace(flight, anyone=is_declined_by_all))

    def _retry(self, waiting: list[_Flight], free_workers: list[str]) -> None:
        """Send jobs that wait for a retry to the workers that have just become free."""
        for flight in waiting:
            avoided = self._roster.to_avoid(flight.lost_by)
            suited = [worker for worker in free_workers if worker not in avoided]
            if suited:
                free_workers.remove(suited[0])
                self._retries.remove(flight)
                self._send(replace(flight, num_declined=0, anyone=False))

    def _send(self, flight: _Flight) -> None:
        assert self._executor is not None, "a Dispatcher is a context manager"
        options, stop_file = options_to_json(self._options), str(self._stop_file)
        avoid = [] if flight.anyone else self._roster.to_avoid(flight.lost_by)
        arguments = (flight.job, options, flight.timeout_seconds, stop_file, flight.attempt, avoid)
        try:
            future = submit_job(self._executor, *arguments)
        except Exception as error:
            if not _is_gone(error):
                raise
            self._executor = self._factory.open()
            try:
                future = submit_job(self._executor, *arguments)
            except Exception as again:
                if not _is_gone(again):
                    raise
                raise Unfinished(
                    f"The executor broke and cannot be opened again ({again}); resume with another one."
                ) from again
        job_id = flight.job.id
        self._in_flight[job_id] = replace(flight, future=future)
        self._last_event = time.monotonic()
        future.add_done_callback(lambda done: self._done.put((job_id, done)))

    def _take(self, timeout: float) -> list[tuple[str, Future[dict[str, Any]]]]:
        try:
            done = [self._done.get(timeout=timeout)]
        except queue.Empty:
            return []
        while not self._done.empty():
            done.append(self._done.get())
        self._last_event = time.monotonic()
        return done

    def _settle(self, job_id: str, future: Future[dict[str, Any]]) -> JobResult | None:
        flight = self._in_flight.get(job_id)
        if flight is None or future is not flight.future:  # of an executor that has been replaced
            return None
        del self._in_flight[job_id]
        flight, result = replace(flight, future=None), self._read(job_id, future)
        if result.status == "declined":
            self._send_on(replace(flight, num_declined=flight.num_declined + 1))
            return None
        self._note(flight, result)
        retry = flight.tried_again(result)
        if retry is not None:
            self._retries.append(retry)
            return None
        return flight.concluded(result)

    def _note(self, flight: _Flight, result: JobResult) -> None:
        """Enter in the roster what workers have shown that they can do, and cannot."""
        match result.status:
            case "unstarted":
                self._roster.lost(result.worker, str(result.reason))
            case "died":  # by the worker's fault or the job's: another attempt tells
                pass
            case _:
                self._roster.did(result.worker)
                if flight.lost_by not in (None, result.worker) and not flight.num_unstarted:
                    reason = f"the last one was {flight.job.id}, which {result.worker} could do"
                    self._roster.lost(str(flight.lost_by), reason)

    def _send_on(self, flight: _Flight) -> None:
        """Send a job that was declined to whoever is next, or let it wait where nobody else is free."""
        if flight.num_declined < self._max_declined:
            time.sleep(_TURN_SECONDS)
            self._send(flight)
        else:
            self._retries.append(flight)

    def _read(self, job_id: str, future: Future[dict[str, Any]]) -> JobResult:
        try:
            return JobResult.from_json(future.result())
        except (BrokenExecutor, CancelledError) as error:
            return JobResult(job_id, "died", f"the executor broke: {error}")
        except Exception as error:  # the executor could not carry the job or its result
            status: Status = "died" if type(error).__name__ in _DEATHS else "error"
            return JobResult(job_id, status, f"{type(error).__name__}: {error}")

    def _check_for_stall(self) -> None:
        own_limits = [flight.timeout_seconds for flight in self._in_flight.values()]
        limits = [self._longest_limit if limit is None else limit for limit in own_limits]
        if not limits or None in limits:
            return
        patience = max(filter(None, limits)) + self._options.start_seconds + self._stall_seconds
        silence = time.monotonic() - self._last_event
        if silence > patience:
            raise Stalled(
                f"no worker has answered for {silence:.0f} seconds, though no job may take longer than "
                f"{max(filter(None, limits)):.0f}; {len(limits)} jobs were under way. What had finished is "
                f"on disk; resume the run to do the rest."
            )


_DEATHS = ("KilledWorker",)
"""Exceptions of executors that stand for a dead worker; this one is Dask's."""

_CLOSED = ("ClosedClientError",)
"""Exceptions of executors that take no more jobs; this one is Dask's, others raise a `RuntimeError`."""


def _is_gone(error: Exception) -> bool:
    """Tell whether an executor refuses a job because it is broken, closed or shut down."""
    return isinstance(error, BrokenExecutor | RuntimeError) or type(error).__name__ in _CLOSED


def longest_job(cap: float | None, seconds_left: float | None) -> float | None:
    """Return after how many seconds a job is stopped: the user's cap, or the time left and a little more.

    >>> longest_job(60.0, 20.0), longest_job(None, None)
    (25.0, None)
    """
    left = None if seconds_left is None else seconds_left + _GIVEN_UP_SECONDS
    return min((limit for limit in (cap, left) if limit is not None), default=None)
