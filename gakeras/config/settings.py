"""Everything that determines a search, frozen and validated."""

from __future__ import annotations

import math
from dataclasses import field
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from gakeras.config.sections import (
    STRICT,
    Backend,
    DataSettings,
    FinalSettings,
    PositiveFloat,
    PositiveInt,
    PublishedTable,
    WorkerSettings,
)
from gakeras.config.shipped import shipped_networks
from gakeras.encoding import Genome, SearchSpace
from gakeras.errors import InputError
from gakeras.evolution import Caps, Fidelity, Islands, Screening, Variation
from gakeras.fitness.criteria import Criteria
from gakeras.fitness.keras_objects import LossChoice
from gakeras.fitness.metrics import MetricChoice
from gakeras.fitness.objectives import Objective
from gakeras.fitness.options import TrainingOptions
from gakeras.scores import FitnessEpoch


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


CANDIDATE_SHARE = 0.15
"""The part of a budget of time that a candidate may take on all its folds, where settings do not say."""

FOLD_SHARE = 0.05
"""The same where candidates get the first fold alone."""

USUAL_CAPS = Caps(max_parameters=2_000_000, max_flops=60_000_000, max_cpu_seconds="auto")


@dataclass(frozen=True, config=STRICT)
class Settings:
    """Everything that determines a search, apart from the data themselves.

    `population_size`, `min_population_size` and `algorithm` are those of Algorithm 1 of
    Vidnerova and Neruda (2018); with `algorithm = "generational"` a generation has
    `population_size` offspring. The last `num_last` evaluations per worker are proposed
    together and start longest first (see `gakeras.evolution.LongestFirst`); 0 is Algorithm 1
    to the letter. `max_first_failures` evaluations that all fail end the run.
    `max_cpu_seconds` is a budget in CPU-seconds of the workers, over all their threads.
    With `search_examples` folds are of so many training examples alone, drawn with the share of every
    class; the final training has all of them.
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
    backend: Backend = "tensorflow"
    algorithm: Literal["steady_state", "generational"] = "steady_state"
    population_size: PositiveInt = 20
    min_population_size: PositiveInt | None = None
    num_elite: Annotated[int, Field(ge=0)] = 1
    num_last: Annotated[int, Field(ge=0)] = 10
    max_evaluations: PositiveInt | None = None
    max_seconds: PositiveFloat | None = None
    max_cpu_seconds: PositiveFloat | None = None
    num_folds: Annotated[int, Field(ge=2)] = 5
    search_examples: PositiveInt | None = None
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
    caps: Caps = USUAL_CAPS
    training: TrainingOptions = field(default_factory=TrainingOptions)
    final: FinalSettings = field(default_factory=FinalSettings)
    workers: WorkerSettings = field(default_factory=WorkerSettings)
    networks: dict[str, str] = field(default_factory=dict)
    published: PublishedTable | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_budget()
        self._check_objectives()
        self._check_loop()
        self._check_fidelity()
        self._check_networks()
        return self

    def _check_budget(self) -> None:
        if self.max_evaluations is None and self.max_seconds is None and self.max_cpu_seconds is None:
            raise ValueError(
                "a search needs a budget: max_evaluations, max_seconds, max_cpu_seconds, or more than one, "
                "received none"
            )

    def _check_loop(self) -> None:
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

    def _check_fidelity(self) -> None:
        fidelity = self.fidelity
        obstacle = self._obstacle_to_steps()
        if obstacle is not None and not fidelity.is_plain:
            raise ValueError(f"{obstacle} with fidelity.kind={fidelity.kind!r}, race={fidelity.race}")
        if fidelity.race and (len(self.objectives) > 1 or self.penalty):
            raise ValueError(
                f"fidelity.race: candidates are stopped by their loss, so nothing else may count, received "
                f"objectives={self.objectives}, penalty={self.penalty}"
            )
        if fidelity.kind == "rungs" and fidelity.num_finalists > self.population_size:
            raise ValueError(
                f"fidelity.num_finalists must be at most population_size, received "
                f"{fidelity.num_finalists} > {self.population_size}"
            )
        if (fidelity.num_final_folds or 0) > self.num_folds:
            raise ValueError(
                f"fidelity.num_final_folds must be at most num_folds, received "
                f"{fidelity.num_final_folds} > {self.num_folds}"
            )
        if self.final.stop_at == "best" and self.inherit == "weights":
            raise ValueError(
                "final.stop_at: the best epoch is one of networks that begin with new weights, as the final "
                "training does, received final.stop_at='best' with inherit='weights'"
            )
        if (
            self.final.stop_at == "best"
            and fidelity.kind != "rungs"
            and self.final.epochs != self.training.epochs
        ):
            raise ValueError(
                f"final.stop_at: the best epoch is that of folds as long as the final training, so it needs "
                f"fidelity.kind='rungs' or final.epochs=training.epochs, received final.stop_at='best', "
                f"{self.final.epochs} and {self.training.epochs}"
            )

    def _obstacle_to_steps(self) -> str | None:
        """Return why candidates cannot be evaluated in steps, and stopped where they fall behind."""
        if self.algorithm != "steady_state":
            return "fidelity: evaluations in steps need algorithm='steady_state', received 'generational'"
        if self.inherit == "weights":
            return (
                "inherit: weights are inherited where all are trained on all folds for as long, received "
                "inherit='weights'"
            )
        if self.is_after_metric:
            return (
                "fidelity: candidates are stopped early by their loss, which has to be the first objective, "
                f"received objectives={self.objectives}"
            )
        return None

    def _check_objectives(self) -> None:
        names = self.objectives
        is_goal_first = names[:1] in (("loss",), ("metric",))
        if not is_goal_first or len(set(names)) < len(names) or {"loss", "metric"} & self.penalty.keys():
            raise ValueError(
                f"objectives: the loss first, or the metric, then different others, and penalties of others "
                f"than these, received objectives={names}, penalty={self.penalty}"
            )
        if "metric" in names and self.metric is None:
            raise ValueError(f"metric: a name, where it is an objective, received {names} and metric=None")

    def _check_networks(self) -> None:
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

    @property
    def first_population(self) -> int:
        """How many random individuals must have been accepted before the first mating."""
        return self.min_population_size or self.population_size

    @property
    def num_candidate_folds(self) -> int:
        """On how many folds a candidate is trained that nothing stops, the finals left out."""
        return 1 if self.has_finals else self.num_folds

    @property
    def candidate_share(self) -> float:
        """The part of a budget of time that a candidate may take under a cap that is `"auto"`."""
        return self.caps.budget_share or (FOLD_SHARE if self.has_finals else CANDIDATE_SHARE)

    @property
    def budget(self) -> dict[str, float | None]:
        """How much a search may take in all, by the names of the settings."""
        return {
            "max_evaluations": self.max_evaluations,
            "max_seconds": self.max_seconds,
            "max_cpu_seconds": self.max_cpu_seconds,
        }

    @property
    def is_after_metric(self) -> bool:
        """Whether evolution is after the metric, and not the loss."""
        return self.objectives[0] == "metric"

    @property
    def has_finals(self) -> bool:
        """Whether candidates are trained on the first fold alone, and only finalists on all."""
        return self.fidelity.kind == "rungs"

    @property
    def final_slowdown(self) -> float:
        """How much dearer an epoch of the final training may be than one of the search.

        Smaller batches are more steps; genes of batch sizes hold for both trainings.
        """
        if self.space.learning.batch_sizes:
            return 1.0
        return max(1.0, self.training.batch_size / self.final.batch_size)

    @property
    def criteria(self) -> Criteria:
        """What networks are judged by."""
        return Criteria(self.loss, self.metric)

    def budget_cpu_seconds(self, slots: float) -> float | None:
        """Return the CPU-seconds that so many workers can take by the budgets of time; None for no limit."""
        limits = [] if self.max_cpu_seconds is None else [self.max_cpu_seconds]
        limits += (
            [] if self.max_seconds is None else [slots * self.workers.threads_per_worker * self.max_seconds]
        )
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
