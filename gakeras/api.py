"""The front door: search for a network, and go on with a search. Wires everything together."""

from __future__ import annotations

import inspect
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gakeras.config import Settings, settings_from
from gakeras.data import Arrays, as_arrays
from gakeras.dispatch import Dispatcher
from gakeras.encoding import SearchSpace, genome_cost
from gakeras.errors import InputError
from gakeras.evolution import (
    Abandoned,
    Budget,
    Event,
    Finished,
    Proposal,
    Proposer,
    SearchState,
    generational,
    make_toolbox,
    steady_state,
)
from gakeras.executors import ExecutorChoice, choose_executor
from gakeras.fitness.objectives import objectives
from gakeras.jobs import Job
from gakeras.journal import JournalWriter, read_journal
from gakeras.progress import Progress
from gakeras.replay import assess, record_of, replacement, replay
from gakeras.results import SearchResult
from gakeras.run import RunDirectory, create_run, open_run
from gakeras.supervision import child_options


def search(
    x: Any,
    y: Any,
    *,
    x_test: Any = None,
    y_test: Any = None,
    task: str = "auto",
    space: SearchSpace | str | Mapping[str, Any] | None = None,
    population_size: int = 20,
    max_evaluations: int | None = None,
    max_seconds: float | None = None,
    num_folds: int = 5,
    epochs: int = 10,
    batch_size: int = 128,
    optimizer: str = "adam",
    learning_rate: float | None = None,
    max_parameters: int | None = 2_000_000,
    max_flops: int | None = 60_000_000,
    executor: ExecutorChoice = "process",
    workers: int | Mapping[str, Any] | None = None,
    timeout_seconds: float | None = None,
    seed: int = 0,
    run_dir: str | Path | None = None,
    progress: bool = True,
    **settings: Any,
) -> SearchResult:
    """Evolve a Keras network for a data set by asynchronous evolution.

    Individuals are lists of layer blocks; their fitness is the mean validation loss over
    stratified folds, the same for all; a free worker at once gets a new individual, born of
    two that won tournaments (Vidnerova and Neruda 2018, Algorithm 1). Every evaluation is
    on disk before it counts; Ctrl-C ends the search and keeps everything, and `resume`
    goes on.

    Args:
        x: Images `(n, height, width)` or `(n, height, width, channels)`, or a table
            `(n, features)`, of any numeric type. Scaling is part of the networks.
        y: Whole numbers 0..C-1 or one-hot rows for classes, real numbers for regression.
        x_test, y_test: Test data, never seen by the search, for the final report alone.
        task: `"auto"`, `"classification"` or `"regression"`.
        space: A `SearchSpace`, its fields as a mapping, `"default"` or `"paper"`.
        population_size: Individuals that may mate; as many random ones come first.
        max_evaluations: Budget in evaluations; 100 if no budget is given.
        max_seconds: Budget in seconds; what still runs at its end is given up.
        num_folds, epochs, batch_size, optimizer, learning_rate: One evaluation.
        max_parameters, max_flops: Larger networks are never trained; None for no cap.
        executor: `"process"`, `"serial"`, `"debug"`, or a `concurrent.futures.Executor`.
        workers: Networks trained at the same time, by default one a core; or the settings of
            the workers, such as `{"workers": 4, "threads_per_worker": 2}`.
        timeout_seconds: Longest time of one evaluation.
        seed: The same seed and the serial executor give the same search.
        run_dir: A new directory for the run; by default one in `runs/`.
        progress: Whether to show how far the search is.
        **settings: Any other setting of a config file, for example
            `variation={"tournament_size": 5}` or `algorithm="generational"`.

    Returns:
        A `SearchResult`: `best`, `leaderboard(n)`, `train_best()`, `save(path)`.

    Raises:
        InputError: The data, a setting or the directory cannot be used; nothing was started.
        RunError: The first evaluations all failed.

    Example:
        ```python
        from sklearn.datasets import load_digits
        import gakeras

        x, y = load_digits(return_X_y=True)
        result = gakeras.search(x.reshape(-1, 8, 8), y, max_seconds=60)
        result.save("digits.keras")
        ```
    """
    if max_evaluations is None and max_seconds is None:
        max_evaluations = 100
    values: dict[str, Any] = {
        "task": task,
        "population_size": population_size,
        "max_evaluations": max_evaluations,
        "max_seconds": max_seconds,
        "num_folds": num_folds,
        "seed": seed,
        "training": {
            "epochs": epochs,
            "batch_size": batch_size,
            "optimizer": optimizer,
            "learning_rate": learning_rate,
        },
        "caps": {"max_parameters": max_parameters, "max_flops": max_flops},
        "workers": {
            "executor": executor if isinstance(executor, str) else "process",
            "timeout_seconds": timeout_seconds,
            **(workers if isinstance(workers, Mapping) else {"workers": workers}),
        },
    }
    if space is not None:
        values["space"] = asdict(space) if isinstance(space, SearchSpace) else space
    for table in ("training", "caps"):  # a table changes what it names, and leaves the arguments
        if isinstance(settings.get(table), Mapping):
            settings[table] = values[table] | settings[table]
    checked = settings_from(
        values | settings,
        origin="the arguments of search()",
        keywords=inspect.signature(search).parameters,
    )
    arrays = as_arrays(x, y, x_test, y_test)
    return run_search(checked, arrays, run_dir=run_dir, executor=executor, progress=progress)


