"""How the next individual comes about: drawn at random, or born of parents."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from deap import base, tools

from gakeras.encoding import Genome, SearchSpace, genome_cost, random_genome, with_lineage
from gakeras.encoding.blocks import Shape
from gakeras.evolution.cost_model import Pricing
from gakeras.evolution.crossover import mate
from gakeras.evolution.individual import Individual, inhabitants
from gakeras.evolution.mutation import mutate
from gakeras.evolution.settings import Caps, Variation
from gakeras.evolution.state import Proposal, SearchState
from gakeras.jobs import Status
from gakeras.seeding import derive_seed, isolated

NUM_PARENTS = 3
"""So many individuals may be parents, though the population is small because the rest was stopped."""

Propose = Callable[[SearchState], Proposal]


def make_toolbox(space: SearchSpace, input_shape: Shape, variation: Variation) -> base.Toolbox:
    """Return DEAP's toolbox with `individual`, `mate`, `mutate` and `select` of this search."""
    toolbox = base.Toolbox()
    toolbox.register("individual", random_genome, space, input_shape)
    toolbox.register("mate", mate, space=space, input_shape=input_shape)
    toolbox.register("mutate", mutate, space=space, input_shape=input_shape, variation=variation)
    toolbox.register("select", tools.selTournament, tournsize=variation.tournament_size)
    return toolbox


@dataclass(frozen=True)
class Proposer:
    """Proposes individual n of a run from the state and from nothing random but (run seed, n).

    While fewer than `min_population_size` individuals have been accepted, genomes are
    random; candidates that were stopped early count as well, as soon as there are `NUM_PARENTS`
    individuals. From then on two parents are selected by tournament, mated with the crossover
    probability (the first child is taken, the second dropped), and mutated with the
    mutation probability. A genome that is already known is mutated again, a random one
    drawn again, up to `max_mutations` times; after that the proposal is recorded as a
    duplicate. One beyond the caps is recorded as oversized. Neither is evaluated. Where it
    `tracks_lineage`, blocks have ids by which their descendants are known. Where it proposes a whole
    generation before any of that is judged (`in_generations`), those under way count as accepted.
    """

    run_seed: int
    toolbox: base.Toolbox
    variation: Variation
    input_shape: Shape
    outputs: int
    min_population_size: int
    caps: Caps = field(default_factory=Caps)
    pricing: Pricing | None = None
    num_islands: int = 1
    tracks_lineage: bool = False
    in_generations: bool = False

    def __call__(self, state: SearchState) -> Proposal:
        return self.candidate(state)

    def candidate(self, state: SearchState, attempt: int = 0) -> Proposal:
        """Return what the next proposal may be; other attempts give others, one of which is to be chosen."""
        number = state.num_proposed
        keys = (number, attempt) if attempt else (number,)
        with isolated(derive_seed(self.run_seed, "proposal", *keys)) as rng:
            if self._needs_random(state):
                genome, parents, operators = self._draw(state, rng)
            else:
                genome, parents, operators = self._breed(state, rng)
        verdict, reason = self._judge(genome, state)
        if self.tracks_lineage:
            genome = with_lineage(genome, number)
        return Proposal(number, genome, parents, operators, verdict, reason)

    def _needs_random(self, state: SearchState) -> bool:
        accepted = len(self._population(state))
        judged = (state.num_evaluated - state.num_failed) // self.num_islands
        enough = self.min_population_size
        if accepted < NUM_PARENTS and accepted < enough:
            return True
        coming = len(state.newcomers) + len(state.in_flight) if self.in_generations else 0
        return accepted + coming < enough and judged < enough

    def _population(self, state: SearchState) -> Sequence[Individual]:
        """Return the individuals of the island that the next proposal belongs to."""
        if self.num_islands == 1:
            return state.population
        return inhabitants(state.population, state.num_proposed % self.num_islands)

    def _draw(
        self, state: SearchState, rng: random.Random
    ) -> tuple[Genome, tuple[int, ...], tuple[str, ...]]:
        for _ in range(self.variation.max_mutations):
            genome = self.toolbox.individual(rng)
            if genome.digest not in state.known:
                break
        return genome, (), ("random",)

    def _breed(
        self, state: SearchState, rng: random.Random
    ) -> tuple[Genome, tuple[int, ...], tuple[str, ...]]:
        mother, father = self.toolbox.select(self._population(state), 2)
        child, parents, operators = mother.genome, [mother.id], []
        if rng.random() < self.variation.crossover_probability and mother is not father:
            child, _ = self.toolbox.mate(mother.genome, father.genome)
            parents.append(father.id)
            operators.append("crossover")
        if rng.random() < self.variation.mutation_probability:
            child, name = self.toolbox.mutate(child, rng=rng)
            operators.append(name)
        for _ in range(self.variation.max_mutations):
            if child.digest not in state.known:
                break
            child, name = self.toolbox.mutate(child, rng=rng)
            operators.append(name)
        return child, tuple(parents), tuple(operators)

    def _judge(self, genome: Genome, state: SearchState) -> tuple[Status | None, str | None]:
        if genome.digest in state.known:
            return "duplicate", f"equal to individual {state.known[genome.digest]}"
        objection = self.caps.objection(genome_cost(genome, self.input_shape, self.outputs))
        limit = self.caps.max_cpu_seconds
        if objection is None and self.pricing is not None and isinstance(limit, float):
            objection = self.pricing.objection(genome, state, limit)
        return ("oversized", objection) if objection else (None, None)
