"""Rounds of work: a generator of batches of events that knows neither Keras nor files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

POLL_SECONDS = 1.0
"""How long the loop waits for results before it looks again whether it may go on."""


class Numbered(Protocol):
    """What is proposed, and what became of it, bear the same number."""

    @property
    def number(self) -> int:
        """From 0, in the order of proposals."""


Task = TypeVar("Task", bound=Numbered)
Outcome = TypeVar("Outcome", bound=Numbered)
TaskIn = TypeVar("TaskIn", bound=Numbered, contravariant=True)
OutcomeIn = TypeVar("OutcomeIn", bound=Numbered, contravariant=True)


class State(Protocol[Task, OutcomeIn]):
    """What a run has come to; changed in place."""

    @property
    def in_flight(self) -> Mapping[int, Task]:
        """What is under way, by number."""

    @property
    def failures(self) -> Mapping[int, object]:
        """What failed, by number."""

    def propose(self, task: Task) -> None:
        """Add a task that is now under way."""

    def absorb(self, event: OutcomeIn) -> None:
        """Take in what became of a task."""

    def retry(self, number: int) -> None:
        """Put a task that has failed under way again."""


class Crew(Protocol[TaskIn, Outcome]):
    """Whoever does the work: a way in and a way out."""

    def submit(self, task: TaskIn, /) -> None:
        """Start on a task."""

    def collect(self, timeout: float) -> list[Outcome]:
        """Wait `timeout` seconds at the most for one to end; return all that have, perhaps none."""


def rounds(
    state: State[Task, Outcome],
    propose: Callable[[], Sequence[Task]],
    crew: Crew[Task, Outcome],
    *,
    may_start: Callable[[], bool] = lambda: True,
    is_over: Callable[[], bool] = lambda: False,
) -> Iterator[list[Task | Outcome]]:
    """Do round after round of tasks, each proposed from what has become of those before it.

    What is in flight in `state`, from a run that was stopped, comes first. The loop goes on only
    when it is asked for the next batch, that is after its caller has made the last one durable:
    nothing starts and nothing counts before it is on disk.

    Args:
        state: Empty, or as a journal left it.
        propose: Returns the next round's tasks when nothing is in flight; none where the run is over.
        crew: Does the work.
        may_start: Asked before each task is begun; when it says no, what runs is waited for
            and the rest stays in flight, to be done on resume.
        is_over: Asked while waiting; when it says yes, the loop ends and what runs stays in flight.

    Yields:
        Batches of tasks, or of what became of tasks.
    """
    while True:
        if not state.in_flight:
            tasks = list(propose())
            if not tasks or not may_start():
                return
            yield list(tasks)
            for task in tasks:
                state.propose(task)
        started: set[int] = set()
        for task in list(state.in_flight.values()):
            if may_start():
                crew.submit(task)
                started.add(task.number)
        if not started:
            return
        while started:
            if is_over():
                return
            done = crew.collect(POLL_SECONDS)
            if done:
                yield list(done)
            for event in done:
                state.absorb(event)
                started.discard(event.number)
