"""The front door: search for a network. Wires everything together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gakeras.beginning import chosen_backend, create_run, directory_for, goes_on, worker_table
from gakeras.config import Settings, settings_from
from gakeras.data import Arrays, as_arrays
from gakeras.encoding import SearchSpace, genome_cost
from gakeras.errors import InputError
from gakeras.executors import ExecutorChoice
from gakeras.growth import Growth, grow
from gakeras.lineage import Lineage, synthesize
from gakeras.rehearsal import rehearse
from gakeras.results import SearchResult
from gakeras.run import open_run
from gakeras.searching import continue_search
from gakeras.session import Session
from gakeras.supervision import executor_factory
from gakeras.tensorboard import import_tensorflow
from gakeras.validation import argument_names, with_arguments

__all__ = ["Growth", "Lineage", "grow", "holds_run", "run_search", "search", "synthesize"]


def search(
    x: Any,
    y: Any,
    *,
    x_test: Any = None,
    y_test: Any = None,
    sample_weight: Any = None,
    class_weight: Mapping[int, float] | str | None = None,
    task: str = "auto",
    space: SearchSpace | str | Mapping[str, Any] | None = None,
    population_size: int = 20,
    max_evaluations: int | None = None,
    max_seconds: float | None = None,
    num_folds: int = 5,
    loss: Any = None,
    metric: str | None = None,
    epochs: int = 10,
    batch_size: int = 128,
    optimizer: Any = "adam",
    learning_rate: float | None = None,
    max_parameters: int | None = 2_000_000,
    max_flops: int | None = 60_000_000,
    inherit: str = "none",
    executor: ExecutorChoice = "auto",
    workers: int | Mapping[str, Any] | None = None,
    timeout_seconds: float | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    run_dir: str | Path | None = None,
    progress: bool = True,
    **settings: Any,
) -> SearchResult:
    """Evolve a Keras network for a data set by asynchronous evolution.

    Individuals are lists of layer blocks; their fitness is the mean validation loss over
    stratified folds, the same for all; a free worker at once gets a new individual, born of
    two that won tournaments (Vidnerova and Neruda 2018, Algorithm 1). Every evaluation is on disk
    before it counts; Ctrl-C ends the search and keeps everything, and `resume` goes on.

    Args:
        x: Images `(n, height, width)` or `(n, height, width, channels)`, or a table
            `(n, features)`, of any numeric type. Scaling is part of the networks. A `tf.data.Dataset` or a
            `keras.utils.PyDataset` of batches (examples, targets) may stand for x and y, which is then None.
        y: Whole numbers 0..C-1 or one-hot rows for classes, real numbers for regression.
        x_test, y_test: Test data, never seen by the search, for the final report alone.
        sample_weight: How much each training example counts in the losses, of training and of validation,
            shape `(n,)`; only ratios matter.
        class_weight: The same by class number, or `"balanced"`, n / (classes * examples of the class); a
            class without one has weight 1. It multiplies `sample_weight`.
        task: `"auto"`, `"classification"` or `"regression"`.
        space: `"default"` (`SearchSpace.wide()`), `"plain"` (`SearchSpace()`), `"paper"`, a `SearchSpace`,
            or a mapping of what differs from its `preset`, by default the plain one.
        population_size: Individuals that may mate; as many random ones come first.
        max_evaluations: Budget in evaluations; 100 if no budget is given.
        max_seconds: Budget in seconds; what still runs at its end is given up.
        loss: What networks learn from, by default what belongs to the targets.
        metric: What is reported beside it, the name of a scorer of scikit-learn, such as `"f1_macro"`; by
            default accuracy, or the mean absolute error. With `objectives=("metric",)` evolution is after it.
        num_folds, epochs, batch_size, optimizer, learning_rate: One evaluation. An optimizer is a name,
            a Keras object, or `{"class_name": "SGD", "config": {"momentum": 0.9}}`; so is a loss.
        max_parameters, max_flops: Larger networks are never trained; None for no cap.
        inherit: `"weights"` lets the layers of a child begin with those of its parents, fold by fold: fewer
            epochs rank networks as well. The winner is still trained from new weights (docs/budgets.md).
        executor: `"auto"` (MPI ranks under mpirun, else processes), `"process"`, `"serial"`,
            `"mpi"`, `"debug"`, or a `concurrent.futures.Executor`.
        workers: Networks trained at the same time, by default one a core, or where there are accelerators
            `workers_per_device` on each; or the settings of the workers, such as
            `{"workers": 4, "threads_per_worker": 2}`.
        timeout_seconds: Longest time of one evaluation.
        time_limit: Seconds until this call returns, to be gone on with by `resume`.
        seed: The same seed, the serial executor and a budget in evaluations give the same search.
        run_dir: A new directory for the run; by default one in `runs/`.
        progress: Whether to show how far the search is.
        **settings: Any other setting of a config file, for example
            `variation={"tournament_size": 5}` or `algorithm="generational"`;
            `max_cpu_seconds`, a budget in the workers' CPU-seconds; `fidelity="rungs"`, all
            folds for the best alone, where the budget is of few evaluations (see `Fidelity`);
            `objectives=("loss", "parameters")`, traded off by NSGA-II; `caps={"max_cpu_seconds": None}`,
            also candidates that take a large part of the budget of time (docs/budgets.md has them all);
            `search_examples=6000`, which leaves the others to the final training;
            `tensorboard=True`, which writes loss, metric, parameters and CPU-seconds of every evaluation
            for TensorBoard.

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
    if max_evaluations is None and max_seconds is None and settings.get("max_cpu_seconds") is None:
        max_evaluations = 100
    values: dict[str, Any] = {
        "task": task,
        "population_size": population_size,
        "max_evaluations": max_evaluations,
        "max_seconds": max_seconds,
        "num_folds": num_folds,
        "seed": seed,
        "inherit": inherit,
        "class_weight": class_weight,
        "loss": loss,
        "metric": metric,
        "training": {
            "epochs": epochs,
            "batch_size": batch_size,
            "optimizer": optimizer,
            "learning_rate": learning_rate,
        },
        "caps": {"max_parameters": max_parameters, "max_flops": max_flops, "max_cpu_seconds": "auto"},
        "workers": worker_table(executor, workers, timeout_seconds),
    }
    if space is not None:
        values["space"] = asdict(space) if isinstance(space, SearchSpace) else space
    settings = with_arguments(search, settings, values, "training", "caps")
    checked = settings_from(
        values | settings,
        origin="the arguments of search()",
        keywords=argument_names(search),
    )
    arrays = as_arrays(x, y, x_test, y_test, sample_weight)
    session = Session(time_limit, checked.workers.grace_seconds)
    given = None if isinstance(executor, str) else executor  # names are in the settings
    return run_search(checked, arrays, run_dir=run_dir, executor=given, session=session, progress=progress)


