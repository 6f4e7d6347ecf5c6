"""The settings of a growth: frozen, validated, from a TOML file, the command line or keyword arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from gakeras.config import Backend, DataSettings, WorkerSettings, read_config, shipped_networks
from gakeras.encoding import Genome
from gakeras.errors import InputError
from gakeras.fitness.options import TrainingOptions
from gakeras.validation import validated

_STRICT = ConfigDict(extra="forbid")
PositiveInt = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]

ACTIVATIONS = (
    "celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish",
    "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "mish", "relu", "relu6", "selu", "sigmoid",
    "silu", "soft_shrink", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "squareplus",
    "swish", "tanh", "tanh_shrink",
)  # fmt: skip
"""Functions of `keras.activations` that take each value by itself, and need no more than the value."""

ODD_ACTIVATIONS = ("hard_shrink", "hard_tanh", "linear", "soft_shrink", "softsign", "tanh", "tanh_shrink")

ENLARGING = ("widen", "kernel")
"""Transforms that make an array larger, so that it can no longer be that of the parent."""


@dataclass(frozen=True, config=_STRICT)
class Mutations:
    """Which transforms make a member larger, how often, and by how much (conditions: docs/growth.md).

    Attributes:
        widen, deepen, residual, inception, kernel: How likely each is, relative to the others: more
            units; one more layer that begins as the identity; a residual branch; an Inception
            module (images only); a larger window. One that fits nowhere gives way to the others.
        per_child: How many, one after the other.
        widening: How many units a widened layer gains, as a share of its own.
        method, noise: How they join, as for `gakeras.morphism.widening.widen`.
        branch: Units of a residual branch, and filters of each branch of a module, as a share of
            the channels that it reads.
        variant, windows, pooling: As for `gakeras.morphism.inception.insert_inception`.
        normalise: Whether new branches and modules have batch normalisation.
        activation: Of new layers.
        window: Of new convolutions that are no module's.
        max_parameters: What would have more is drawn again; None for no limit.
        max_factor: What would make a forward pass more than so many times as costly is drawn again;
            None for no limit.
    """

    widen: Weight = 1.0
    deepen: Weight = 1.0
    residual: Weight = 0.0
    inception: Weight = 1.0
    kernel: Weight = 0.0
    per_child: PositiveInt = 1
    widening: PositiveFloat = 0.5
    method: Literal["twins", "copies", "unheard"] = "twins"
    noise: Weight = 0.0
    branch: PositiveFloat = 0.5
    variant: Literal["beta", "zero", "odd"] = "beta"
    windows: tuple[PositiveInt, ...] = (1, 3, 5)
    pooling: bool = True
    normalise: bool = False
    activation: str = "relu"
    window: PositiveInt = 3
    max_parameters: PositiveInt | None = None
    max_factor: Annotated[float, Field(gt=1, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not sum(self.weights.values()):
            raise ValueError("a weight above 0 for one transform at least, received 0 for all")
        if self.noise and self.method != "copies":
            raise ValueError(
                f"noise: 0 unless method='copies', received {self.noise} with method={self.method!r}"
            )
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation: one of {', '.join(ACTIVATIONS)}, received {self.activation!r}")
        if self.variant == "odd" and self.activation not in ODD_ACTIVATIONS:
            raise ValueError(
                f"variant: 'odd' needs an odd activation, one of {', '.join(ODD_ACTIVATIONS)}, received "
                f"activation={self.activation!r}"
            )
        if len(set(self.windows)) < len(self.windows) or not (self.windows or self.pooling):
            raise ValueError(
                f"windows: different ones, and one at least without pooling, received {self.windows}"
            )
        return self

    @property
    def weights(self) -> dict[str, float]:
        """The weights by the names of the transforms."""
        return {name: getattr(self, name) for name in ("widen", "deepen", "residual", "inception", "kernel")}


@dataclass(frozen=True, config=_STRICT)
class StepTraining:
    """How members are trained, step by step; optimizers are those whose state can be carried.

    Images can be varied anew in every step, as for `gakeras.fitness.options.TrainingOptions`.
    """

    batch_size: PositiveInt = 128
    optimizer: Literal["adam", "adamw", "adamax", "rmsprop", "sgd", "adagrad", "lion"] = "adam"
    learning_rate: PositiveFloat | None = 3e-3
    shift: Annotated[float, Field(ge=0, lt=1)] = 0.0
    crop: Annotated[float, Field(ge=0, lt=1)] = 0.0
    flip: bool = False
    erase: Annotated[float, Field(ge=0, lt=1)] = 0.0

    @property
    def options(self) -> TrainingOptions:
        """The same as training options; how many epochs does not apply."""
        return TrainingOptions(
            batch_size=self.batch_size,
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            shift=self.shift,
            crop=self.crop,
            flip=self.flip,
            erase=self.erase,
        )


@dataclass(frozen=True, config=_STRICT)
class EnsembleSettings:
    """Which networks the ensemble is made of, and how.

    Attributes:
        over: The `final` population, the `survivors` of it, or all `snapshots`, that is every
            network as it was after each of its trainings.
        method: `mean`, all alike; `greedy`, selection with replacement by validation loss (Caruana
            et al. 2004).
        size: How many times greedy selection chooses.
    """

    over: Literal["final", "survivors", "snapshots"] = "final"
    method: Literal["mean", "greedy"] = "greedy"
    size: PositiveInt = 20


@dataclass(frozen=True, config=_STRICT)
class StartSettings:
    """The network that a growth starts from: a `.keras` file, or one that is built with new weights.

    `path` is relative to the config. `build` is a network that is shipped with the configs, or a
    genome as text (one block a line).
    """

    path: str | None = None
    build: str | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.path is None) == (self.build is None):
            raise ValueError(
                f"either a path or a network to build, received path={self.path}, build={self.build}"
            )
        try:
            self.genome()
        except InputError as error:
            known = ", ".join(shipped_networks())
            raise ValueError(
                f"build: one of {known}, or a genome ({error.expected}), received {error.received}"
            ) from None
        return self

    def genome(self) -> Genome | None:
        """Return the genome to build; None for a path."""
        return None if self.build is None else Genome.parse(shipped_networks().get(self.build, self.build))


@dataclass(frozen=True, config=_STRICT)
class GrowthSettings:
    """Everything that determines a growth, apart from the data and a given network.

    The symbols are those of Painter (2018), section 2.

    Attributes:
        initial_steps: N1, the optimizer steps of the start network before anything grows.
        population_size: M1, to which mutation fills the population.
        steps: N2, the optimizer steps of every member in every iteration.
        num_survivors: M2, below M1, how many members selection leaves.
        iterations: K, how often the population is filled, trained and reduced.
        last_steps: A last leg for the survivors in the end, with a learning rate that falls along
            half a cosine; it is charged like all training. 0, as in the paper, for none. After it no
            iteration follows, not on resume either.
        last_shrink: The share of its weights that a survivor keeps for the last leg; the rest is made of
            new ones, which differ from member to member (shrink and perturb, Ash and Adams 2020). 1 for all.
        inherit: Whether a mutated member starts with its parent's weights, or with new ones.
        carry: Whether the optimizer's moments go along through a mutation, or it starts anew.
        rescaling: Of the learning rate at a mutation: by |theta_1| / |theta_2|, the numbers of
            `parameters` or their Euclidean `norm`; or `none`. Only of an optimizer that is carried.
        sharing: Weights are shared by `copy`, or `joint`ly: members have the very layers of their
            parents beside their own, and are trained in one job, a member drawn at random for each step.
        equal_age: Whether all are judged after equally many steps on their weights, those of their
            ancestors included. Copies of weights always are; a member with new weights is then first
            given the steps that its parent has had.
        num_newcomers: Places among the survivors for the best members that are new in an
            iteration, whatever the others' losses: new weights have had fewer steps than old ones.
        flops_exponent: w in loss * (FLOPs / FLOPs of the start) ** w, by which members are selected:
            0, as in the paper, for the loss alone, 1 for the loss per saved FLOP.
        max_flops: No iteration begins when as many have been spent; None for no such end.
        mutations: The transforms.
        training: Of all members.
        validation_share: Of the training examples, never trained on; selection goes by it.
        ensemble: What the ensemble is made of.
    """

    name: str = "growth"
    seed: Count = 0
    backend: Backend = "tensorflow"
    initial_steps: Count = 300
    population_size: Annotated[int, Field(ge=2)] = 4
    steps: PositiveInt = 200
    num_survivors: PositiveInt = 2
    iterations: PositiveInt = 4
    last_steps: Count = 0
    last_shrink: Annotated[float, Field(ge=0, le=1)] = 1.0
    inherit: bool = True
    carry: bool = True
    rescaling: Literal["none", "parameters", "norm"] = "none"
    sharing: Literal["copy", "joint"] = "copy"
    equal_age: bool = False
    num_newcomers: Count = 0
    flops_exponent: Weight = 0.0
    max_flops: PositiveFloat | None = None
    mutations: Mutations = field(default_factory=Mutations)
    training: StepTraining = field(default_factory=StepTraining)
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    ensemble: EnsembleSettings = field(default_factory=EnsembleSettings)
    data: DataSettings | None = None
    start: StartSettings | None = None
    workers: WorkerSettings = field(default_factory=WorkerSettings)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.num_survivors >= self.population_size:
            raise ValueError(
                "num_survivors: fewer than population_size, for M2 < M1, received "
                f"num_survivors={self.num_survivors}, population_size={self.population_size}"
            )
        if self.num_newcomers > self.num_survivors:
            raise ValueError(
                f"num_newcomers: at most num_survivors={self.num_survivors}, received {self.num_newcomers}"
            )
        if self.rescaling != "none" and not (self.inherit and self.carry):
            raise ValueError(
                "rescaling: of the rate of an optimizer that is carried along, so it needs inherit=true and "
                f"carry=true, received {self.rescaling!r} with inherit={self.inherit}, carry={self.carry}"
            )
        if self.sharing == "joint":
            self._check_sharing()
        return self

    def _check_sharing(self) -> None:
        enlarging = [name for name in ENLARGING if self.mutations.weights[name]]
        if enlarging or not self.inherit:
            raise ValueError(
                'sharing="joint": weights that all members can have, so whole layers are added '
                "(mutations.widen=0, mutations.kernel=0) and inherited, received "
                f"{', '.join(f'mutations.{name}={self.mutations.weights[name]}' for name in enlarging)}"
                f"{', ' if enlarging else ''}inherit={self.inherit}"
            )
        if self.last_shrink < 1:
            raise ValueError(
                'last_shrink: 1 with sharing="joint", for shared weights cannot differ between members, '
                f"received {self.last_shrink}"
            )

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain JSON values; `growth_settings` reads them again."""
        plain: dict[str, Any] = TypeAdapter(GrowthSettings).dump_python(self, mode="json")
        return plain


def growth_settings(
    values: Mapping[str, Any], *, origin: str = "settings", keywords: Iterable[str] = ()
) -> GrowthSettings:
    """Validate settings given as nested plain values; an unknown key is refused with the nearest known one.

    Raises:
        InputError: Every complaint in one message, each with its place and what was received.

    >>> growth_settings({"population_size": 6, "mutations": {"widen": 2}}).mutations.weights["widen"]
    2.0
    """
    return validated(GrowthSettings, values, origin=origin, keywords=keywords)


def load_growth(path: Path, overrides: Iterable[str] = ()) -> GrowthSettings:
    """Read settings from a TOML file with `kind = "growth"`, with `key=value` overrides on top.

    Raises:
        InputError: The file is missing, does not parse, is for another kind of run, or a setting is wrong.
    """
    values = read_config(path, overrides, kind="growth", beside="a .keras file, ")
    return growth_settings(values, origin=str(path))
