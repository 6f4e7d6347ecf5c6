"""How a run gets into its directory before any work starts, and whether one is there by now."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, Protocol, get_args

import numpy as np

from gakeras.config import Backend, Settings
from gakeras.data import (
    Arrays,
    DataInfo,
    Task,
    assign_folds_of_part,
    check_arrays,
    check_fold_weights,
    example_weights,
    folds_digest,
    open_data,
    store_arrays,
)
from gakeras.durable import put_in_place
from gakeras.errors import InputError
from gakeras.executors import ExecutorChoice
from gakeras.fitness.options import check_varied
from gakeras.journal import SCHEMA_VERSION, JournalWriter, Record, has_begun
from gakeras.run import RunDirectory
from gakeras.seeding import derive_seed

_OUR_FILES = {
    "journal.jsonl", "journal.lock", "data", "folds.npy", ".folds.tmp.npy", "models", "workers",
    "paused", "weights", "ancestor.keras", ".ancestor.keras.tmp.keras", "networks", "start.keras",
    ".start.keras.tmp.keras", "tensorboard",
}  # fmt: skip


def create_run(
    root: Path, settings: Settings, arrays: Arrays, rehearse: Callable[[Task], None] = lambda task: None
) -> RunDirectory:
    """Check the data and the space, and set up a run directory that holds everything a search needs.

    Raises:
        InputError: The data or the space are impossible, or the directory cannot be used:
            it is not writable, holds other files, or holds a run already. Or `rehearse`, which is
            called with the task before anything is made, refuses it.
    """
    task = check_arrays(arrays, task=settings.task, num_folds=settings.num_folds)
    settings.space.check_input(arrays.x.shape[1:])
    for options in (settings.training, settings.final.training):
        check_varied(options, arrays.x.shape[1:])
    weights = example_weights(arrays, task, settings.class_weight)
    num_examples = settings.search_examples or len(arrays.y)
    seed = derive_seed(settings.seed, "folds")
    folds = assign_folds_of_part(arrays.y, task, settings.num_folds, num_examples, seed)
    if weights is not None:
        check_fold_weights(weights, folds)
    rehearse(task)
    run = RunDirectory(root.absolute())
    begin_run(
        run,
        {"kind": "search", "settings": settings.to_json()},
        replace(arrays, sample_weight=weights),
        task,
        lambda _: folds,
        libraries=(settings.backend, "deap"),
    )
    return run


def begin_run(
    run: RunDirectory,
    header: Record,
    arrays: Arrays,
    task: Task,
    split: Callable[[np.ndarray], np.ndarray],
    *,
    libraries: Iterable[str] = (),
    prepare: Callable[[], None] = lambda: None,
) -> None:
    """Set up the directory of a run of any kind: data, folds and, last of all, the journal's header.

    Args:
        run: A directory that is new or empty, or holds the remains of a beginning that failed.
        header: The kind of the run and its settings; versions and digests are added.
        arrays, task: Data that have been checked.
        split: Turns the stored targets into the fold of every training example.
        libraries: Whose versions are written down beside those of Keras and NumPy.
        prepare: Whatever else a kind of run has to put there before it has begun.

    Raises:
        InputError: The directory cannot be used.
    """
    _claim(run)
    with JournalWriter(run.journal) as journal:
        info = store_arrays(arrays, task, run.data)
        folds = split(open_data(run.data).y)
        temporary = run.folds.with_name(".folds.tmp.npy")
        np.save(temporary, folds)
        put_in_place(temporary, run.folds)
        prepare()
        journal.append([_header(header, info, folds, libraries)])


def chosen_backend(configured: str) -> str:
    """Return the backend that is imported already, or that the environment names, or the configured one.

    Raises:
        InputError: It is not installed.
    """
    keras = sys.modules.get("keras")
    if keras is not None:
        return str(keras.backend.backend())
    backend = os.environ.get("KERAS_BACKEND") or configured
    if backend in get_args(Backend) and importlib.util.find_spec(backend) is None:
        raise InputError(
            "Networks are trained by the backend of Keras.",
            expected=f"that {backend} can be imported",
            received=f"no module named {backend!r}",
            way_out=f"Install {backend}, or choose another by KERAS_BACKEND=tensorflow or jax.",
        )
    return backend


def worker_table(
    executor: ExecutorChoice, workers: int | Mapping[str, Any] | None, timeout_seconds: float | None
) -> dict[str, Any]:
    """Return the table `workers` that these arguments of a function say; an open executor is not in it.

    Raises:
        InputError: A mapping of workers contradicts another argument.
    """
    table = dict(workers) if isinstance(workers, Mapping) else {"workers": workers}
    for name, usual, value in (("executor", "auto", executor), ("timeout_seconds", None, timeout_seconds)):
        if name in table and value not in (usual, table[name]):
            raise InputError(
                "Who does the work is said once.",
                expected=f"{name} as an argument, or in workers",
                received=f"{name}={value!r:.80}, workers[{name!r}]={table[name]!r:.80}",
            )
    name = executor if isinstance(executor, str) else "auto"
    return {"executor": name, "timeout_seconds": timeout_seconds} | table


@contextmanager
def directory_for(run_dir: str | Path | None, name: str) -> Iterator[Path]:
    """Yield the directory that a run begins in: the one that is named, or a new one in `runs/`.

    The new one is this run's alone, however many begin at the same moment, and goes again where the
    beginning fails.
    """
    if run_dir:
        yield Path(run_dir)
        return
    root = _new_directory(name)
    try:
        yield root
    except BaseException:
        with suppress(OSError):  # something else is in them
            root.rmdir()
            root.parent.rmdir()
        raise


def _new_directory(name: str) -> Path:
    stem = f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    candidates = (Path("runs") / (f"{stem}-{number}" if number else stem) for number in count())
    return next(filter(_is_free, candidates))


def _is_free(root: Path) -> bool:
    """Take a directory that nobody has; of one that cannot be made, whoever begins in it says why."""
    try:
        root.mkdir(parents=True)
    except FileExistsError:
        return False
    except OSError:
        pass
    return True


def _check_same_settings(
    root: Path, own: Mapping[str, Any], other: Mapping[str, Any], may_differ: Set[str]
) -> None:
    """Raise `InputError` where a run is to go on under other settings, those that may differ left out."""
    different = sorted(name for name in own.keys() - may_differ if own[name] != other[name])
    if different:
        raise InputError(
            "A run is gone on with under the settings it was started with.",
            expected=f"those of the run in {root}",
            received=f"others for {', '.join(different)}",
            way_out="Use another run_dir, or `gakeras resume`, which reads them from the run.",
        )


class Writable(Protocol):
    """Settings as they are written into a journal's header."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""


