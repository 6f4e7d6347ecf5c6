"""Screening by a surrogate: several offspring are proposed, and the one that promises most is evaluated."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass as plain_dataclass
from dataclasses import field, fields
from typing import Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from gakeras.encoding import Genome, genome_cost, num_activations
from gakeras.encoding.blocks import Shape
from gakeras.evolution.proposal import Proposer
from gakeras.evolution.state import Proposal, SearchState
from gakeras.seeding import derive_seed

REFIT = 10
"""The surrogate is fitted anew after every so many evaluations."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Screening:
    """How many offspring compete for one evaluation (1: no screening), and from how many results on."""

    num_candidates: Annotated[int, Field(ge=1)] = 1
    min_evaluations: Annotated[int, Field(ge=10)] = 20
    num_trees: Annotated[int, Field(ge=1)] = 100


@plain_dataclass
class Screener:
    """Proposes as its `proposer` does, several times, and takes the offspring of the lowest predicted loss.

    The prediction is that of extremely randomised trees (Geurts et al. 2006) on features of the
    genomes that were accepted. It depends on the state and the run's seed alone.
    """

    proposer: Proposer
    screening: Screening
    _trees: dict[int, Any] = field(default_factory=dict)

    def __call__(self, state: SearchState) -> Proposal:
        if len(state.accepted) < self.screening.min_evaluations:
            return self.proposer(state)
        attempts = range(self.screening.num_candidates)
        candidates = [self.proposer.candidate(state, attempt) for attempt in attempts]
        allowed = [candidate for candidate in candidates if candidate.verdict is None]
        if not allowed:
            return candidates[0]
        losses = self.predict(state, [candidate.genome for candidate in allowed])
        return allowed[min(range(len(allowed)), key=losses.__getitem__)]

    def predict(self, state: SearchState, genomes: Sequence[Genome]) -> list[float]:
        """Return the losses to be expected."""
        trees = self._fitted(state)
        return [float(loss) for loss in trees.predict([self._features(genome) for genome in genomes])]

    def _fitted(self, state: SearchState) -> Any:
        from sklearn.ensemble import ExtraTreesRegressor  # these take their time to import
        from sklearn.feature_extraction import DictVectorizer
        from sklearn.pipeline import make_pipeline

        number = REFIT * (len(state.accepted) // REFIT)
        if number not in self._trees:
            seed = derive_seed(self.proposer.run_seed, "surrogate", number)
            trees = ExtraTreesRegressor(self.screening.num_trees, min_samples_leaf=2, random_state=seed)
            genomes, losses = zip(*state.accepted[:number], strict=True)
            pipeline = make_pipeline(DictVectorizer(sparse=False), trees)
            self._trees = {number: pipeline.fit([self._features(genome) for genome in genomes], losses)}
        return self._trees[number]

    def _features(self, genome: Genome) -> dict[str, float]:
        return genome_features(genome, self.proposer.input_shape, self.proposer.outputs)


def genome_features(genome: Genome, input_shape: Shape, outputs: int) -> dict[str, float]:
    """Return what trees may split on: sizes, and for each kind of block its number, means and choices.

    Genes of learning are one block more; of a learning rate it is the logarithm that counts.

    >>> genome = Genome.parse("dense #10 activation=relu\\ndense #30 activation=tanh")
    >>> features = genome_features(genome, (4,), outputs=3)
    >>> features["dense"], features["dense.units"], features["dense.activation=tanh"]
    (2.0, 20.0, 1.0)
    """
    cost = genome_cost(genome, input_shape, outputs)
    features = Counter[str]()
    for block in (*genome.blocks, *genome.learning):
        features[block.kind] += 1
        for each in (each for each in fields(block) if each.compare):
            value = getattr(block, each.name)
            if each.name == "learning_rate" and value is not None:
                value = math.log10(value)
            if isinstance(value, str | tuple) or value is None:
                for choice in value if isinstance(value, tuple) else (value,):
                    features[f"{block.kind}.{each.name}={choice}"] += 1
            else:
                features[f"{block.kind}.{each.name}"] += float(value)  # type: ignore[assignment]
    means = {
        name: value / features[name.partition(".")[0]] if "." in name and "=" not in name else float(value)
        for name, value in features.items()
    }
    return means | {
        "log parameters": math.log(1 + cost.parameters),
        "log flops": math.log(1 + cost.flops),
        "log activations": math.log(1 + num_activations(genome, input_shape, outputs)),
    }
