"""From jobs to results: sends jobs to an executor and brings their results back as they finish."""

from __future__ import annotations

import queue
import time
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from gakeras.executors import ExecutorFactory, submit_job
from gakeras.jobs import Job, JobResult
from gakeras.workers import ChildOptions, stop_children
from gakeras.workers.supervisor import allow_children, options_to_json

MAX_ATTEMPTS = 2
"""A job whose worker died is tried once more; the second death is its result."""


class Dispatcher:
    """Keeps an executor busy with jobs; a context manager that leaves no child process behind.

    A job never raises here: whatever happens to it comes back as a `JobResult`. When the
    executor itself breaks, another one is opened and what was in flight is submitted again.
    """

    def __init__(
        self, factory: ExecutorFactory, options: ChildOptions, timeout_seconds: float | None = None
    ) -> None:
        self._factory, self._options, self._timeout_seconds = factory, options, timeout_seconds
        self._in_flight: dict[str, tuple[Job, int, Future[dict[str, Any]]]] = {}
        self._done: queue.SimpleQueue[tuple[str, Future[dict[str, Any]]]] = queue.SimpleQueue()
        self._executor: Executor | None = None

    @property
    def slots(self) -> int:
        """How many jobs run at the same time."""
        return self._factory.slots

    @property
    def num_in_flight(self) -> int:
        """How many jobs have been submitted and not come back."""
        return len(self._in_flight)

    def __enter__(self) -> Self:
        allow_children(self._options.owner)
        self._executor = self._factory.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give up what is in flight: cancel what waits, kill what runs."""
        for _, _, future in self._in_flight.values():
            future.cancel()
        stop_children(self._options.owner)
        if self._factory.is_ours and self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def submit(self, job: Job, attempt: int = 1) -> None:
        """Send a job off."""
        assert self._executor is not None, "a Dispatcher is a context manager"
        options = options_to_json(self._options)
        try:
            future = submit_job(self._executor, job, options, self._timeout_seconds)
        except BrokenExecutor:
            self._executor = self._factory.open()
            future = submit_job(self._executor, job, options, self._timeout_seconds)
        self._in_flight[job.id] = (job, attempt, future)
        future.add_done_callback(lambda done: self._done.put((job.id, done)))

    def collect(self, timeout: float | None = None) -> list[JobResult]:
        """Wait until at least one job is done; return all that are, or none after `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        results: list[JobResult] = []
        while not results:
            try:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                done = [self._done.get(timeout=left)]
            except queue.Empty:
                return []
            while not self._done.empty():
                done.append(self._done.get())
            results.extend(result for job_id, future in done if (result := self._settle(job_id, future)))
        return results

    def run(self, jobs: list[Job]) -> list[JobResult]:
        """Do all these jobs and return their results in their order."""
        results: dict[str, JobResult] = {}
        for job in jobs:
            self.submit(job)
        while len(results) < len(jobs):
            results |= {result.job_id: result for result in self.collect()}
        return [results[job.id] for job in jobs]

    def _settle(self, job_id: str, future: Future[dict[str, Any]]) -> JobResult | None:
        job, attempt, current = self._in_flight[job_id]
        if future is not current:  # an executor that broke has been replaced
            return None
        del self._in_flight[job_id]
        result = self._read(job_id, future)
        if result.status == "died" and attempt < MAX_ATTEMPTS:
            self.submit(job, attempt + 1)
            return None
        return replace(result, attempt=attempt)

    def _read(self, job_id: str, future: Future[dict[str, Any]]) -> JobResult:
        try:
            return JobResult.from_json(future.result())
        except (BrokenExecutor, CancelledError) as error:
            return JobResult(job_id, "died", f"the executor broke: {error}")
        except Exception as error:  # the executor could not carry the job or its result
            return JobResult(job_id, "error", f"{type(error).__name__}: {error}")
