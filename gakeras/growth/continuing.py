"""The growth of one run: from where its journal has got to, to its end or that of this session."""

from __future__ import annotations

from gakeras.continuing import Course, continue_rounds
from gakeras.dispatch import Dispatcher
from gakeras.executors import ExecutorChoice
from gakeras.growth.population import (
    Population,
    Trained,
    Training,
    next_trainings,
    ranked,
    stop_reason,
)
from gakeras.growth.records import record_of, replay
from gakeras.growth.results import Growth
from gakeras.growth.runs import GrowthRun
from gakeras.growth.settings import GrowthSettings
from gakeras.growth.work import JointTrainings, Trainings
from gakeras.journal import Journal
from gakeras.session import Session

_COMPLAINTS = (
    "The start network could not be trained.",
    "No member of the first iteration could be trained.",
)


def continue_growth(
    run: GrowthRun,
    settings: GrowthSettings,
    executor: ExecutorChoice,
    session: Session,
    *,
    progress: bool = True,
) -> Growth:
    """Replay a run's journal, go on with its iterations, and return the growth. Ctrl-C ends it in order.

    ```
    train the start network for N1 steps
    K times:
        while there are fewer than M1 members: mutate one that is drawn
        train each for N2 steps
        keep the M2 best
    train these once more, where that is wanted
    ```

    What is on disk when, and what is done again, is as in `gakeras.continuing`.

    Raises:
        InputError: The start network cannot be used.
        RunError: The start network's job or the whole first iteration failed.
    """

    def course(journal: Journal) -> Course[Training, Trained]:
        past = replay(journal)
        population = past.population

        def crew(dispatcher: Dispatcher) -> Trainings | JointTrainings:
            trainings = Trainings(run, settings, dispatcher, session.seconds_left)
            return JointTrainings(trainings, population) if settings.sharing == "joint" else trainings

        last = settings.num_survivors if settings.last_steps else 0
        return Course(
            population,
            past.elapsed,
            propose=lambda: next_trainings(population, settings),
            crew=crew,
            record_of=record_of,
            total=1 + settings.iterations * settings.population_size + last,
            note=lambda: _note(population, settings),
            stop_reason=lambda: stop_reason(population, settings),
            first_round=lambda: [training.number for training in _decisive(population)],
            latest_round=lambda: population.latest_round,
            complaints=_COMPLAINTS,
        )

    ending = continue_rounds(run, settings, executor, session, course, progress=progress)
    return Growth(
        run,
        ending.stop_reason,
        settings=settings,
        was_interrupted=ending.was_interrupted,
        is_unfinished=ending.is_unfinished,
        executor=executor,
    )


def _decisive(population: Population) -> list[Training]:
    """Return the trainings of the first iteration that must not all fail."""
    if population.failed_at_once:
        return population.first_newcomers
    return [training for training in population.trainings if training.iteration == 1]


def _note(population: Population, settings: GrowthSettings) -> str:
    if not population.members:
        return ""
    best = ranked(list(population.members.values()), population, settings)[0]
    accuracy, spent = 100 * best.measures["val_accuracy"], population.ledger.total.flops
    return f"iteration {population.iteration}: {accuracy:.2f} %, {spent / 1e9:,.1f} GFLOPs"
