"""Laws of proposals: drawn or bred from (run seed, number) and the state, never the same genome twice."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from stub_search import TINY, Search, StubWorkers

from gakeras.encoding import Cost, Genome, SearchSpace, random_genome
from gakeras.evolution import Budget, Caps, Fitness, Individual, Proposal, SearchState, Variation
from gakeras.jobs import Status

SEARCH = Search()


def population_of(size: int) -> SearchState:
    """A state of `size` accepted individuals, all different, the first the fittest."""
    rng, state = random.Random(1), SearchState()
    for number in range(size):
        genome = random_genome(SearchSpace(), (12, 12), rng)
        state.population += (Individual(number, genome, Fitness([number / 10])),)
        state.known[genome.digest] = number
    state.num_proposed = size
    return state


@pytest.mark.parametrize("size", [3, 6], ids=["drawn", "bred"])
def test_a_proposal_depends_on_state_seed_and_number_and_on_nothing_else(size: int) -> None:
    state = population_of(size)
    random.seed(1)
    first = SEARCH.proposer(state)
    random.seed(2)
    before = random.getstate()
    assert SEARCH.proposer(state) == first
    assert random.getstate() == before
    assert replace(SEARCH, seed=8).proposer(state).genome != first.genome
    state.num_proposed += 1
    assert SEARCH.proposer(state).genome != first.genome


@pytest.mark.parametrize(("accepted", "is_bred"), [(0, False), (3, False), (4, True), (6, True)])
def test_parents_are_bred_once_the_smallest_population_is_there(accepted: int, is_bred: bool) -> None:
    proposal = SEARCH.proposer(population_of(accepted))
    assert bool(proposal.parents) == is_bred
    assert (proposal.operators == ("random",)) == (not is_bred)


@pytest.mark.parametrize(
    ("accepted", "stopped", "failed", "is_bred"),
    [(3, 1, 0, True), (3, 0, 1, False), (2, 2, 0, False), (2, 9, 0, False), (3, 9, 0, True)],
)
def test_candidates_that_were_stopped_count_among_the_first_but_are_no_parents(
    accepted: int, stopped: int, failed: int, is_bred: bool
) -> None:
    state = population_of(accepted)
    state.num_evaluated, state.num_failed = accepted + stopped + failed, failed
    assert bool(SEARCH.proposer(state).parents) == is_bred


def proposals(search: Search, count: int) -> list[Proposal]:
    state, made = population_of(6), []
    for number in range(6, 6 + count):
        state.num_proposed = number
        made.append(search.proposer(state))
    return made


@pytest.mark.parametrize(("crossover", "mutation"), [(1.0, 0.0), (0.0, 1.0), (0.6, 0.9)])
def test_offspring_are_crossed_and_mutated_with_their_probabilities(
    crossover: float, mutation: float
) -> None:
    variation = Variation(crossover_probability=crossover, mutation_probability=mutation)
    made = proposals(replace(SEARCH, variation=variation), 300)
    two_parents = [proposal for proposal in made if len(proposal.parents) == 2]
    assert all(("crossover" in p.operators) == (len(p.parents) == 2) == (p in two_parents) for p in made)
    # Both parents are the same individual in a share of the tournaments, then nothing is crossed.
    same = sum((((6 - r) / 6) ** 3 - ((5 - r) / 6) ** 3) ** 2 for r in range(6))
    assert len(two_parents) / 300 == pytest.approx(crossover * (1 - same), abs=0.08)
    if mutation == 1.0:
        assert all(set(p.operators) - {"crossover"} for p in made)


def test_the_first_child_of_the_crossover_is_taken() -> None:
    """It starts with the blocks of the first parent and ends with those of the second."""
    variation = Variation(crossover_probability=1.0, mutation_probability=0.0)
    genomes = [individual.genome for individual in population_of(6).population]
    crossed = [
        p for p in proposals(replace(SEARCH, variation=variation), 100) if p.operators == ("crossover",)
    ]
    assert len(crossed) > 10
    for proposal in crossed:
        assert proposal.genome.dense[0] == genomes[proposal.parents[0]].dense[0]


def test_a_known_genome_is_mutated_until_it_is_new() -> None:
    variation = Variation(crossover_probability=0.0, mutation_probability=0.0)
    for proposal in proposals(replace(SEARCH, variation=variation), 50):
        assert proposal.verdict is None and proposal.operators


def test_what_stays_known_is_recorded_as_a_duplicate_with_its_first_number() -> None:
    state = SearchState()
    evaluated = TINY.run(state, StubWorkers(), Budget(max_turned_away=5))
    genomes = {
        event.genome.digest: event.number for event in evaluated if getattr(event, "verdict", "") is None
    }
    assert len(genomes) == 3
    proposal = TINY.proposer(state)
    assert proposal.verdict == "duplicate"
    assert proposal.reason == f"equal to individual {genomes[proposal.genome.digest]}"


@pytest.mark.parametrize(
    ("caps", "reason"),
    [
        pytest.param(Caps(max_parameters=10), "parameters are more than the cap of 10", id="parameters"),
        pytest.param(Caps(max_flops=100), "FLOPs are more than the cap of 100", id="flops"),
    ],
)
def test_a_genome_beyond_the_caps_is_oversized_and_says_why(caps: Caps, reason: str) -> None:
    proposal = replace(SEARCH, caps=caps).proposer(SearchState())
    assert proposal.verdict == "oversized" and proposal.reason is not None and reason in proposal.reason


def test_a_genome_as_large_as_the_caps_is_not_oversized() -> None:
    assert Caps(max_parameters=10, max_flops=20).objection(Cost(10, 20)) is None
    assert Caps().objection(Cost(10**12, 10**15)) is None


@pytest.mark.parametrize("verdict", ["duplicate", "oversized"])
def test_a_proposal_that_is_turned_away_is_counted_but_not_in_flight(verdict: Status) -> None:
    state = SearchState()
    state.add_proposal(Proposal(0, Genome(), verdict=verdict, reason="because"))
    assert (state.num_proposed, state.turned_away, state.num_in_generation) == (1, 1, 0)
    assert not state.in_flight and (Genome().digest in state.known) == (verdict == "oversized")


def test_only_proposals_turned_away_in_a_row_are_counted() -> None:
    state = SearchState()
    state.add_proposal(Proposal(0, Genome(), verdict="oversized"))
    state.add_proposal(Proposal(1, Genome.parse("dense #3 activation=relu")))
    assert (state.num_proposed, state.turned_away, state.num_in_generation) == (2, 0, 1)
