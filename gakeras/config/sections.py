"""The tables of a config that kinds of runs share: data, final training, workers, published figures."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from gakeras.fitness.keras_objects import OptimizerChoice
from gakeras.fitness.options import TrainingOptions
from gakeras.scores import FitnessEpoch

Backend = Literal["tensorflow", "jax", "torch"]
"""Those of Keras that can train, by the names of their modules."""

STRICT = ConfigDict(extra="forbid")
PositiveInt = Annotated[int, Field(ge=1)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True, config=STRICT)
class DataSettings:
    """Where the data come from: the name of a set, or the path of an `.npz` (see `gakeras.load_source`).

    With an `image_size` (height, width) it is a folder of images of 3 or 1 `channels`.
    """

    source: str = "digits"
    limit: PositiveInt | None = None
    image_size: tuple[PositiveInt, PositiveInt] | None = None
    channels: Literal[1, 3] = 3


@dataclass(frozen=True, config=STRICT)
class FinalSettings(TrainingOptions):
    """The final training of the winner and, the same way, of the networks it is compared with.

    With `stop_at = "best"` the winner's ends where its validation loss was lowest, a mean over the
    folds that were trained for as many epochs; all epochs are done where there are none.
    """

    epochs: PositiveInt = 20
    optimizer: OptimizerChoice = "rmsprop"
    stop_at: FitnessEpoch = "last"
    repeats: PositiveInt = 1
    baselines: tuple[str, ...] = ()

    @property
    def training(self) -> TrainingOptions:
        """The options alone."""
        return TrainingOptions(
            **{option.name: getattr(self, option.name) for option in fields(TrainingOptions)}
        )


@dataclass(frozen=True, config=STRICT)
class WorkerSettings:
    """Who trains: the executor, how many at once, and how each worker is kept in check.

    An evaluation is stopped after `timeout_seconds`, or after `timeout_in_medians` times the median
    of those before it, whichever comes first; starting its process may take `start_seconds` more.
    When nothing has come back for another `stall_seconds`, the run is given up, to be resumed.
    After SIGTERM or SIGUSR1 what runs has `grace_seconds` to end. `workers_per_device` workers
    share a GPU. `job_module` says how each kind of job is done (see `gakeras.kinds`).
    """

    executor: str = "auto"
    workers: PositiveInt | None = None
    threads_per_worker: PositiveInt = 1
    workers_per_device: PositiveInt = 1
    timeout_seconds: PositiveFloat | None = None
    timeout_in_medians: PositiveFloat | None = 20.0
    start_seconds: PositiveFloat = 300.0
    grace_seconds: PositiveFloat = 20.0
    stall_seconds: PositiveFloat = 120.0
    max_jobs_per_child: PositiveInt | None = 50
    job_module: str = "gakeras.kinds"


@dataclass(frozen=True, config=STRICT)
class PublishedTable:
    """A published table of test accuracies, printed beside ours."""

    title: str
    rows: dict[str, tuple[float, float, float, float]]