def run_search(
    settings: Settings,
    arrays: Arrays,
    *,
    run_dir: str | Path | None = None,
    executor: ExecutorChoice | None = None,
    progress: bool = True,
) -> SearchResult:
    """Start the search that validated settings describe; see `search`."""
    settings = _changed(settings, backend=_backend(settings))
    choice = executor if executor is not None else settings.workers.executor
    choose_executor(choice, settings.workers.workers)
    _check_baselines(settings, arrays.x.shape[1:])
    run = create_run(Path(run_dir) if run_dir else _new_run_dir(settings.name), settings, arrays)
    return _continue(run, settings, choice, progress)


def resume(
    run_dir: str | Path,
    *,
    max_evaluations: int | None = None,
    max_seconds: float | None = None,
    executor: ExecutorChoice | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> SearchResult:
    """Go on with a search from its run directory alone, and return its result.

    What had finished is not done again; what was being evaluated when the run stopped is
    evaluated from the same seed. A run that had finished simply gives its result.

    Args:
        run_dir: The directory of the run.
        max_evaluations, max_seconds: A new budget for the whole run, what it has used
            included; by default the one it was started with.
        executor, workers: Other workers than it was started with.
        progress: Whether to show how far the search is.

    Raises:
        InputError: There is no run, or another process is working in it.
        JournalError: The journal is damaged.
    """
    run = open_run(Path(run_dir))
    settings = run.settings
    if max_evaluations is not None or max_seconds is not None:
        settings = _changed(settings, max_evaluations=max_evaluations, max_seconds=max_seconds)
    if workers is not None:
        settings = _changed(settings, workers=asdict(settings.workers) | {"workers": workers})
    return _continue(run, settings, executor or settings.workers.executor, progress)


@dataclass(frozen=True)
class _SearchWorkers:
    """The loop's view of the dispatcher: proposals go in, finished evaluations come out."""

    run: RunDirectory
    settings: Settings
    dispatcher: Dispatcher

    @property
    def slots(self) -> int:
        return self.dispatcher.slots

    def submit(self, proposal: Proposal) -> None:
        self.dispatcher.submit(evaluation_job(proposal, self.run, self.settings))

    def collect(self, timeout: float | None) -> list[Finished]:
        return [Finished(int(result.job_id), result) for result in self.dispatcher.collect(timeout)]


def evaluation_job(proposal: Proposal, run: RunDirectory, settings: Settings) -> Job:
    """Return the job that evaluates a proposal on all folds, from its first epoch to its last."""
    payload = {
        "genome": proposal.genome.to_json(),
        "run_seed": settings.seed,
        "repeat": 0,
        "folds": list(range(settings.num_folds)),
        "from_epoch": 0,
        "to_epoch": settings.training.epochs,
        "training": asdict(settings.training),
        "data_dir": str(run.data),
        "folds_file": str(run.folds),
    }
    return Job(id=str(proposal.number), kind="evaluate", payload=payload)


def _continue(
    run: RunDirectory, settings: Settings, executor: ExecutorChoice, progress: bool
) -> SearchResult:
    factory = choose_executor(executor, settings.workers.workers)
    with JournalWriter(run.journal) as journal:
        past = replay(read_journal(run.journal), settings)
        start = time.monotonic() - past.elapsed
        deadline = None if settings.max_seconds is None else start + settings.max_seconds
        budget = Budget(settings.max_evaluations, deadline, max_first_failures=settings.max_first_failures)
        bar = Progress(
            settings.name,
            total=settings.max_evaluations,
            seconds=budget.seconds_left(),
            done=past.state.num_evaluated,
            show=progress,
        )
        best = min((individual.loss for individual in past.evaluated), default=None)
        stop_reason = budget.stop_reason(past.state)
        was_interrupted = False
        if stop_reason is None:
            options = child_options(run, settings)
            with Dispatcher(factory, options, settings.workers.timeout_seconds) as dispatcher, bar:
                loop = _loop(past.state, settings, run, _SearchWorkers(run, settings, dispatcher), budget)
                try:
                    for events in loop:
                        elapsed = time.monotonic() - start
                        journal.append(record_of(event, elapsed) for event in events)
                        best = _best(best, events)
                        note = "" if best is None else f"best {best:.4f}"
                        finished = sum(isinstance(event, Finished) for event in events)
                        done = past.state.num_evaluated + finished
                        running = len(past.state.in_flight) - finished
                        bar.update(done, running=running, note=note)
                except KeyboardInterrupt:
                    was_interrupted = True
                    given_up = [Abandoned(number) for number in past.state.in_flight]
                    journal.append(record_of(event, time.monotonic() - start) for event in given_up)
                    stop_reason = "interrupted; `gakeras resume` goes on"
            stop_reason = stop_reason or budget.stop_reason(past.state) or "nothing is left to do"
    return SearchResult(
        run, stop_reason, was_interrupted=was_interrupted, executor=executor, progress=progress
    )


def _loop(
    state: SearchState, settings: Settings, run: RunDirectory, workers: _SearchWorkers, budget: Budget
) -> Iterator[list[Event]]:
    input_shape, outputs = run.info.input_shape, run.info.task.outputs
    propose = Proposer(
        run_seed=settings.seed,
        toolbox=make_toolbox(settings.space, input_shape, settings.variation),
        variation=settings.variation,
        input_shape=input_shape,
        outputs=outputs,
        min_population_size=settings.first_population,
        caps=settings.caps,
    )
    arguments: dict[str, Any] = {
        "propose": propose,
        "replace": replacement(settings),
        "assess": assess,
        "workers": workers,
        "budget": budget,
    }
    if settings.algorithm == "generational":
        return generational(state, **arguments, generation_size=settings.population_size)
    return steady_state(state, **arguments)


def _best(best: float | None, events: list[Event]) -> float | None:
    losses = [
        objectives(event.result.measures)[0]
        for event in events
        if isinstance(event, Finished) and event.result.status == "ok"
    ]
    return min([*losses, *([] if best is None else [best])], default=None)


def _backend(settings: Settings) -> Any:
    keras = sys.modules.get("keras")
    if keras is not None:
        return keras.backend.backend()
    return os.environ.get("KERAS_BACKEND") or settings.backend


def _changed(settings: Settings, **changes: Any) -> Settings:
    return settings_from(settings.to_json() | changes, origin="the arguments and the environment")


def _check_baselines(settings: Settings, input_shape: tuple[int, ...]) -> None:
    """Refuse networks that the examples do not fit, before the search and not after it."""
    for name in settings.final.baselines if 1 <= len(input_shape) <= 3 else ():
        try:
            genome_cost(settings.network(name), input_shape, outputs=1)
        except InputError as error:
            raise InputError(
                "Every baseline must fit the data.",
                expected=f"final.baselines for examples of shape {input_shape}",
                received=f"{name!r}: {error.rule} {error.received}",
                way_out="Choose others, or none by final.baselines=[].",
            ) from None


def _new_run_dir(name: str) -> Path:
    stem = f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    candidates = (Path("runs") / (stem if n == 0 else f"{stem}-{n}") for n in range(1000))
    return next(path for path in candidates if not path.exists())