def run_search(
    settings: Settings,
    arrays: Arrays,
    *,
    run_dir: str | Path | None = None,
    executor: ExecutorChoice | None = None,
    session: Session | None = None,
    progress: bool = True,
) -> SearchResult:
    """Start the search that validated settings describe; see `search`."""
    settings = _changed(settings, backend=chosen_backend(settings.backend))
    choice = executor if executor is not None else settings.workers.executor
    executor_factory(choice, settings.workers, settings.backend)
    session = session or Session(None, settings.workers.grace_seconds)
    _check_baselines(settings, arrays.x.shape[1:])
    if settings.tensorboard:
        import_tensorflow()
    with directory_for(run_dir, settings.name) as root:
        run = create_run(root, settings, arrays, lambda task: rehearse(settings, task, choice))
    return continue_search(run, run.settings, choice, session, progress=progress)


def holds_run(run_dir: str | Path, settings: Settings) -> bool:
    """Tell whether a directory holds a run of these settings, to be gone on with.

    Budget and workers may differ. Raises `InputError` where it holds another run.
    """
    may_differ = {"workers", "max_evaluations", "max_seconds", "max_cpu_seconds", "backend", "tensorboard"}

    return goes_on(Path(run_dir), lambda root: open_run(root).settings, settings, may_differ)


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
