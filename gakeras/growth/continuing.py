"""The growth of one run: from where its journal has got to, to its end or that of this session."""

from __future__ import annotations

import time

from gakeras.dispatch import Dispatcher
from gakeras.errors import InputError, RunError
from gakeras.executors import ExecutorChoice, choose_executor
from gakeras.growth.population import Population, next_trainings, ranked, stop_reason
from gakeras.growth.records import record_of, replay
from gakeras.growth.results import Growth
from gakeras.growth.runs import GrowthRun
from gakeras.growth.settings import GrowthSettings
from gakeras.growth.work import JointTrainings, Trainings
from gakeras.journal import JournalWriter, read_journal
from gakeras.progress import Progress
from gakeras.rounds import rounds
from gakeras.session import Session
from gakeras.supervision import child_options


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

    Raises:
        InputError: The start network cannot be used.
        RunError: The start network's job or the whole first iteration failed.
    """
    workers = settings.workers
    factory = choose_executor(executor, workers.workers, workers.workers_per_device)
    was_interrupted = False
    with JournalWriter(run.journal) as journal, session:
        past = replay(read_journal(run.journal))
        population, start = past.population, time.monotonic() - past.elapsed
        if population.in_flight or next_trainings(population, settings):
            options = child_options(run, workers, settings.backend)
            with (
                Dispatcher(factory, options, stall_seconds=workers.stall_seconds) as dispatcher,
                _progress(population, settings, progress) as bar,
            ):
                trainings = Trainings(run, settings, dispatcher, session.seconds_left)
                is_joint = settings.sharing == "joint"
                loop = rounds(
                    population,
                    lambda: next_trainings(population, settings),
                    JointTrainings(trainings, population) if is_joint else trainings,
                    may_start=lambda: _may_start(population, session),
                    is_over=session.is_over,
                )
                try:
                    for events in loop:
                        journal.append(record_of(event, time.monotonic() - start) for event in events)
                        _show(bar, population, settings)
                    _show(bar, population, settings)
                except KeyboardInterrupt:
                    was_interrupted = True
    check_population(population)
    is_unfinished = bool(population.in_flight or next_trainings(population, settings))
    return Growth(
        run,
        _why_stopped(population, settings, session, was_interrupted, is_unfinished),
        settings=settings,
        was_interrupted=was_interrupted,
        is_unfinished=is_unfinished,
        executor=executor,
    )


def check_population(population: Population) -> None:
    """Raise for a start network that was refused or not trained, and for a first iteration that failed."""
    if 0 in population.failures:
        failure = population.failures[0]
        refused = failure.measures.get("refused")
        if refused:
            rule = refused["rule"]
            raise InputError(rule, **{name: refused[name] for name in ("expected", "received", "way_out")})
        raise RunError(f"The start network could not be trained. {failure.status}: {failure.reason}")
    first = [training.number for training in population.trainings if training.iteration == 1]
    if first and all(number in population.failures for number in first):
        failure = population.failures[first[0]]
        raise RunError(
            f"No member of the first iteration could be trained. {failure.status}: {failure.reason}"
        )


def _may_start(population: Population, session: Session) -> bool:
    """Tell whether there is time for another training, judged by the longest there was."""
    left, longest = session.seconds_left(), max(population.seconds, default=0.0)
    return not session.is_closing() and (left is None or left >= longest)


def _why_stopped(
    population: Population,
    settings: GrowthSettings,
    session: Session,
    was_interrupted: bool,
    is_unfinished: bool,
) -> str:
    if was_interrupted:
        return "interrupted; `gakeras resume` goes on"
    if is_unfinished:
        return f"{session.reason}; `gakeras resume` goes on"
    return stop_reason(population, settings) or "nothing is left to do"


def _progress(population: Population, settings: GrowthSettings, show: bool) -> Progress:
    last = settings.num_survivors if settings.last_steps else 0
    total = 1 + settings.iterations * settings.population_size + last
    done = len(population.members) + len(population.failures)
    return Progress(settings.name, total=total, done=done, show=show)


def _show(bar: Progress, population: Population, settings: GrowthSettings) -> None:
    """Show where the population is; events that are only now on disk do not count yet."""
    note = ""
    if population.members:
        best = ranked(list(population.members.values()), population, settings)[0]
        accuracy, spent = 100 * best.measures["val_accuracy"], population.ledger.total.flops
        note = f"iteration {population.iteration}: {accuracy:.2f} %, {spent / 1e9:,.1f} GFLOPs"
    bar.update(
        len(population.members) + len(population.failures), running=len(population.in_flight), note=note
    )
