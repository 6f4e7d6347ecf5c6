"""The settings of a run: frozen, validated, from a TOML file, the command line or keyword arguments."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from gakeras.encoding import Genome, SearchSpace
from gakeras.errors import InputError
from gakeras.evolution import Caps, Fidelity, Islands, Screening, Variation
from gakeras.fitness.criteria import Criteria
from gakeras.fitness.keras_objects import LossChoice, OptimizerChoice
from gakeras.fitness.metrics import MetricChoice
from gakeras.fitness.objectives import Objective
from gakeras.fitness.options import DtypePolicy, Schedule, TrainingOptions
from gakeras.scores import FitnessEpoch
from gakeras.validation import read_values, validated

_STRICT = ConfigDict(extra="forbid")
PositiveInt = Annotated[int, Field(ge=1)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
PRESETS: dict[str, dict[str, Callable[[], SearchSpace | Variation]]] = {
    "space": {"default": SearchSpace.wide, "paper": SearchSpace.paper, "plain": SearchSpace},
    "variation": {"default": Variation, "paper": Variation.paper},
}


def _read_class_weight(value: Any) -> Any:
    """Return class weights with numbers as keys, which a TOML table and a journal have as text."""
    if value is None or value == "balanced":
        return value
    try:
        weights = {int(label): float(weight) for label, weight in value.items()}
    except (AttributeError, TypeError, ValueError):
        weights = {-1: math.nan}
    if not all(label >= 0 and 0 <= weight < math.inf for label, weight in weights.items()):
        raise ValueError(
            f'"balanced", or a finite weight of at least 0 by class number, received {value!r:.80}'
        )
    return weights


_COMMANDS = {"synthesis": "synthesize", "growth": "grow"}


@dataclass(frozen=True, config=_STRICT)
class DataSettings:
    """Where the data come from: the name of a set, or the path of an `.npz` (see `gakeras.load_source`).

    With an `image_size` (height, width) it is a folder of images of 3 or 1 `channels`.
    """

    source: str = "digits"
    limit: PositiveInt | None = None
    image_size: tuple[PositiveInt, PositiveInt] | None = None
    channels: Literal[1, 3] = 3


@dataclass(frozen=True, config=_STRICT)
class FinalSettings:
    """The final training of the winner and, the same way, of the networks it is compared with.

    With `stop_at = "best"` the winner's ends where its validation loss was lowest, a mean over the
    folds that were trained for as many epochs; all epochs are done where there are none.
    """

    epochs: PositiveInt = 20
    batch_size: PositiveInt = 128
    optimizer: OptimizerChoice = "rmsprop"
    learning_rate: PositiveFloat | None = None
    schedule: Schedule = "constant"
    shift: Annotated[float, Field(ge=0, lt=1)] = 0.0
    crop: Annotated[float, Field(ge=0, lt=1)] = 0.0
    flip: bool = False
    dtype_policy: DtypePolicy = "float32"
    stop_at: FitnessEpoch = "last"
    repeats: PositiveInt = 1
    baselines: tuple[str, ...] = ()

    @property
    def training(self) -> TrainingOptions:
        """The same as training options."""
        return TrainingOptions(
            self.epochs,
            self.batch_size,
            self.optimizer,
            self.learning_rate,
            self.schedule,
            self.shift,
            self.crop,
            self.flip,
            self.dtype_policy,
        )


@dataclass(frozen=True, config=_STRICT)
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


@dataclass(frozen=True, config=_STRICT)
class PublishedTable:
    """A published table of test accuracies, printed beside ours."""

    title: str
    rows: dict[str, tuple[float, float, float, float]]


@dataclass(frozen=True, config=_STRICT)
class Settings:
    """Everything that determines a search, apart from the data themselves.

    `population_size`, `min_population_size` and `algorithm` are those of Algorithm 1 of
    Vidnerova and Neruda (2018); with `algorithm = "generational"` a generation has
    `population_size` offspring. The last `num_last` evaluations per worker are proposed
    together and start longest first (see `gakeras.evolution.LongestFirst`); 0 is Algorithm 1
    to the letter. `max_first_failures` evaluations that all fail end the run.
    `max_cpu_seconds` is a budget in CPU-seconds of the workers, over all their threads.
    `objectives` are `"loss"`, or `"metric"` where evolution is to be after that, and perhaps others:
    several are traded off by NSGA-II; a `penalty` adds to the first, for each
    unit of another measure (see `gakeras.fitness.objectives`). The loss of a fold is that of its
    last epoch, or with `fitness_epoch = "best"` that of its best one, which the measures name. With
    `inherit = "weights"` children begin with weights of their parents, fold by fold (see
    `gakeras.fitness.inheritance`).
    `loss` is what networks learn from and `metric` what is reported beside it
    (see `gakeras.fitness.criteria`).
    With `tensorboard` the run directory has curves of its evaluations for TensorBoard.
    `class_weight` says how much the examples of a class count, by its number, or "balanced".
    """

    name: str = "search"
    seed: Annotated[int, Field(ge=0)] = 0
    task: Literal["auto", "classification", "regression"] = "auto"
    backend: Literal["tensorflow", "jax", "torch"] = "tensorflow"
    algorithm: Literal["steady_state", "generational"] = "steady_state"
    population_size: PositiveInt = 20
    min_population_size: PositiveInt | None = None
    num_elite: Annotated[int, Field(ge=0)] = 1
    num_last: Annotated[int, Field(ge=0)] = 10
    max_evaluations: PositiveInt | None = None
    max_seconds: PositiveFloat | None = None
    max_cpu_seconds: PositiveFloat | None = None
    num_folds: Annotated[int, Field(ge=2)] = 5
    loss: LossChoice = None
    metric: MetricChoice = None
    objectives: tuple[Objective, ...] = ("loss",)
    penalty: dict[Objective, PositiveFloat] = field(default_factory=dict)
    class_weight: Annotated[
        dict[int, float] | Literal["balanced"] | None, BeforeValidator(_read_class_weight)
    ] = None
    tensorboard: bool = False
    fitness_epoch: FitnessEpoch = "last"
    max_first_failures: PositiveInt = 8
    inherit: Literal["none", "weights"] = "none"
    data: DataSettings | None = None
    space: SearchSpace = field(default_factory=SearchSpace.wide)
    variation: Variation = field(default_factory=Variation)
    fidelity: Fidelity = field(default_factory=Fidelity)
    islands: Islands = field(default_factory=Islands)
    screening: Screening = field(default_factory=Screening)
    caps: Caps = field(default_factory=lambda: Caps(max_parameters=2_000_000, max_flops=60_000_000))
    training: TrainingOptions = field(default_factory=TrainingOptions)
    final: FinalSettings = field(default_factory=FinalSettings)
    workers: WorkerSettings = field(default_factory=WorkerSettings)
    networks: dict[str, str] = field(default_factory=dict)
    published: PublishedTable | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.max_evaluations is None and self.max_seconds is None and self.max_cpu_seconds is None:
            raise ValueError(
                "a search needs a budget: max_evaluations, max_seconds, max_cpu_seconds, or more than one, "
                "received none"
            )
        if self.caps.max_cpu_seconds == "auto" and self.budget_cpu_seconds(1) is None:
            raise ValueError(
                "caps.max_cpu_seconds: 'auto' is a share of max_cpu_seconds or max_seconds, received neither"
            )
        if not self.fidelity.is_plain and self.algorithm != "steady_state":
            raise ValueError(
                "fidelity: evaluations in steps need algorithm='steady_state', received 'generational'"
            )
        if self.inherit == "weights" and not self.fidelity.is_plain:
            raise ValueError(
                "inherit: weights are inherited where all are trained on all folds for as long, received "
                f"inherit='weights' with fidelity.kind={self.fidelity.kind!r}, race={self.fidelity.race}"
            )
        if self.fidelity.kind == "rungs" and self.fidelity.num_finalists > self.population_size:
            raise ValueError(
                f"fidelity.num_finalists must be at most population_size, received "
                f"{self.fidelity.num_finalists} > {self.population_size}"
            )
        if self.first_population > self.population_size:
            raise ValueError(
                f"min_population_size must be at most population_size, received "
                f"{self.min_population_size} > {self.population_size}"
            )
        if self.islands.number > 1 and (self.algorithm != "steady_state" or len(self.objectives) > 1):
            raise ValueError(
                f"islands: several need algorithm='steady_state' and one objective, received "
                f"{self.algorithm!r} and {len(self.objectives)}"
            )
        names = self.objectives
        is_goal_first = names[:1] in (("loss",), ("metric",))
        if not is_goal_first or len(set(names)) < len(names) or {"loss", "metric"} & self.penalty.keys():
            raise ValueError(
                f"objectives: the loss first, or the metric, then different others, and penalties of others "
                f"than these, received objectives={names}, penalty={self.penalty}"
            )
        if "metric" in names and self.metric is None:
            raise ValueError(f"metric: a name, where it is an objective, received {names} and metric=None")
        if names[0] == "metric" and not self.fidelity.is_plain:
            raise ValueError(
                "fidelity: candidates are stopped early by their loss, which has to be the first objective, "
                f"received objectives={names} with kind={self.fidelity.kind!r}, race={self.fidelity.race}"
            )
        if (
            self.final.stop_at == "best"
            and self.fidelity.kind == "full"
            and self.final.epochs != self.training.epochs
        ):
            raise ValueError(
                f"final.stop_at: the best epoch is that of folds as long as the final training, so it needs "
                f"fidelity.kind='rungs' or final.epochs=training.epochs, received final.stop_at='best', "
                f"{self.final.epochs} and {self.training.epochs}"
            )
        baselines = self.final.baselines
        if len({"best", *baselines}) <= len(baselines):
            raise ValueError(
                f"final.baselines: different networks, none named 'best', received {', '.join(baselines)}"
            )
        for name in (*self.networks, *baselines):
            try:
                self.network(name)
            except InputError as error:
                raise ValueError(f"networks.{name}: {error.expected}, received {error.received}") from None
        return self

    @property
    def first_population(self) -> int:
        """How many random individuals must have been accepted before the first mating."""
        return self.min_population_size or self.population_size

    @property
    def criteria(self) -> Criteria:
        """What networks are judged by."""
        return Criteria(self.loss, self.metric)

    def budget_cpu_seconds(self, slots: int) -> float | None:
        """Return the CPU-seconds that so many workers may take by the budgets of time; None for no limit."""
        limits = [] if self.max_cpu_seconds is None else [self.max_cpu_seconds]
        limits += [] if self.max_seconds is None else [slots * self.max_seconds]
        return min(limits, default=None)

    def network(self, name: str) -> Genome:
        """Return a network of this config, or one that is shipped, by its name."""
        networks = shipped_networks() | self.networks
        if name not in networks:
            raise ValueError(f"a network named one of {', '.join(sorted(networks))}, received {name!r}")
        return Genome.parse(networks[name])

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain JSON values; `settings_from` reads them again."""
        plain: dict[str, Any] = TypeAdapter(Settings).dump_python(self, mode="json")
        return plain


