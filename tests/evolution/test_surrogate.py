"""Laws of the screening: it knows what was evaluated, picks what promises most, and is off with little."""

from __future__ import annotations

import math
import random
import statistics

import pytest
from stub_search import Search

from gakeras.encoding import Genome, genome_cost, random_genome, with_lineage
from gakeras.evolution import Screener, Screening, SearchState, genome_features

SEARCH = Search()


def loss(genome: Genome) -> float:
    """Return a loss that falls with the parameters and rises with every sigmoid."""
    cost = genome_cost(genome, SEARCH.input_shape, 10)
    return 5 - math.log10(cost.parameters) + sum(block.activation == "sigmoid" for block in genome.dense)


def seen(number: int) -> SearchState:
    state, rng = SearchState(num_proposed=number), random.Random(2)
    for n in range(number):
        genome = random_genome(SEARCH.space, SEARCH.input_shape, rng)
        state.accepted.append((genome, loss(genome)))
        state.known[genome.digest] = n
    return state


def screener(num_candidates: int = 8) -> Screener:
    return Screener(SEARCH.proposer, Screening(num_candidates, num_trees=30))


def test_the_trees_rank_unseen_genomes() -> None:
    rng = random.Random(9)
    genomes = [random_genome(SEARCH.space, SEARCH.input_shape, rng) for _ in range(40)]
    predicted = screener().predict(seen(80), genomes)
    assert statistics.correlation(predicted, list(map(loss, genomes))) > 0.7


def test_what_is_proposed_is_better_than_without_screening() -> None:
    state, plain, screened = seen(60), [], []
    for number in range(60, 80):
        state.num_proposed = number
        plain.append(loss(SEARCH.proposer(state).genome))
        screened.append(loss(screener()(state).genome))
    assert statistics.fmean(screened) < statistics.fmean(plain) - 0.3


def test_the_choice_depends_on_the_state_and_the_seed_alone() -> None:
    first, second = screener(), screener()
    first(seen(30))  # it has been fitted before
    assert first(seen(40)) == second(seen(40)) and first(seen(47)) == screener()(seen(47))


def test_with_little_to_learn_from_proposals_are_those_without_screening() -> None:
    assert screener()(seen(19)) == SEARCH.proposer(seen(19))


def test_a_known_genome_is_never_chosen_over_a_new_one() -> None:
    state = seen(40)
    candidates = [SEARCH.proposer.candidate(state, attempt) for attempt in range(8)]
    for candidate in candidates[1:]:
        state.known[candidate.genome.digest] = 0
    assert screener()(state).genome.digest not in {c.genome.digest for c in candidates[1:]}


@pytest.mark.parametrize("text", ["dense #3 activation=relu", "conv #3 kernelsize=2 activation=relu"])
def test_features_are_finite_numbers(text: str) -> None:
    features = genome_features(Genome.parse(text), (9, 9), 3)
    assert features and all(math.isfinite(value) for value in features.values())


def test_genes_of_learning_are_features() -> None:
    slow, fast = (
        genome_features(Genome.parse(f"dense #3 activation=relu\nlearning learningrate={rate}"), (9,), 3)
        for rate in (0.001, 0.01)
    )
    assert fast["learning.learning_rate"] - slow["learning.learning_rate"] == pytest.approx(1.0)


def test_the_branches_of_an_inception_module_are_choices_and_lineage_is_no_feature() -> None:
    genome = with_lineage(Genome.parse("inception #4 activation=relu branches=1,pool"), 3)
    features = genome_features(genome, (8, 8), outputs=3)
    assert features["inception.branches=1"] == features["inception.branches=pool"] == 1.0
    assert not any("lineage" in name for name in features)
