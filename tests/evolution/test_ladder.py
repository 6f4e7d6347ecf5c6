"""Laws of evaluations in steps: who goes on, what is compared, and that a replay decides as the run did."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from stub_search import Search

from gakeras.evolution import (
    Budget,
    Event,
    Finished,
    Fitness,
    Ladder,
    Measured,
    Proposal,
    SearchState,
    Step,
    absorb,
    discard_worst,
    steady_state,
)
from gakeras.evolution.ladder import race_ladder, rungs_ladder
from gakeras.evolution.pieces import charged_cpu_seconds, fold_losses, merge
from gakeras.jobs import JobResult

EPOCHS, NUM_FOLDS, POPULATION = 8, 3, 6
SEARCH = Search(population_size=POPULATION)
RUNGS = rungs_ladder((1, 3), EPOCHS, keep=0.5)
RACE = race_ladder(NUM_FOLDS, POPULATION)
LADDERS = {"rungs": RUNGS, "race": RACE, "full": Ladder()}
ladders = pytest.mark.parametrize("ladder", LADDERS.values(), ids=LADDERS)


def curve(digest: str, fold: int) -> list[float]:
    """Return a validation loss an epoch: networks differ, folds a little, and losses fall."""
    network, noise = random.Random(digest), random.Random(f"{digest} {fold}")
    level = network.uniform(0.3, 1.0)
    return [level + 1 / (epoch + 1) + noise.gauss(0, 0.05) for epoch in range(EPOCHS)]


def work(step: Step) -> JobResult:
    """Measure a step as the job of an evaluation does."""
    stretch = step.stretch
    folds = range(NUM_FOLDS) if stretch.folds is None else stretch.folds
    to_epoch = EPOCHS if stretch.to_epoch is None else stretch.to_epoch
    measures = [
        {
            "fold": fold,
            "epochs": [
                {"epoch": epoch, "val_loss": curve(step.genome.digest, fold)[epoch], "cpu_seconds": 1.0}
                for epoch in range(stretch.from_epoch, to_epoch)
            ],
        }
        for fold in folds
    ]
    cpu_seconds = float(sum(len(fold["epochs"]) for fold in measures))  # type: ignore[arg-type]
    return JobResult(step.job_id, "ok", measures={"folds": measures}, cpu_seconds=cpu_seconds)


@dataclass
class StepWorkers:
    """Workers that do steps at once; of several that run, one ends at random."""

    slots: int = 1
    submitted: list[Step] = field(default_factory=list)
    running: list[Step] = field(default_factory=list)

    def submit(self, step: Step) -> None:
        assert step.number not in [other.number for other in self.running]
        self.submitted.append(step)
        self.running.append(step)

    def collect(self, timeout: float | None) -> list[Finished]:
        if timeout == 0.0 and self.slots == 1:
            return []
        count = min(len(self.running), 2)
        done = random.Random(len(self.submitted)).sample(self.running, count)
        self.running = [step for step in self.running if step not in done]
        return [Finished(step.number, work(step)) for step in done]


def assess(result: JobResult) -> Fitness | None:
    losses = fold_losses(result).values()
    return Fitness([sum(losses) / len(losses)]) if result.status == "ok" else None


def run(ladder: Ladder, state: SearchState, workers: StepWorkers, budget: Budget) -> list[Event]:
    loop = steady_state(
        state,
        propose=SEARCH.proposer,
        replace=discard_worst(POPULATION),
        assess=assess,
        workers=workers,
        budget=budget,
        ladder=ladder,
    )
    return [event for batch in loop for event in batch]


def replay(events: Sequence[Event]) -> SearchState:
    state = SearchState()
    for event in events:
        if isinstance(event, Proposal):
            state.add_proposal(event)
        elif isinstance(event, Measured | Finished):
            absorb(state, event, assess=assess, replace=discard_worst(POPULATION))
    return state


BUDGET = Budget(max_evaluations=40)


@ladders
def test_a_run_cut_anywhere_and_resumed_gives_the_events_of_the_uninterrupted_run(ladder: Ladder) -> None:
    events = run(ladder, SearchState(), StepWorkers(), BUDGET)
    for cut in range(0, len(events) + 1, 3):
        assert events[:cut] + run(ladder, replay(events[:cut]), StepWorkers(), BUDGET) == events


@ladders
@pytest.mark.parametrize("slots", [1, 4], ids="{} slots".format)
def test_no_epoch_of_a_fold_is_trained_twice_and_each_finished_once(ladder: Ladder, slots: int) -> None:
    state, workers = SearchState(), StepWorkers(slots)
    events = run(ladder, state, workers, BUDGET)
    finished = [event.number for event in events if isinstance(event, Finished)]
    assert len(finished) == len(set(finished)) == 40 and not state.in_flight and not state.pieces
    assert len({(step.number, step.stretch) for step in workers.submitted}) == len(workers.submitted)
    assert state.cpu_seconds == sum(work(step).cpu_seconds for step in workers.submitted)


def test_after_a_rung_only_the_better_half_of_all_seen_there_goes_on() -> None:
    state = SearchState()
    seen: dict[int, list[float]] = {1: [], 3: []}
    for event in run(RUNGS, state, StepWorkers(), BUDGET):
        if not isinstance(event, Measured | Finished):
            continue
        pieces = event.result.measures["folds"][0]["epochs"]
        epoch, loss = pieces[-1]["epoch"] + 1, pieces[-1]["val_loss"]
        if epoch == EPOCHS:
            continue
        is_better = sum(other < loss for other in seen[epoch]) < math.ceil((len(seen[epoch]) + 1) / 2)
        assert isinstance(event, Measured) == (is_better or len(seen[epoch]) < 2)
        seen[epoch].append(loss)
    assert state.rungs[1] == seen[1] and state.rungs[3] == seen[3]
    assert len(seen[1]) == 40 > len(seen[3]) > len(state.rungs[EPOCHS])


def test_with_rungs_the_population_has_the_first_fold_alone_and_all_epochs() -> None:
    state = SearchState()
    run(RUNGS, state, StepWorkers(3), BUDGET)
    for individual in state.population:
        (fold,) = individual.measures["folds"]
        assert fold["fold"] == 0 and [e["epoch"] for e in fold["epochs"]] == list(range(EPOCHS))


def test_those_that_lose_the_race_would_not_have_entered_the_population_but_for_the_folds() -> None:
    full, raced, workers = SearchState(), SearchState(), StepWorkers()
    run(Ladder(), full, StepWorkers(), BUDGET)
    events = run(RACE, raced, workers, BUDGET)
    stopped = [e for e in events if isinstance(e, Finished) and e.result.status == "stopped"]
    assert stopped and len(workers.submitted) < 40 * NUM_FOLDS
    assert all("behind" in str(event.result.reason) for event in stopped)
    assert raced.population[0].loss <= full.population[0].loss + 0.1


def test_stopping_is_no_failure() -> None:
    state = SearchState()
    run(RUNGS, state, StepWorkers(), BUDGET)
    assert state.num_failed == 0 and state.last_failure is None


def test_pieces_put_together_are_the_whole() -> None:
    proposal = Proposal(0, SEARCH.proposer(SearchState()).genome)
    pieces = [work(Step(proposal, stretch)) for stretch in RUNGS.stretches]
    whole = work(Step(proposal, Ladder().stretches[0]))
    assert merge(pieces).measures["folds"] == whole.measures["folds"][:1]
    assert merge(pieces).cpu_seconds == EPOCHS


def test_a_step_that_fails_ends_the_evaluation_with_what_was_measured() -> None:
    state, proposal = SearchState(), Proposal(0, SEARCH.proposer(SearchState()).genome)
    state.add_proposal(proposal)
    first = RUNGS.read(state, [Finished(0, work(RUNGS.next_step(state, proposal)))])
    absorb(state, first[0], assess=assess, replace=discard_worst(1))  # type: ignore[arg-type]
    (event,) = RUNGS.read(state, [Finished(0, JobResult("0", "timeout", "too long"))])
    assert isinstance(event, Finished) and event.result.status == "timeout"
    assert len(event.result.measures["folds"][0]["epochs"]) == 1


def test_rungs_beyond_the_last_epoch_are_left_out() -> None:
    assert rungs_ladder((1, 3), 2, 0.5).stretches[-1].to_epoch == 2
    assert len(rungs_ladder((1, 3), 1, 0.5).stretches) == 1


def test_an_evaluation_whose_worker_was_killed_counts_by_its_time() -> None:
    state, proposal = SearchState(), Proposal(0, SEARCH.proposer(SearchState()).genome)
    state.add_proposal(proposal)
    state.add_result(Finished(0, JobResult("0", "timeout", "too long", start=5.0, end=65.0)))
    assert state.cpu_seconds == 60.0


def test_a_killed_step_counts_by_its_own_time_beside_the_steps_before_it() -> None:
    first = JobResult("0", "ok", start=0.0, end=10.0, cpu_seconds=4.0)
    killed = merge([first, JobResult("0", "timeout", "too long", start=10.0, end=70.0)])
    assert charged_cpu_seconds(killed, [first]) == 60.0 and charged_cpu_seconds(first) == 4.0


def test_a_night_between_two_steps_is_no_work() -> None:
    night = 40_000.0
    state, proposal = SearchState(), Proposal(0, SEARCH.proposer(SearchState()).genome)
    state.add_proposal(proposal)
    first = replace(work(RUNGS.next_step(state, proposal)), start=0.0, end=10.0)
    state.add_piece(Measured(0, first))
    last = replace(work(RUNGS.next_step(state, proposal)), start=night, end=night + 30.0)
    whole = merge([first, last])
    state.add_result(Finished(0, replace(whole, measures={**whole.measures, "flops": 1})))
    assert state.busy_seconds == 40.0 and [each.seconds for each in state.durations] == [40.0]


def test_a_step_that_died_adds_no_loss_to_the_rung_before_it() -> None:
    state, proposal = SearchState(), Proposal(0, SEARCH.proposer(SearchState()).genome)
    state.add_proposal(proposal)
    first = work(RUNGS.next_step(state, proposal))
    state.add_piece(Measured(0, first))
    before = {epoch: list(losses) for epoch, losses in state.rungs.items()}
    (event,) = RUNGS.read(state, [Finished(0, JobResult("0", "died"))])
    absorb(state, event, assess=assess, replace=discard_worst(1))  # type: ignore[arg-type]
    assert state.rungs == before and len(before) == 1


def test_a_budget_of_cpu_seconds_starts_nothing_beyond_it() -> None:
    state = SearchState()
    budget = Budget(max_cpu_seconds=50.0)
    run(RUNGS, state, StepWorkers(), budget)
    assert 50.0 <= state.cpu_seconds < 50.0 + EPOCHS
    assert budget.stop_reason(state) == "the CPU-seconds are used up"