def settings_from(
    values: Mapping[str, Any], *, origin: str = "settings", keywords: Iterable[str] = ()
) -> Settings:
    """Validate settings given as nested plain values.

    `space` and `variation` may name a preset (`"default"`, `"paper"`, for `space` also `"plain"`), or be
    a table that has a `preset` beside its own values. Without one it begins with `SearchSpace()`, the plain
    space, as tables of old configs and journals do. `fidelity` may name its kind. An unknown key is refused
    with the nearest known one, or the nearest of `keywords`, the other names a caller takes.

    Raises:
        InputError: Every complaint in one message, each with its place and what was received.
    """
    nested = dict(values)
    if isinstance(nested.get("fidelity"), str):
        nested["fidelity"] = {"kind": nested["fidelity"]}
    for key in PRESETS:
        if key in nested:
            nested[key] = _with_preset(nested[key], key)
    return validated(Settings, nested, origin=origin, keywords=keywords)


def training_options(**values: Any) -> TrainingOptions:
    """Return validated training options. Raises `InputError` as `settings_from` does."""
    return validated(TrainingOptions, values, origin="the arguments")


def load_config(path: Path, overrides: Iterable[str] = ()) -> Settings:
    """Read settings from a TOML file, with `key=value` overrides on top.

    Keys of overrides are dotted, values are TOML, or else text: `training.epochs=5`,
    `space.pool_sizes=[2]`, `data.source=mnist`.

    Raises:
        InputError: The file is missing, does not parse, or a setting is wrong.
    """
    shipped = ", ".join(sorted(shipped_configs()))
    expected = f"a readable file, or one of the shipped configs: {shipped}"
    values = read_values(path, overrides, expected=expected)
    kind = values.pop("kind", "search")
    if kind != "search":
        raise InputError(
            "A config says what it is for.",
            expected="the config of a search",
            received=f"{path}, kind = {kind!r}",
            way_out=f"Use `gakeras {_COMMANDS[kind]} {path}`." if kind in _COMMANDS else "",
        )
    return settings_from(values, origin=str(path))


