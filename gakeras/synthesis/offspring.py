"""One offspring: from its parents to masks and the weights it starts with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gakeras.graph import Channels
from gakeras.synthesis.alignment import pack
from gakeras.synthesis.baselines import draw_random, keep_lamp, keep_magnitude, keep_two_level
from gakeras.synthesis.clusters import Clusters, form_clusters
from gakeras.synthesis.guards import revive, trim
from gakeras.synthesis.inheritance import Heir, inherit
from gakeras.synthesis.masks import Masks, count_synapses, remove_dead
from gakeras.synthesis.mating import Candidates, Network, mate
from gakeras.synthesis.sampling import draw_synthesis
from gakeras.synthesis.settings import Budget, Method, Synthesis

Draw = Callable[
    [Candidates, Channels, Mapping[str, Clusters], Synthesis, np.random.Generator], dict[str, np.ndarray]
]

METHODS: dict[Method, Draw] = {
    "synthesis": draw_synthesis,
    "random": draw_random,
    "magnitude": keep_magnitude,
    "lamp": keep_lamp,
    "deterministic": keep_two_level,
}
_BISECTIONS = 12
_BY_CHANCE: tuple[Method, ...] = ("synthesis", "random")


@dataclass(frozen=True, eq=False)
class Offspring:
    """A newborn network, before its training.

    Attributes:
        network: Its masks, without dead synapses, and the weights it inherits.
        unpruned: The same with the dead synapses, for `folding`.
        num_drawn: Synapses that were drawn.
        num_dead: How many of these were dead.
        num_attempts: Draws it took.
        was_mended: Whether the last draw still emptied a layer or broke the cap, so that
            synapses were given back or the weakest taken.
    """

    network: Network
    unpruned: Network
    num_drawn: int
    num_dead: int
    num_attempts: int
    was_mended: bool


def synthesize_offspring(
    channels: Channels,
    parents: Sequence[Network],
    settings: Synthesis,
    rng: np.random.Generator,
    *,
    alpha: Sequence[float] | None = None,
    heir: Heir = "fittest",
) -> Offspring:
    """Draw one offspring from any number of parents.

        parents, packed unless their genes are tagged      alignment
        -> what they can give, and how strong it is        mating (1 to 3), probability (4, 5)
        -> what the environment has room for               environment (3), sampling, baselines
        -> without what is dead, no layer empty            masks, guards
        -> with inherited weights                          inheritance

    Args:
        channels: Of the ancestor, from its graph.
        parents: Of any generation, the fittest first; with gene tags in the ancestor's
            coordinates, as all networks of a tagged family are.
        settings: How.
        rng: The same generator state gives the same offspring.
        alpha: The parents' weights in mating, equal by default.
        heir: Whose weights it inherits where several parents have some.

    Raises:
        InputError: without parents, or for weights `alpha` that do not match them.
    """
    clusters = form_clusters(channels, settings.cluster)
    parents = parents if settings.gene_tags or len(parents) == 1 else [pack(channels, p) for p in parents]
    candidates = _viable(channels, mate(parents, clusters, settings, alpha))
    limit = float("inf") if settings.cap is None else settings.cap * candidates.num_parent_synapses
    is_sound, attempt = False, 0
    while not is_sound and attempt < (settings.max_attempts if settings.method in _BY_CHANCE else 1):
        attempt += 1
        drawn = _drawn(candidates, channels, clusters, settings, rng)
        masks, num_dead = remove_dead(channels, drawn)
        is_sound = all(mask.any() for mask in masks.values()) and count_synapses(masks) <= limit
    if not is_sound:
        masks = _mended(channels, masks, parents, candidates, limit)
    unpruned = {name: mask | masks[name] for name, mask in drawn.items()}
    weights = inherit(channels, parents, unpruned, from_=heir)
    kept = {name: array * masks[name] if name in masks else array for name, array in weights.items()}
    return Offspring(
        Network(kept, masks),
        Network(weights, unpruned),
        count_synapses(drawn),
        num_dead,
        attempt,
        not is_sound,
    )


def _drawn(
    candidates: Candidates,
    channels: Channels,
    clusters: Mapping[str, Clusters],
    settings: Synthesis,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Return one draw; where the budget counts living synapses, on the budget that leaves as many of them.

    That budget is found by bisection with the same random numbers throughout: what a smaller
    budget draws is a part of what a larger one does, so the living synapses grow with it.
    """
    draw, budget = METHODS[settings.method], settings.environment
    if settings.budget_counts == "drawn" or not isinstance(budget, Budget) or budget.share == 1:
        return draw(candidates, channels, clusters, settings, rng)
    wanted = budget.share * candidates.num_parent_synapses
    split = float(np.log(budget.cluster_share) / np.log(budget.share))
    state, low, high = rng.bit_generator.state, budget.share, 1.0
    drawn: dict[str, np.ndarray] = {}
    for _ in range(_BISECTIONS):
        rng.bit_generator.state = state
        share = (low + high) / 2
        larger = replace(settings, environment=Budget.keeping(share, split=split), cap=None)
        drawn = draw(candidates, channels, clusters, larger, rng)
        is_below = count_synapses(remove_dead(channels, drawn)[0]) < wanted
        low, high = (share, high) if is_below else (low, share)
    return drawn


def _viable(channels: Channels, candidates: Candidates) -> Candidates:
    """Leave out what would be dead because chi refuses the clusters around it: it would use up the budget."""
    return replace(candidates, masks=remove_dead(channels, candidates.masks)[0])


def _mended(
    channels: Channels, masks: Masks, parents: Sequence[Network], candidates: Candidates, limit: float
) -> dict[str, np.ndarray]:
    """Take the weakest synapses above the cap, then give empty layers a path back."""
    if limit < float("inf"):
        masks, _ = remove_dead(channels, trim(masks, candidates.synapses, int(limit)))
    allowed = {
        name: np.logical_or.reduce([parent.masks[name] for parent in parents]) for name in candidates.masks
    }
    return revive(channels, masks, allowed, candidates.magnitudes)
