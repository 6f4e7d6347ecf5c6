"""The way through the generations: a generator of batches of events that knows neither Keras nor files."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gakeras.lineage.family import Birth, Event, Family, Grown, next_births
from gakeras.lineage.settings import SynthesisSettings
from gakeras.rounds import Crew, rounds


def generations(
    family: Family,
    settings: SynthesisSettings,
    nursery: Crew[Birth, Grown],
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

    `family` is changed in place, `nursery` trains newborn networks. What is durable when, and the
    other arguments, are as in `gakeras.rounds`.
    """
    return rounds(
        family, lambda: next_births(family, settings), nursery, may_start=may_start, is_over=is_over
    )