def find_config(name: str) -> Path:
    """Return the path of a config: an existing file, or a shipped one by its name, such as `digits`."""
    path = Path(name)
    return path if path.is_file() else shipped_configs(kind=None).get(name, path)


def shipped_configs(kind: str | None = "search") -> dict[str, Path]:
    """Return the configs that come with gakeras by name: of a search, of another kind, or all (None)."""
    paths = {path.stem: path for path in _configs_dir().glob("*.toml") if path.stem != "networks"}
    kinds = {
        name: tomllib.loads(path.read_text("utf-8")).get("kind", "search") for name, path in paths.items()
    }
    return {name: path for name, path in paths.items() if kind in (None, kinds[name])}


def shipped_networks() -> dict[str, str]:
    """Return the hand-made and published networks that come with gakeras, as text by name."""
    text = (_configs_dir() / "networks.toml").read_text(encoding="utf-8")
    networks: dict[str, str] = tomllib.loads(text)["networks"]
    return networks


def _configs_dir() -> Path:
    installed = Path(str(resources.files("gakeras"))) / "configs"
    return installed if installed.is_dir() else installed.parents[1] / "configs"


def _with_preset(value: Any, key: str) -> Any:
    table = {"preset": value} if isinstance(value, str) else value
    if not isinstance(table, Mapping):
        return value
    if "preset" not in table:
        return value
    preset = table["preset"]
    if preset not in PRESETS[key]:
        raise InputError(
            "A preset is a table that is ready to use, or to change.",
            expected=f"the {key} or its preset one of {', '.join(PRESETS[key])}",
            received=f"{key} = {preset!r}",
        )
    changes = {name: item for name, item in table.items() if name != "preset"}
    chosen = PRESETS[key][preset]()
    plain: dict[str, Any] = TypeAdapter(type(chosen)).dump_python(chosen, mode="json")
    return plain | changes
