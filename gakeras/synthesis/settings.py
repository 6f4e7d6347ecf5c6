"""How an offspring is drawn from its parents: frozen values, validated when they are made."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from gakeras.errors import InputError
from gakeras.synthesis.clusters import ClusterKind

Normalization = Literal["max", "mean", "quantile"]
Strength = Literal["weight", "gradient"]
SynapseScore = Literal["exponential", "lamp"]
Method = Literal["synthesis", "random", "magnitude", "lamp", "deterministic"]
Share = Annotated[float, Field(gt=0, le=1)]
_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_STRICT)
class Budget:
    """An environment with room for a share of the parent's synapses, at each level.

    The factors F_c and F_s are solved for: as many synapses as `cluster_share` of the
    parent's are expected in the clusters that are synthesized, and of these `synapse_share`
    are. R_c and R_s of Chung et al. (2018) are these two.
    """

    cluster_share: Share = 0.67**0.5
    synapse_share: Share = 0.67**0.5

    @classmethod
    def keeping(cls, share: float, *, split: float = 0.5) -> Budget:
        """Return the budget that keeps a share of the synapses, share ** split of it by clusters.

        >>> budget = Budget.keeping(0.64)
        >>> round(budget.cluster_share, 3), round(budget.synapse_share, 3)
        (0.8, 0.8)
        """
        if not (0 < share <= 1 and 0 <= split <= 1):
            raise InputError(
                "A budget keeps a share of the parent's synapses, split between two levels.",
                expected="0 < keep <= 1 and 0 <= split <= 1",
                received=f"keep={share}, split={split}",
            )
        return cls(share**split, share ** (1 - split))

    @property
    def share(self) -> float:
        """The expected share of the parent's synapses, before dead ones are removed."""
        return self.cluster_share * self.synapse_share


@dataclass(frozen=True, config=_STRICT)
class Factors:
    """The literal reading of the environment: F_c and F_s multiply the probabilities as they are.

    With the largest strength as Z and z and both factors 1, about a quarter of the synapses
    are left after one generation, little stronger than the others (docs/synthesis.md).
    """

    cluster: Annotated[float, Field(gt=0)] = 1.0
    synapse: Annotated[float, Field(gt=0)] = 1.0


@dataclass(frozen=True, config=_STRICT)
class Synthesis:
    """Everything that decides how the masks of an offspring are drawn.

    Attributes:
        method: `synthesis`, or one of the baselines.
        cluster: What a synaptic cluster is.
        environment: The budget, or the factors F_c and F_s themselves.
        budget_counts: What the budget is a share of: synapses as they are `drawn`, before dead
            ones are removed, as in the papers; or `living` ones, for which as many more are drawn.
        cap: The most of the parent's synapses that an offspring may have, or None. The paper
            says 80 %.
        budget_per: Whether the budget is one of the whole `network`, or of every `layer` alone.
        exponents: Powers of a layer's budget by its name, with `budget_per="layer"`: 0.5 keeps more,
            2 less, 0 everything; 1 for those that are not named.
        strength: What W and w are in equations 4 and 5: the size of a synapse's `weight`, or of its
            weight times the `gradient` of the loss, root mean square over batches (docs/synthesis.md).
        synapse_score: Equation 5 as it is (`exponential`), or in its place the share
            w^2 / (sum of all v^2 in the layer with |v| >= |w|) of Lee et al. (2021), which can be
            compared across layers (`lamp`).
        normalization: What Z and z are, layer by layer, over the living: the largest strength,
            the mean, or a quantile of them; probabilities are clipped at 1.
        quantile: Which one.
        sharpness: An exponent on the probabilities: 1 is the papers', more prefers the strong.
        truncation: Weights below so many standard deviations of the layer's living weights
            count as zero in a cluster's sum (equation 4).
        gene_tags: Whether parents mate like with like (Chung et al. 2018), or by position.
        chi: The share of the parents that must have a cluster for an offspring to get it.
        max_attempts: Draws before a layer that came out empty, or too many synapses, are put right.

    Raises:
        pydantic.ValidationError: for a value out of range, an unknown name, a cap below the
            budget, or a baseline without a budget. It is a ValueError.
    """

    method: Method = "synthesis"
    cluster: ClusterKind = "filter"
    environment: Budget | Factors = Budget()
    budget_counts: Literal["drawn", "living"] = "drawn"
    cap: Share | None = 0.8
    budget_per: Literal["network", "layer"] = "network"
    exponents: dict[str, Annotated[float, Field(ge=0)]] = field(default_factory=dict)
    strength: Strength = "weight"
    synapse_score: SynapseScore = "exponential"
    normalization: Normalization = "max"
    quantile: Share = 0.95
    sharpness: Annotated[float, Field(gt=0)] = 8.0
    truncation: Annotated[float, Field(ge=0)] = 1.0
    gene_tags: bool = True
    chi: Share = 0.6
    max_attempts: Annotated[int, Field(ge=1)] = 20

    def __post_init__(self) -> None:
        budget = self.environment if isinstance(self.environment, Budget) else None
        if budget is not None and self.cap is not None and self.cap < budget.share:
            raise InputError(
                "An offspring cannot be expected to have more synapses than it may have.",
                expected="a cap of at least the budget",
                received=f"cap={self.cap}, a budget of {budget.share:.3f}",
                way_out="Raise the cap, or set it to None.",
            )
        if budget is None and self.budget_counts == "living":
            raise InputError(
                "Only a budget can count living synapses.",
                expected="environment=Budget(...)",
                received=f'budget_counts="living", environment={self.environment}',
            )
        if self.exponents and self.budget_per != "layer":
            raise InputError(
                "Exponents are powers of the budgets of layers.",
                expected='budget_per="layer"',
                received=f'budget_per="{self.budget_per}", exponents={self.exponents}',
            )
        if self.budget_per == "layer" and self.method != "synthesis":
            raise InputError(
                "A baseline keeps the highest scores of the whole network.",
                expected='budget_per="network", or method="synthesis"',
                received=f'method={self.method!r}, budget_per="layer"',
            )
        if budget is None and self.method != "synthesis":
            raise InputError(
                "A baseline needs to know how many synapses to keep.",
                expected="environment=Budget(...)",
                received=f"method={self.method!r}, environment={self.environment}",
            )
