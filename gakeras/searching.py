"""The search of one run: from where its journal has got to, to the end of its budget or of this session."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, Literal

from deap import base

from gakeras.config import Settings
from gakeras.dispatch import Dispatcher, longest_job
from gakeras.display import SearchDisplay
from gakeras.encoding import genome_cost
from gakeras.encoding.blocks import Shape
from gakeras.evaluations import Evaluations, calibration_job, forget_paused, forget_weights
from gakeras.evolution import (
    Abandoned,
    Budget,
    Ended,
    Event,
    Finals,
    Finished,
    LongestFirst,
    Measured,
    Pricing,
    Proposer,
    Screener,
    SearchState,
    Timing,
    generational,
    make_toolbox,
    predict_by_flops,
    run_finals,
    select_by_dominance,
    steady_state,
)
from gakeras.executors import ExecutorChoice
from gakeras.journal import JournalWriter, read_journal
from gakeras.progress import Progress
from gakeras.replay import Replay, assessment, record_of, replacement, replay
from gakeras.results import SearchResult
from gakeras.run import RunDirectory
from gakeras.session import Session
from gakeras.supervision import child_options, executor_factory
from gakeras.tensorboard import FOLDER, EventFile, finished_results

MOST_OF_A_WORKER = 0.25
"""The part of its seconds that an automatic cap lets a network take a worker, where there are several."""

ROOM = 3.0
"""An automatic cap on costs is at least so many times what the smallest network of the calibration takes."""


def continue_search(
    run: RunDirectory,
    settings: Settings,
    executor: ExecutorChoice,
    session: Session,
    *,
    progress: bool = True,
) -> SearchResult:
    """Replay a run's journal, go on with its search, and return the result. Ctrl-C ends it in order.

    Every batch of events is on disk before the loop goes on.
    """
    workers = settings.workers
    factory = executor_factory(executor, workers, settings.backend)
    was_interrupted = False
    with JournalWriter(run.journal) as journal, session, _event_file(run, settings) as event_file:
        recorded = read_journal(run.journal)
        past = replay(recorded, settings)
        if event_file is not None:
            event_file.add(finished_results(recorded))
        start = time.monotonic() - past.elapsed
        finals = _finals(settings, factory.slots)
        budget = _budget(settings, start, session, finals, past.state.num_failed)
        if _is_searching(past, settings, budget) or _unfinished(past, settings, finals):
            options = child_options(run, workers, settings.backend)
            with (
                Dispatcher(factory, options, stall_seconds=workers.stall_seconds) as dispatcher,
                _progress(settings, past, budget, progress) as bar,
            ):
                display = SearchDisplay(bar, settings, past.evaluated, finals)
                try:
                    if _is_searching(past, settings, budget):
                        _calibrate(past, run, settings, dispatcher, journal, budget)
                    capped = _capped(settings, past, factory.slots)
                    evaluations = Evaluations(run, capped, past.state, dispatcher, budget.seconds_left)
                    for events in _stages(past, capped, run, evaluations, budget, finals):
                        journal.append(record_of(event, time.monotonic() - start) for event in events)
                        session.count_finished(
                            sum(isinstance(event, Finished | Measured) for event in events)
                        )
                        if event_file is not None:
                            event_file.add(event.result for event in events if isinstance(event, Finished))
                        _tidy(run, settings, past.state, events)
                        display.show(past.state, events, dispatcher.num_in_flight)
                except KeyboardInterrupt:
                    was_interrupted = True
                    on_disk = replay(read_journal(run.journal), settings).state
                    given_up = [Abandoned(number) for number in on_disk.in_flight]
                    journal.append(record_of(event, time.monotonic() - start) for event in given_up)
    stop_reason, is_unfinished = _why_stopped(past, settings, budget, session, was_interrupted, finals)
    return SearchResult(
        run,
        stop_reason,
        settings=settings,
        was_interrupted=was_interrupted,
        is_unfinished=is_unfinished,
        executor=executor,
        progress=progress,
    )


def _event_file(run: RunDirectory, settings: Settings) -> AbstractContextManager[EventFile | None]:
    """Return the file of TensorBoard, empty once it is entered, where one is wanted."""
    return EventFile(run.root / FOLDER, run.metric) if settings.tensorboard else nullcontext()


def _finals(settings: Settings, slots: int) -> Finals | None:
    """Return how finalists are compared, where candidates do not get all folds."""
    fidelity = settings.fidelity
    budget, max_seconds = settings.budget_cpu_seconds(slots), settings.max_seconds
    if not settings.has_finals:
        return None
    return Finals(
        fidelity.num_finalists,
        settings.num_folds,
        settings.training.epochs,
        settings.final.epochs,
        fidelity.num_final_folds,
        max_cpu_seconds=None if budget is None else fidelity.finals_share * budget,
        max_seconds=None if max_seconds is None else fidelity.finals_share * max_seconds,
        slots=slots,
        final_slowdown=settings.final_slowdown,
    )


def _budget(
    settings: Settings, start: float, session: Session, finals: Finals | None, failures_before: int
) -> Budget:
    def reserve(state: SearchState) -> tuple[float, float]:
        return (0.0, 0.0) if finals is None else finals.reserve(state)

    return Budget(
        settings.max_evaluations,
        settings.max_cpu_seconds,
        deadline=None if settings.max_seconds is None else start + settings.max_seconds,
        max_first_failures=settings.max_first_failures,
        failures_before=failures_before,
        session=session,
        reserve=reserve,
    )


def _calibrate(
    past: Replay,
    run: RunDirectory,
    settings: Settings,
    dispatcher: Dispatcher,
    journal: JournalWriter,
    budget: Budget,
) -> None:
    """Time a few networks on a worker where costs are to be predicted, once in a run; it may fail.

    Where the time is up first it is given up, and done by the session that goes on.
    """
    is_capped = _capped(settings, past, slots=1).caps.max_cpu_seconds is not None
    if not is_capped or past.calibration or past.state.timings:
        return
    cap = settings.workers.timeout_seconds
    dispatcher.submit(calibration_job(run, settings), longest_job(cap, budget.seconds_left()))
    while not (results := dispatcher.collect(budget.patience())):
        if not budget.may_start(past.state):
            return
    (result,) = results
    journal.append([{"type": "calibrated", "elapsed": past.elapsed, **result.to_json()}])
    past.calibration = [Timing(**timing) for timing in result.measures.get("timings", ())]
    past.state.cpu_seconds += result.cpu_seconds


def _capped(settings: Settings, past: Replay, slots: int) -> Settings:
    """Return the settings with a cap on costs that is a number; `"auto"` leaves room for small networks."""
    num_epochs = settings.num_candidate_folds * settings.training.epochs
    small = [num_epochs * each.epoch_seconds + (each.tracing_seconds or 0.0) for each in past.calibration]
    share = settings.candidate_share
    budget = settings.budget_cpu_seconds(min(slots, max(1.0, MOST_OF_A_WORKER / share)))
    allowed = None if budget is None else max(share * budget, ROOM * min(small, default=0.0))
    return replace(settings, caps=settings.caps.within(allowed))


def _stages(
    past: Replay,
    settings: Settings,
    run: RunDirectory,
    workers: Evaluations,
    budget: Budget,
    finals: Finals | None,
) -> Iterator[list[Event]]:
    """Search, and then let the finalists compete, unless the session ends before."""
    state = past.state
    if _is_searching(past, settings, budget):
        yield from _loop(past, settings, run, workers, budget)
    reason = budget.stop_reason(state)
    if reason is not None and past.end("search", settings) is None:
        yield from _end(past, "search", reason, settings)
    unfinished = _unfinished(past, settings, finals)
    if unfinished is not None and not budget.is_closing(state):
        workers.give_up()  # what the search has abandoned, to leave the finals their time
        yield from run_finals(state, unfinished, workers, budget)
        if not budget.is_closing(state):
            yield from _end(past, "finals", "all is done that there was time for", settings)


def _is_searching(past: Replay, settings: Settings, budget: Budget) -> bool:
    """Tell whether the search is to go on: it has not ended under this budget before, nor has it now.

    What was kept back for the finals is no reason to search on once they have taken less.
    """
    return past.end("search", settings) is None and budget.stop_reason(past.state) is None


def _unfinished(past: Replay, settings: Settings, finals: Finals | None) -> Finals | None:
    """Return the finals where something is left to do for the finalists."""
    if finals is None or past.end("finals", settings) is not None:
        return None
    return finals if finals.steps(past.state) else None


def _end(
    past: Replay, part: Literal["search", "finals"], reason: str, settings: Settings
) -> Iterator[list[Event]]:
    ended = Ended(part, reason, settings.budget)
    yield [ended]
    past.ended[part] = ended


def _loop(
    past: Replay, settings: Settings, run: RunDirectory, workers: Evaluations, budget: Budget
) -> Iterator[list[Event]]:
    state = past.state
    input_shape, outputs = run.info.input_shape, run.info.task.outputs
    proposer = Proposer(
        run_seed=settings.seed,
        toolbox=_toolbox(settings, input_shape),
        variation=settings.variation,
        input_shape=input_shape,
        outputs=outputs,
        min_population_size=settings.first_population,
        caps=settings.caps,
        pricing=Pricing(
            input_shape,
            outputs,
            settings.num_candidate_folds,
            settings.training.epochs,
            past.calibration,
            follows_best=run.settings.caps.max_cpu_seconds == "auto",
        ),
        num_islands=settings.islands.number,
        tracks_lineage=settings.inherit == "weights",
        in_generations=settings.algorithm == "generational",
    )
    is_screened = settings.screening.num_candidates > 1
    arguments: dict[str, Any] = {
        "propose": Screener(proposer, settings.screening) if is_screened else proposer,
        "replace": replacement(settings),
        "assess": assessment(settings),
        "workers": workers,
        "budget": budget,
    }
    if settings.algorithm == "generational":
        return generational(state, **arguments, generation_size=settings.population_size)
    predict = predict_by_flops(lambda genome: genome_cost(genome, input_shape, outputs).flops)
    everyone = settings.population_size * settings.islands.number
    ladder = settings.fidelity.ladder(settings.num_folds, settings.training.epochs, everyone)
    schedule = LongestFirst(predict, settings.num_last)
    return steady_state(state, **arguments, schedule=schedule, ladder=ladder)


def _toolbox(settings: Settings, input_shape: Shape) -> base.Toolbox:
    toolbox = make_toolbox(settings.space, input_shape, settings.variation)
    if len(settings.objectives) > 1:
        toolbox.register("select", select_by_dominance)
    return toolbox


def _tidy(run: RunDirectory, settings: Settings, state: SearchState, events: Sequence[Event]) -> None:
    """Remove the training states of evaluations that are finished, and on disk, and weights nobody needs."""
    for event in events if not settings.fidelity.is_plain else ():
        if isinstance(event, Finished):
            forget_paused(run, event.number)
    if settings.inherit == "weights":
        forget_weights(run, state)


def _progress(settings: Settings, past: Replay, budget: Budget, show: bool) -> Progress:
    return Progress(
        settings.name,
        total=settings.max_evaluations,
        seconds=budget.seconds_left(),
        done=past.state.num_evaluated,
        show=show,
    )


def _why_stopped(
    past: Replay,
    settings: Settings,
    budget: Budget,
    session: Session,
    was_interrupted: bool,
    finals: Finals | None,
) -> tuple[str, bool]:
    """Return why a search is over, in words, and whether the run is to be resumed."""
    if was_interrupted:
        return "interrupted; `gakeras resume` goes on", True
    ended = past.end("search", settings)
    reason = budget.stop_reason(past.state) if ended is None else ended.reason
    is_cut = session.is_closing(past.state.durations) and _unfinished(past, settings, finals) is not None
    if reason is not None and not is_cut:
        return reason, False
    if session.is_closing(past.state.durations):
        return f"{session.reason}; `gakeras resume` goes on", True
    return "nothing is left to do", False
