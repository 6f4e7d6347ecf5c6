"""The way through the generations: a generator of batches of events that knows neither Keras nor files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from gakeras.lineage.family import Birth, Event, Family, Grown, next_births
from gakeras.lineage.settings import SynthesisSettings

POLL_SECONDS = 1.0
"""How long the loop waits for results before it looks again whether it may go on."""


class Nursery(Protocol):
    """Whoever trains newborn networks: a way in and a way out."""

    def submit(self, birth: Birth) -> None:
        """Start on a birth."""

    def collect(self, timeout: float) -> list[Grown]:
        """Wait `timeout` seconds at the most for one to end; return all that have, perhaps none."""


def generations(
    family: Family,
    settings: SynthesisSettings,
    nursery: Nursery,
    *,
    may_start: Callable[[], bool] = lambda: True,
    is_over: Callable[[], bool] = lambda: False,
) -> Iterator[list[Event]]:
    """Synthesize generation after generation (Shafiee and Wong 2016, section 2).

    ```
    measure the ancestor
    until accuracy falls too far, or the generations are done:
        propose the offspring of the fittest of the latest generation
        train and measure them
    train the smallest accepted network once more, where that is wanted
    ```

    `family` is changed in place. Births in flight in it, from a run that was stopped, come
    first. The loop goes on only when it is asked for the next batch, that is after its caller
    has made the last one durable: nothing starts and nothing counts before it is on disk.

    Args:
        family: Empty, or as a journal left it.
        settings: How many, and when to stop.
        nursery: Does the work.
        may_start: Asked before each network is begun; when it says no, what runs is waited for
            and the rest stays in flight, to be done on resume.
        is_over: Asked while waiting; when it says yes, the loop ends and what runs stays in flight.

    Yields:
        Batches of births, or of what became of births.
    """
    while True:
        if not family.in_flight:
            births = list(next_births(family, settings))
            if not births or not may_start():
                return
            yield list(births)
            for birth in births:
                family.propose(birth)
        started: set[int] = set()
        for birth in list(family.in_flight.values()):
            if may_start():
                nursery.submit(birth)
                started.add(birth.number)
        if not started:
            return
        while started:
            if is_over():
                return
            grown = nursery.collect(POLL_SECONDS)
            if grown:
                yield list(grown)
            for event in grown:
                family.absorb(event)
                started.discard(event.number)
