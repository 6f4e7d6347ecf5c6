"""What may be proposed: how large, how likely each change is, and how far it goes."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from gakeras.encoding import Cost

Probability = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]
Width = Annotated[float, Field(gt=0)]
PositiveInt = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Caps:
    """The largest network that is evaluated at all; None for no limit.

    `max_cpu_seconds` are those predicted for a candidate that nothing stops: all folds, or the first
    one under rungs (see `cost_model`). A worker gives up a network whose epochs turn out to take more
    than `overshoot` times their share.
    `"auto"` is the share `budget_share` of the budget of time: unless given, 0.15 for all folds, or a
    twentieth for the first one under rungs. Of a budget of wall time only so many workers count that each can
    evaluate several networks. Where even small networks take more, it leaves room for these, and what
    takes no longer than the best network of the population is never turned away. Without such a budget it
    is no limit. Times are never the same twice, so with this cap two runs of one seed may differ.
    """

    max_parameters: PositiveInt | None = None
    max_flops: PositiveInt | None = None
    max_cpu_seconds: Annotated[float, Field(gt=0)] | Literal["auto"] | None = None
    budget_share: Annotated[float, Field(gt=0, le=1)] | None = None
    overshoot: Annotated[float, Field(ge=1)] = 2.0

    def within(self, allowed: float | None) -> Self:
        """Return the caps with a cap on time that is a number, or none: so many CPU-seconds for `"auto"`.

        >>> Caps(max_cpu_seconds="auto").within(24.0).max_cpu_seconds
        24.0
        """
        return self if self.max_cpu_seconds != "auto" else replace(self, max_cpu_seconds=allowed)

    def objection(self, cost: Cost) -> str | None:
        """Return why a network of this cost is too large, or None."""
        for name, received, limit in (
            ("parameters", cost.parameters, self.max_parameters),
            ("FLOPs", cost.flops, self.max_flops),
        ):
            if limit is not None and received > limit:
                return f"{received:,} {name} are more than the cap of {limit:,}"
        return None


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Variation:
    """Probabilities and widths of crossover, mutation and selection (paper, sections 3.2 and 3.4).

    The probabilities inside each group (`*_layer` and `change_*`; `dense_*`; `pool_*`; `conv_*`;
    `inception_*`) are weights: the group's operator is drawn in proportion to them among those that apply.
    Widths are standard deviations of Gaussian steps.
    """

    crossover_probability: Probability = 0.6
    mutation_probability: Probability = 0.9
    tournament_size: Annotated[int, Field(ge=1)] = 3
    max_mutations: Annotated[int, Field(ge=1)] = 10
    """How often an offspring equal to a known genome is mutated again before it is given up."""

    mutate_layer: Weight = 0.6
    add_layer: Weight = 0.2
    del_layer: Weight = 0.2

    dense_size: Weight = 1.0
    dense_dropout: Weight = 1.0
    dense_activation: Weight = 1.0
    pool_size: Weight = 1.0
    pool_padding: Weight = 0.5
    conv_filters: Weight = 1.0
    conv_kernel_size: Weight = 1.0
    conv_activation: Weight = 1.0
    conv_dropout: Weight = 1.0
    conv_padding: Weight = 0.5
    conv_normalise: Weight = 0.5
    conv_separable: Weight = 0.5
    conv_residual: Weight = 0.5
    dense_normalise: Weight = 0.5
    inception_filters: Weight = 1.0
    inception_activation: Weight = 1.0
    inception_dropout: Weight = 1.0
    inception_branches: Weight = 1.0
    inception_projection: Weight = 0.5
    inception_normalise: Weight = 0.5
    inception_residual: Weight = 0.5
    change_head: Weight = 0.05
    change_learning: Weight = 0.2

    units_width: Width = 30.0
    filters_width: Width = 6.0
    dropout_width: Width = 0.1
    learning_width: Width = 0.3
    """Of the learning rate in powers of ten, of shifts, crops and erased parts in tenths of the image."""

    @classmethod
    def paper(cls, **changes: Any) -> Self:
        """Return the paper's operators: neither dropout nor padding of convolutions and pools varies."""
        fixed = {"conv_dropout": 0.0, "conv_padding": 0.0, "pool_padding": 0.0}
        return cls(**(fixed | changes))

    @model_validator(mode="after")
    def _check(self) -> Self:
        groups = {"mutate_layer, add_layer, del_layer": ["mutate_layer", "add_layer", "del_layer"]}
        for prefix in ("dense_", "pool_", "conv_", "inception_"):
            groups[f"{prefix}*"] = [name for name in self.__dataclass_fields__ if name.startswith(prefix)]
        for group, names in groups.items():
            if not sum(getattr(self, name) for name in names) > 0:
                raise ValueError(f"{group}: at least one of these probabilities must be above zero")
        return self
