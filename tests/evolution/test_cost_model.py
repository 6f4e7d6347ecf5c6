"""Laws of the prediction of costs, and of the cap on them."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from stub_search import Search, StubWorkers

from gakeras.encoding import Genome, genome_cost, num_activations
from gakeras.evolution import (
    Budget,
    Caps,
    CostModel,
    Fitness,
    Individual,
    Pricing,
    Proposal,
    SearchState,
    Timing,
    fit_cost_model,
)
from gakeras.evolution.pieces import timing_of
from gakeras.jobs import JobResult

TRUE = CostModel(per_mac=1.6e-7, per_activation=2.5e-5, per_parameter=4e-7, fixed=0.1, tracing=1.3)


def timings(number: int, noise: float = 0.0) -> list[Timing]:
    """Return timings of networks of all sizes, off by a lognormal factor."""
    rng = random.Random(5)
    rows = []
    for _ in range(number):
        size = (10 ** rng.uniform(5, 7), 10 ** rng.uniform(3.5, 5), 10 ** rng.uniform(4, 6))
        seconds = TRUE.epoch_seconds(*size) * rng.lognormvariate(0, noise)
        rows.append(Timing(*size, seconds, 1.3))
    return rows


def test_a_model_finds_the_coefficients_that_made_the_timings() -> None:
    model = fit_cost_model(timings(30))
    assert model is not None
    assert list(vars(model).values()) == pytest.approx(list(vars(TRUE).values()))


def test_predictions_of_noisy_timings_are_good_within_the_noise() -> None:
    model = fit_cost_model(timings(100, noise=0.25))
    assert model is not None
    predicted = [model.epoch_seconds(t.macs, t.activations, t.parameters) for t in timings(40)]
    errors = [abs(p / t.epoch_seconds - 1) for p, t in zip(predicted, timings(40), strict=True)]
    assert np.median(errors) < 0.12


def test_no_coefficient_is_negative_so_a_larger_network_never_seems_cheaper() -> None:
    rows = [Timing(n, n, 10 - n, 5.0 / n) for n in range(1, 9)]
    model = fit_cost_model(rows)
    assert model is not None and min(vars(model).values()) >= 0


def test_few_timings_are_no_model() -> None:
    assert fit_cost_model(timings(2)) is None


def test_the_first_epoch_of_a_job_is_the_tracing_and_no_timing() -> None:
    epochs = [{"epoch": n, "cpu_seconds": s, "val_loss": 1.0} for n, s in enumerate((3.0, 1.0, 1.2, 0.8))]
    measures = {"flops": 20, "activations": 3, "parameters": 4, "folds": [{"fold": 0, "epochs": epochs}]}
    whole = JobResult("0", "ok", measures=measures)
    assert timing_of(whole) == Timing(10, 3, 4, pytest.approx(1.0), pytest.approx(2.0))  # type: ignore[arg-type]
    earlier = replace(whole, measures={**measures, "folds": [{"fold": 0, "epochs": epochs[:2]}]})
    assert timing_of(whole, [earlier]) == Timing(10, 3, 4, pytest.approx(0.8), pytest.approx(0.4))  # type: ignore[arg-type]
    assert timing_of(earlier, []) is not None and timing_of(replace(whole, measures={})) is None


def test_a_full_evaluation_is_all_folds_and_epochs() -> None:
    genome, shape = Genome.parse("dense #10 activation=relu"), (4,)
    pricing = Pricing(shape, 3, num_folds=5, epochs=7, calibration=timings(20))
    cost = genome_cost(genome, shape, 3)
    an_epoch = TRUE.epoch_seconds(cost.flops / 2, num_activations(genome, shape, 3), cost.parameters)
    assert pricing.evaluation_seconds(genome, SearchState()) == pytest.approx(35 * an_epoch + 1.3)
    assert replace(pricing, calibration=()).evaluation_seconds(genome, SearchState()) is None


def test_what_would_cost_more_than_the_cap_is_recorded_and_never_built() -> None:
    search = Search(caps=Caps(max_cpu_seconds=5.0))
    pricing = Pricing(search.input_shape, 10, num_folds=3, epochs=5, calibration=timings(20))
    capped = replace(search.proposer, pricing=pricing)
    state, verdicts = SearchState(), list[Proposal]()
    for _ in range(60):
        proposal = capped(state)
        state.add_proposal(proposal)
        verdicts.append(proposal)
    dear = [p for p in verdicts if p.verdict == "oversized"]
    assert dear and len(dear) < 60 and "predicted CPU-seconds" in str(dear[0].reason)
    for proposal in verdicts:
        seconds = pricing.evaluation_seconds(proposal.genome, SearchState())
        assert seconds is not None and (seconds > 5.0) == (proposal.verdict == "oversized")


def test_what_is_as_cheap_as_the_best_of_the_population_is_never_too_dear_where_the_cap_follows_it() -> None:
    small, middle, large = (Genome.parse(f"dense #{units} activation=relu") for units in (100, 200, 400))
    pricing = Pricing((4000,), 3, num_folds=1, epochs=1, calibration=timings(20))
    seconds = {
        each: pricing.evaluation_seconds(each, SearchState()) or 0.0 for each in (small, middle, large)
    }
    state = SearchState(
        population=(Individual(0, large, Fitness([0.4])), Individual(1, middle, Fitness([0.3])))
    )
    limit = seconds[small] - 0.1
    assert all(pricing.objection(each, state, limit) for each in seconds)
    following = replace(pricing, follows_best=True)
    refused = [each for each in seconds if following.objection(each, state, limit)]
    assert refused == [large]
    assert all(following.objection(each, SearchState(), limit) for each in seconds)


def test_without_a_cap_nothing_is_predicted() -> None:
    plain, priced = Search(), SearchState()
    pricing = Pricing((12, 12), 10, 3, 5, timings(20))
    events = plain.run(SearchState(), StubWorkers(), Budget(max_evaluations=9))
    proposer = replace(plain.proposer, pricing=pricing)
    assert proposer(priced) == events[0]
