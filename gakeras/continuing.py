"""A run of rounds: from where its journal has got to, to its end or that of this session."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol

from gakeras.config import WorkerSettings
from gakeras.dispatch import Dispatcher
from gakeras.errors import RunError
from gakeras.executors import ExecutorChoice
from gakeras.jobs import JobResult
from gakeras.journal import Journal, JournalWriter, Record, read_journal
from gakeras.progress import Progress
from gakeras.records import retry_record
from gakeras.rounds import Crew, Outcome, OutcomeIn, State, Task, rounds
from gakeras.run import RunDirectory
from gakeras.session import Session
from gakeras.supervision import child_options, executor_factory


class Plan(Protocol):
    """What settings of every kind of run say."""

    @property
    def name(self) -> str:
        """What the run is called."""

    @property
    def backend(self) -> str:
        """Of Keras."""

    @property
    def workers(self) -> WorkerSettings:
        """Who does the work."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, as they are written into a journal's header."""


class Grouped(State[Task, OutcomeIn], Protocol[Task, OutcomeIn]):
    """A state that says what its tasks have come to."""

    @property
    def members(self) -> Mapping[int, object]:
        """What succeeded, by number."""

    @property
    def failures(self) -> Mapping[int, JobResult]:
        """What failed, by number."""

    @property
    def seconds(self) -> Sequence[float]:
        """How long each task took."""


@dataclass(frozen=True)
class Course(Generic[Task, Outcome]):
    """How a kind of run goes on from its journal.

    Attributes:
        state: As the journal left it.
        elapsed: Seconds the run has taken, over all its sessions.
        propose: As for `gakeras.rounds`.
        crew: Does the work on a dispatcher.
        record_of: Returns the record of an event, at so many seconds.
        total: How many tasks the run has at the most.
        note: Says in a few words where the state is.
        stop_reason: Says why nothing is left to do.
        first_round: The numbers of the tasks after the first one, task 0, that go on from it.
        latest_round: The numbers of the tasks that nothing was proposed after.
        complaints: What is said when task 0 has failed, and when all of the first round have.
    """

    state: Grouped[Task, Outcome]
    elapsed: float
    propose: Callable[[], Sequence[Task]]
    crew: Callable[[Dispatcher], Crew[Task, Outcome]]
    record_of: Callable[[Task | Outcome, float], Record]
    total: int
    note: Callable[[], str]
    stop_reason: Callable[[], str | None]
    first_round: Callable[[], Sequence[int]]
    latest_round: Callable[[], Sequence[int]]
    complaints: tuple[str, str]

    @property
    def num_done(self) -> int:
        """How many tasks have ended."""
        return len(self.state.members) + len(self.state.failures)

    def cut_short(self) -> list[int]:
        """Return the tasks of the latest round that took too long, or whose worker died."""
        failures = self.state.failures
        return [
            number
            for number in self.latest_round()
            if number in failures and failures[number].status in ("timeout", "died")
        ]

    def is_unfinished(self) -> bool:
        """Tell whether there is something left to do."""
        return bool(self.state.in_flight or self.propose())


@dataclass(frozen=True)
class Ending:
    """Why a session of a run is over, in words, and whether the run is to be gone on with."""

    stop_reason: str
    was_interrupted: bool
    is_unfinished: bool


def continue_rounds(
    run: RunDirectory,
    plan: Plan,
    executor: ExecutorChoice,
    session: Session,
    course_of: Callable[[Journal], Course[Task, Outcome]],
    *,
    progress: bool = True,
) -> Ending:
    """Replay a run's journal and go on with its rounds. Ctrl-C ends them in order.

    Every batch of events is on disk before the loop goes on. What runs when the session ends
    stays in flight, and is done again on resume from the same seed. So is what an earlier session
    gave up in the latest round because it took too long or its worker died: with more time, or on
    another machine, it may do. An error would be the same again, and stays.

    Raises:
        InputError: The first task, or the whole first round, refused what it was given.
        RunError: The first task or the whole first round failed.
    """
    workers = plan.workers
    factory = executor_factory(executor, workers, plan.backend)
    was_interrupted = False
    with JournalWriter(run.journal) as journal, session:
        course = course_of(read_journal(run.journal))
        num_before = course.num_done
        start = time.monotonic() - course.elapsed
        again = course.cut_short()
        journal.append(retry_record(number, course.elapsed) for number in again)
        for number in again:
            course.state.retry(number)
        if course.is_unfinished():
            options = child_options(run, workers, plan.backend)
            with (
                Dispatcher(factory, options, stall_seconds=workers.stall_seconds) as dispatcher,
                Progress(plan.name, total=course.total, done=course.num_done, show=progress) as bar,
            ):
                loop = rounds(
                    course.state,
                    course.propose,
                    course.crew(dispatcher),
                    may_start=lambda: _may_start(course.state.seconds, session),
                    is_over=session.is_over,
                )
                try:
                    for events in loop:
                        journal.append(course.record_of(event, time.monotonic() - start) for event in events)
                        _show(bar, course)
                    _show(bar, course)
                except KeyboardInterrupt:
                    was_interrupted = True
    session.count_finished(course.num_done - num_before)
    check_beginning(course.state.failures, course.first_round(), course.complaints)
    is_unfinished = course.is_unfinished()
    if was_interrupted or is_unfinished:
        reason = f"{'interrupted' if was_interrupted else session.reason}; `gakeras resume` goes on"
    else:
        reason = course.stop_reason() or "nothing is left to do"
    return Ending(reason, was_interrupted, is_unfinished)


def check_beginning(
    failures: Mapping[int, JobResult], first_round: Sequence[int], complaints: tuple[str, str]
) -> None:
    """Raise for a first task, number 0, that was refused or failed, and for such a first round."""
    of_first, of_round = complaints
    if 0 in failures:
        refused = failures[0].refused
        if refused is not None:
            raise refused
        raise RunError(f"{of_first} {failures[0].status}: {failures[0].reason}")
    if first_round and all(number in failures for number in first_round):
        failure = failures[first_round[0]]
        if failure.refused is not None:
            raise failure.refused
        raise RunError(f"{of_round} {failure.status}: {failure.reason}")


def _may_start(seconds: Sequence[float], session: Session) -> bool:
    """Tell whether there is time for another task, judged by the longest there was, but for the first.

    That one may take far longer than any other, and is never done again.
    """
    left, longest = session.seconds_left(), max(seconds[1:], default=0.0)
    return not session.is_closing() and (left is None or left >= longest)


def _show(bar: Progress, course: Course[Task, Outcome]) -> None:
    """Show where the state is; events that are only now on disk do not count yet."""
    bar.update(course.num_done, running=len(course.state.in_flight), note=course.note())