def goes_on(
    root: Path, settings_of: Callable[[Path], Writable], settings: Writable, may_differ: Set[str]
) -> bool:
    """Tell whether a directory holds a run of these settings, those that may differ left out.

    `settings_of` reads those of the run that is there. Raises `InputError` where it is another run.
    """
    run = RunDirectory(root.absolute())
    if not has_begun(run.journal):
        return False
    _check_same_settings(run.root, settings_of(run.root).to_json(), settings.to_json(), may_differ)
    return True


def _claim(run: RunDirectory) -> None:
    try:
        run.root.mkdir(parents=True, exist_ok=True)
        present = {path.name for path in run.root.iterdir()}
    except OSError as error:
        raise InputError(
            "A run needs a directory it can write to.",
            expected="a writable run_dir",
            received=f"{run.root}: {error.strerror}",
        ) from None
    if has_begun(run.journal):
        raise InputError(
            "A new run needs a directory of its own.",
            expected="a run_dir without a run",
            received=f"{run.root}, which holds one",
            way_out="Go on with it by `gakeras resume`, or choose another directory.",
        )
    if present - _OUR_FILES:
        raise InputError(
            "A new run needs a directory of its own.",
            expected="an empty or new run_dir",
            received=f"{run.root}, which holds {', '.join(sorted(present - _OUR_FILES)[:5])}",
        )
    if not os.access(run.root, os.W_OK):
        raise InputError(
            "A run needs a directory it can write to.",
            expected="a writable run_dir",
            received=f"{run.root}, which is not",
        )


def _header(kind: Record, info: DataInfo, folds: np.ndarray, libraries: Iterable[str]) -> Record:
    names = ("gakeras", "keras", "numpy", "scikit-learn", *libraries)
    return {
        "type": "header",
        "schema": SCHEMA_VERSION,
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in names},
        **kind,
        "data": info.to_json(),
        "data_digest": info.digest,
        "fold_digest": folds_digest(folds),
    }


def _version(library: str) -> str | None:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None
