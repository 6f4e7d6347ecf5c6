"""The synthesis of one run: from where its journal has got to, to its end or that of this session."""

from __future__ import annotations

import math

from gakeras.continuing import Course, continue_rounds
from gakeras.executors import ExecutorChoice
from gakeras.journal import Journal
from gakeras.lineage.family import Birth, Family, Grown, next_births, stop_reason
from gakeras.lineage.records import record_of, replay
from gakeras.lineage.results import Lineage
from gakeras.lineage.runs import SynthesisRun
from gakeras.lineage.settings import SynthesisSettings
from gakeras.lineage.work import Births
from gakeras.session import Session

_COMPLAINTS = ("The ancestor could not be measured.", "No offspring of the ancestor could be trained.")


def continue_synthesis(
    run: SynthesisRun,
    settings: SynthesisSettings,
    executor: ExecutorChoice,
    session: Session,
    *,
    progress: bool = True,
) -> Lineage:
    """Replay a run's journal, go on with its generations, and return the lineage. Ctrl-C ends it in order.

    Generation after generation is synthesized (Shafiee and Wong 2016, section 2):

    ```
    measure the ancestor
    until accuracy falls too far, or the generations are done:
        propose the offspring of the fittest of the latest generation
        train and measure them
    train the smallest accepted network once more, where that is wanted
    ```

    What is on disk when, and what is done again, is as in `gakeras.continuing`.

    Raises:
        InputError: The ancestor cannot be used.
        RunError: The ancestor's job or the whole first generation failed.
    """

    def course(journal: Journal) -> Course[Birth, Grown]:
        past = replay(journal)
        family = past.family
        num_last = 0 if settings.last is None else len(settings.last_efficiencies or (1,))
        return Course(
            family,
            past.elapsed,
            propose=lambda: next_births(family, settings),
            crew=lambda dispatcher: Births(run, settings, family, dispatcher, session.seconds_left),
            record_of=record_of,
            total=1 + settings.generations * settings.offspring + num_last,
            note=lambda: _note(family),
            stop_reason=lambda: stop_reason(family, settings),
            first_round=lambda: _first_generation(family),
            latest_round=lambda: family.latest_round,
            complaints=_COMPLAINTS,
        )

    ending = continue_rounds(run, settings, executor, session, course, progress=progress)
    return Lineage(
        run,
        ending.stop_reason,
        settings=settings,
        was_interrupted=ending.was_interrupted,
        is_unfinished=ending.is_unfinished,
        executor=executor,
    )


def _first_generation(family: Family) -> list[int]:
    return [birth.number for birth in family.births if birth.generation == 1 and birth.role == "offspring"]


def _note(family: Family) -> str:
    latest = family.generation_members(family.generation) or family.generation_members(family.generation - 1)
    if not latest or not math.isfinite(latest[0].efficiency):
        return ""
    fittest = latest[0]
    return f"generation {fittest.birth.generation}: {fittest.efficiency:.1f}x, {100 * fittest.accuracy:.2f} %"
