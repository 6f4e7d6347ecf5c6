"""Starts a growth: from what the caller passes to a run directory with everything in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gakeras.beginning import chosen_backend, directory_for, worker_table
from gakeras.data import Arrays, as_arrays
from gakeras.encoding import Genome
from gakeras.executors import ExecutorChoice
from gakeras.growth.checks import with_validation
from gakeras.growth.continuing import continue_growth
from gakeras.growth.results import Growth
from gakeras.growth.runs import StartNetwork, create_growth
from gakeras.growth.settings import GrowthSettings, growth_settings
from gakeras.models import check_model, check_model_path
from gakeras.session import Session
from gakeras.supervision import executor_factory
from gakeras.validation import argument_names, with_arguments

SMALL_START = "small_start"
"""The shipped network that images start from."""

TABLE_START = "dense #24 activation=relu"


def grow(
    x: Any,
    y: Any = None,
    *,
    x_test: Any = None,
    y_test: Any = None,
    validation_data: Any = None,
    start: Any = None,
    initial_steps: int = 300,
    population_size: int = 4,
    steps: int = 200,
    num_survivors: int = 2,
    iterations: int = 4,
    last_steps: int = 0,
    mutations: Mapping[str, Any] | None = None,
    inherit: bool = True,
    carry: bool = True,
    rescaling: str = "none",
    sharing: str = "copy",
    equal_age: bool = False,
    num_newcomers: int = 0,
    flops_exponent: float = 0.0,
    max_flops: float | None = None,
    batch_size: int = 128,
    optimizer: str = "adam",
    learning_rate: float | None = 3e-3,
    validation_share: float = 0.1,
    ensemble: Mapping[str, Any] | None = None,
    executor: ExecutorChoice = "auto",
    workers: int | Mapping[str, Any] | None = None,
    timeout_seconds: float | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    run_dir: str | Path | None = None,
    progress: bool = True,
    **settings: Any,
) -> Growth:
    """Grow a population of networks from a small one, and make an ensemble of them.

    The start network is trained; then, again and again, the population is filled with mutations of
    its members, which are larger and at first say the same, all are trained for a few steps, and the
    best by validation stay (Painter, Deep Neuroevolution with Shared Parameters, 2018, section 2). The
    training of each member is a job on the executor, and on disk before it counts; Ctrl-C ends the
    growth and keeps everything, and `resume` goes on.

    Args:
        x, y: Training data as `search` takes them, of classes; or x alone, a `tf.data.Dataset` or a
            `keras.utils.PyDataset` of batches (examples, targets), such as
            `keras.utils.image_dataset_from_directory` gives: it is read once, to disk. A stratified part,
            recorded in the run, is never trained on: selection and ensembles go by it.
        x_test, y_test: Test data for the report alone, or a stream; nothing is decided by them.
        validation_data: A pair (x, y) or a stream in the place of that part, scaled like the training
            data, of the same classes.
        start: A built Sequential or Functional model of the layers that docs/synthesis.md lists and
            with probabilities as its output, the path of a `.keras` file, a `Genome`, one as text, or
            the name of a shipped network; by default a small one (`small_start`).
        initial_steps: N1, the optimizer steps of the start network.
        population_size: M1, to which mutation fills the population.
        steps: N2, the optimizer steps of every member in every iteration.
        num_survivors: M2, how many members selection leaves.
        iterations: K.
        last_steps: A last leg of the survivors with a rate that falls to 0.
        mutations: The transforms, their weights and sizes (`Mutations`), for example
            `{"widen": 2, "inception": 0, "per_child": 2}`.
        inherit: Whether mutated members start with their parents' weights, or with new ones.
        carry: Whether the optimizer's moments go along.
        rescaling: Of the learning rate at a mutation: `"none"`, `"parameters"` or `"norm"`.
        sharing: `"copy"`, or `"joint"` for layers that members really have in common.
        equal_age, num_newcomers, flops_exponent: What selection allows for; see `GrowthSettings`.
        max_flops: FLOPs, training and validation, after which no iteration begins.
        batch_size, optimizer, learning_rate: The training of all members.
        validation_share: The part of the training data that validates.
        ensemble: Which members, and how (`EnsembleSettings`), for example `{"over": "snapshots"}`.
        executor, workers, timeout_seconds: Who trains, as for `search`.
        time_limit: Seconds until this call returns, to be gone on with by `resume`.
        seed: The same seed and the serial executor give the same population.
        run_dir: A new directory for the run; by default one in `runs/`.
        progress: Whether to show how far it is.
        **settings: Any other setting of a config file (`GrowthSettings`), for example
            `training={"shift": 0.1, "flip": True}`, which varies images anew in every step.

    Returns:
        A `Growth`: `history`, `best`, `ensemble`, `save(directory)`.

    Raises:
        InputError: The start network, the data, a setting or the directory cannot be used.
        RunError: The start network's job or the whole first iteration failed.

    Example:
        ```python
        from sklearn.datasets import load_digits
        import gakeras

        x, y = load_digits(return_X_y=True)
        growth = gakeras.grow(x.reshape(-1, 8, 8), y, iterations=3)
        growth.save("grown")  # best.keras, ensemble.keras and its members
        ```
    """
    values: dict[str, Any] = {
        "seed": seed,
        "initial_steps": initial_steps,
        "population_size": population_size,
        "steps": steps,
        "num_survivors": num_survivors,
        "iterations": iterations,
        "last_steps": last_steps,
        "mutations": mutations or {},
        "inherit": inherit,
        "carry": carry,
        "rescaling": rescaling,
        "sharing": sharing,
        "equal_age": equal_age,
        "num_newcomers": num_newcomers,
        "flops_exponent": flops_exponent,
        "max_flops": max_flops,
        "training": {"batch_size": batch_size, "optimizer": optimizer, "learning_rate": learning_rate},
        "validation_share": validation_share,
        "ensemble": ensemble or {},
        "workers": worker_table(executor, workers, timeout_seconds),
    }
    settings = with_arguments(grow, settings, values, "training")
    arrays, num_validation = with_validation(as_arrays(x, y, x_test, y_test), validation_data)
    network, build = find_start(start, arrays.x.ndim)
    checked = growth_settings(
        values | {"start": build} | settings,
        origin="the arguments of grow()",
        keywords=argument_names(grow),
    )
    session = Session(time_limit, checked.workers.grace_seconds)
    return run_growth(
        checked,
        arrays,
        network,
        num_validation=num_validation,
        run_dir=run_dir,
        executor=None if isinstance(executor, str) else executor,  # names are in the settings
        session=session,
        progress=progress,
    )


def run_growth(
    settings: GrowthSettings,
    arrays: Arrays,
    start: StartNetwork = None,
    *,
    num_validation: int | None = None,
    run_dir: str | Path | None = None,
    executor: ExecutorChoice | None = None,
    session: Session | None = None,
    progress: bool = True,
) -> Growth:
    """Start the growth that validated settings describe; see `grow`.

    `start` is a `.keras` file, a function that writes one, or None where the settings name one to build;
    `num_validation` says how many of the last training examples validate, None for a share of all.
    """
    plain = settings.to_json() | {"backend": chosen_backend(settings.backend)}
    settings = growth_settings(plain, origin="the arguments and the environment")
    choice = executor if executor is not None else settings.workers.executor
    executor_factory(choice, settings.workers, settings.backend)
    session = session or Session(None, settings.workers.grace_seconds)
    with directory_for(run_dir, settings.name) as root:
        run = create_growth(root, settings, arrays, start, num_validation)
    return continue_growth(run, settings, choice, session, progress=progress)


def find_start(start: Any, rank: int = 3) -> tuple[StartNetwork, dict[str, str] | None]:
    """Return what a start network is copied from, or the setting that says what is built.

    Args:
        start: A model, the path of one, a `Genome`, text, or None.
        rank: Of the training examples' array: 2 for a table.

    Raises:
        InputError: for what is none of these, or a model that cannot be followed.
    """
    if start is None:
        return None, {"build": TABLE_START if rank == 2 else SMALL_START}
    if isinstance(start, Genome):
        return None, {"build": str(start)}
    if isinstance(start, Path) or (isinstance(start, str) and start.endswith(".keras")):
        return check_start_path(Path(start)), None
    if isinstance(start, str):
        return None, {"build": start}
    save = check_model(
        start,
        "The start network is a Keras model, the path of one, or a genome.",
        "a built keras.Model, a path ending in .keras, a Genome, text or a shipped name",
    )
    return save, None


def check_start_path(path: Path) -> Path:
    """Return the path of a `.keras` file that is there, or say what is wrong with it."""
    return check_model_path(path, "The start network", "start")
