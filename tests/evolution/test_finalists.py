"""Laws of the finals: means over the same folds decide, and what is done is not done again."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import pytest

from gakeras.encoding import Genome
from gakeras.evolution import (
    Budget,
    Event,
    Finals,
    Finished,
    Fitness,
    Individual,
    Measured,
    SearchState,
    Step,
    rank_finalists,
    run_finals,
)
from gakeras.fitness.objectives import final_losses
from gakeras.jobs import JobResult

FINALS = Finals(num_finalists=3, num_folds=3, epochs=8, final_epochs=20)


def fold(number: int, loss: float, epochs: int = 8) -> dict[str, object]:
    scores = [{"epoch": n, "val_loss": loss, "cpu_seconds": 1.0} for n in range(epochs)]
    return {"fold": number, "epochs": scores}


def individual(number: int, loss: float) -> Individual:
    genome = Genome.parse(f"dense #{number + 1} activation=relu")
    return Individual(number, genome, Fitness([loss]), {"folds": [fold(0, loss)]})


def searched() -> SearchState:
    people = tuple(individual(number, 0.1 + number / 100) for number in range(5))
    return SearchState(population=people, cpu_seconds=100.0, busy_seconds=100.0)


@dataclass
class FoldWorkers:
    """The last finalist is the best at the final length, the second has the best mean over all folds."""

    slots: int = 2
    failing: tuple[str, ...] = ()
    submitted: list[Step] = field(default_factory=list)
    running: list[Step] = field(default_factory=list)

    def submit(self, step: Step) -> None:
        self.submitted.append(step)
        self.running.append(step)

    def collect(self, timeout: float | None) -> list[Finished]:
        done, self.running = self.running, []
        return [Finished(step.number, self.work(step)) for step in done]

    def work(self, step: Step) -> JobResult:
        if step.job_id in self.failing:
            return JobResult(step.job_id, "error", "diverged", cpu_seconds=1.0)
        (number,), seconds = step.stretch.folds or (), float(step.stretch.to_epoch or 0)
        loss = {"folds": 0.2 + 0.1 * (step.number != 1), "final": 0.9 - step.number / 10}[step.stage]
        measures = {"folds": [fold(number, loss, step.stretch.to_epoch or 0)]}
        return JobResult(step.job_id, "ok", measures=measures, end=seconds, cpu_seconds=seconds)


def finish(
    finals: Finals, state: SearchState, workers: FoldWorkers, budget: Budget | None = None
) -> list[Event]:
    batches = run_finals(state, finals, workers, budget or Budget())
    return [event for batch in batches for event in batch]


def test_every_finalist_gets_every_other_fold_and_all_at_the_final_length() -> None:
    workers = FoldWorkers()
    finish(FINALS, searched(), workers)
    expected = [("folds", fold, number) for fold in (1, 2) for number in range(3)]
    expected += [("final", fold, number) for fold in (0, 1, 2) for number in range(3)]
    assert [(s.stage, (s.stretch.folds or ())[0], s.number) for s in workers.submitted] == expected


def test_the_winner_is_the_best_at_the_final_length() -> None:
    state = searched()
    finish(FINALS, state, FoldWorkers())
    ranked = rank_finalists(state.population, state.finals, 3)
    assert [finalist.id for finalist in ranked] == [2, 1, 0]
    assert ranked[0].loss == pytest.approx((0.12 + 0.3 + 0.3) / 3) and len(ranked[0].measures["folds"]) == 3


def test_penalties_count_in_the_finals() -> None:
    state = searched()
    heavy = replace(state.population[2], fitness=Fitness([0.12 + 0.5]))  # the best at the final length
    state = replace(state, population=(*state.population[:2], heavy))
    finish(FINALS, state, FoldWorkers())
    ranked = rank_finalists(state.population, state.finals, 3)
    assert [finalist.id for finalist in ranked] == [1, 0, 2]
    assert ranked[2].loss == pytest.approx((0.12 + 0.3 + 0.3) / 3 + 0.5)


def test_without_the_final_length_the_mean_over_all_folds_decides() -> None:
    state = searched()
    finish(replace(FINALS, num_final_folds=0), state, FoldWorkers())
    assert [finalist.id for finalist in rank_finalists(state.population, state.finals, 3)][0] == 1


def test_finalists_are_taken_from_the_islands_in_turn_and_whoever_migrated_is_one_once() -> None:
    homes = {0: 0, 1: 0, 2: 1, 3: 0, 4: 1}  # the best two live on the first island
    people = [replace(each, island=homes[each.id]) for each in searched().population]
    state = SearchState(population=(people[0], replace(people[0], island=1), *people[1:]))
    assert [each.id for each in FINALS.chosen(SearchState(population=tuple(people)))] == [0, 2, 1]
    assert [each.id for each in FINALS.chosen(state)] == [0, 1, 2]


def test_finalists_have_the_lowest_first_objective_in_whatever_order_the_population_stands() -> None:
    people = searched().population
    fronts = tuple(people[number] for number in (4, 0, 3, 2, 1))  # as NSGA-II leaves them
    assert [each.id for each in FINALS.chosen(SearchState(population=fronts))] == [0, 1, 2]


def test_finalists_of_a_smaller_budget_come_last_and_the_length_decides_among_the_others() -> None:
    state = searched()
    finish(replace(FINALS, num_final_folds=0), state, FoldWorkers())  # 0, 1 and 2
    state = replace(state, population=state.population[1:])
    finish(FINALS, state, FoldWorkers())  # 1, 2 and 3
    assert [each.id for each in rank_finalists(searched().population, state.finals, 3)] == [3, 2, 1, 0]


def test_no_finalist_wins_because_the_time_was_up_before_the_others_were_trained_at_length() -> None:
    state, clock = searched(), iter([0.0] * 14 + [9.0] * 99)
    finish(FINALS, state, FoldWorkers(slots=1), Budget(deadline=5.0, clock=lambda: next(clock)))
    assert {number for number, stage, _ in state.finals if stage == "final"} == {0}
    assert [each.id for each in rank_finalists(state.population, state.finals, 3)] == [1, 0, 2]


@pytest.mark.parametrize("num_done", range(16))
def test_finalists_are_compared_on_the_folds_that_all_have_wherever_the_time_was_up(num_done: int) -> None:
    state = searched()
    events = finish(FINALS, searched(), FoldWorkers(slots=1))
    for event in events[:num_done]:
        assert isinstance(event, Measured)
        state.add_piece(event)
    ranked = rank_finalists(state.population, state.finals, 3)
    others = min(num_done, 6) // 3
    assert {len(each.measures["folds"]) for each in ranked} == ({1 + others} if others else set())
    assert [each.id for each in ranked] == ([] if not others else [1, 0, 2] if num_done < 9 else [2, 1, 0])


def test_a_few_folds_of_a_former_finalist_do_not_decide_among_the_others() -> None:
    state = searched()
    finish(replace(FINALS, num_final_folds=1), state, FoldWorkers())  # 0, 1 and 2
    state = replace(state, population=state.population[1:])

    class Wavering(FoldWorkers):
        def work(self, step: Step) -> JobResult:
            """3 is the worst of all on the first fold and the best on the others."""
            result = super().work(step)
            loss = {0: 0.95}.get(step.fold, 0.1) if step.number == 3 else 0.5
            return replace(result, measures={"folds": [fold(step.fold, loss)]})

    finish(FINALS, state, Wavering())  # 1, 2 and 3
    assert [each.id for each in rank_finalists(searched().population, state.finals, 3)] == [3, 2, 1, 0]


def test_who_lacks_a_fold_is_no_finalist_and_who_fails_at_length_is_last() -> None:
    state = searched()
    finish(FINALS, state, FoldWorkers(failing=("1/folds/2", "2/final/0")))
    assert [finalist.id for finalist in rank_finalists(state.population, state.finals, 3)] == [0, 2]


def test_finalists_are_shown_with_the_folds_of_the_final_length_that_rank_them() -> None:
    def shown(*done: str, failing: str = "") -> list[tuple[int, list[float]]]:
        state = searched()
        for event in finish(FINALS, searched(), FoldWorkers(failing=(failing,))):
            assert isinstance(event, Measured)
            if event.stage == "folds" or event.result.job_id in done:
                state.add_piece(event)
        ranked = rank_finalists(state.population, state.finals, 3)
        return [(each.id, final_losses(each.measures)) for each in ranked]

    first = [f"{number}/final/0" for number in range(3)]
    assert shown(*first, "0/final/1") == [(2, [0.7]), (1, [0.8]), (0, [0.9])]
    assert shown(*first[:2]) == [(1, []), (0, []), (2, [])]
    assert shown(*first, failing=first[2]) == [(1, [0.8]), (0, [0.9]), (2, [math.inf])]


@pytest.mark.parametrize("cut", range(0, 16, 5))
def test_finals_cut_anywhere_go_on_where_they_were(cut: int) -> None:
    events = finish(FINALS, searched(), FoldWorkers())
    state, workers = searched(), FoldWorkers()
    for event in events[:cut]:
        assert isinstance(event, Measured)
        state.add_piece(event)
    assert events[:cut] + finish(FINALS, state, workers) == events
    assert len(workers.submitted) == len(events) - cut


def test_what_the_finals_cost_is_kept_back() -> None:
    state = searched()
    needed = 3 * (2 * 8 + 3 * 20) * 1.0
    reserved, seconds = FINALS.reserve(state)
    assert (reserved, seconds) == (pytest.approx(1.2 * needed), pytest.approx(1.2 * needed))
    budget = Budget(max_cpu_seconds=100 + reserved + 1, reserve=FINALS.reserve)
    assert budget.stop_reason(state) is None
    state.cpu_seconds += 2
    assert budget.stop_reason(state) == "the CPU-seconds are used up"


def test_workers_are_as_busy_in_the_finals_as_in_the_search() -> None:
    state = searched()
    finish(FINALS, state, FoldWorkers())
    new = replace(state, population=tuple(individual(number, number / 100) for number in range(5, 8)))
    cpu_seconds, seconds = replace(FINALS, slots=1).reserve(new)
    assert cpu_seconds > 0 and seconds == pytest.approx(cpu_seconds)


def test_finals_that_are_done_need_nothing_more_so_a_larger_budget_goes_on() -> None:
    state = searched()
    finish(FINALS, state, FoldWorkers())
    assert FINALS.reserve(state) == (0.0, 0.0) and FINALS.extent(state) == (2, 3)
    budget = Budget(max_cpu_seconds=state.cpu_seconds + 1, reserve=FINALS.reserve)
    assert budget.stop_reason(state) is None
    newcomer = replace(individual(9, 0.01), id=9)
    state = replace(state, population=(newcomer, *state.population))
    assert FINALS.reserve(state)[0] == pytest.approx(1.2 * (2 * 8 + 3 * 20))


def test_the_last_of_an_odd_number_of_folds_has_one_worker_alone() -> None:
    seconds = 3 * 8 + 5 * 20  # six short folds, then nine long ones
    assert replace(FINALS, slots=2).reserve(searched())[1] == pytest.approx(1.2 * seconds)


def test_finals_that_would_eat_the_budget_have_fewer_folds_first_at_the_final_length() -> None:
    state = searched()
    assert replace(FINALS, max_cpu_seconds=170.0).extent(state) == (2, 2)  # 24 for each other, 60 at length
    assert replace(FINALS, max_cpu_seconds=48.0).extent(state) == (2, 0)
    assert replace(FINALS, max_cpu_seconds=40.0).extent(state) == (1, 0)
    assert replace(FINALS, max_cpu_seconds=10.0).extent(state) == (0, 0)
    assert replace(FINALS, max_seconds=90.0, slots=3).extent(state) == (2, 3)  # a finalist a worker
    assert replace(FINALS, max_seconds=70.0, slots=3).extent(state) == (2, 2)
    assert replace(FINALS, max_seconds=70.0, slots=99).extent(state) == (2, 3)  # all at once
    assert replace(FINALS, max_seconds=19.0, slots=99).extent(state) == (2, 0)
    assert FINALS.extent(state) == (2, 3)


def test_an_epoch_of_the_final_training_is_as_dear_as_it_is_said_to_be_until_it_is_measured() -> None:
    state = searched()
    dear = replace(FINALS, final_slowdown=4.0)
    assert dear.reserve(state)[0] == pytest.approx(1.2 * 3 * (2 * 8 + 3 * 4 * 20))
    finish(replace(FINALS, num_final_folds=1), state, FoldWorkers())  # which takes no longer
    assert dear.reserve(state)[0] == pytest.approx(1.2 * 3 * 2 * 20)


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_finals_that_turn_out_dearer_begin_no_fold_that_not_all_can_have(slots: int) -> None:
    class Dear(FoldWorkers):
        def work(self, step: Step) -> JobResult:
            result = super().work(step)
            return replace(result, cpu_seconds=4 * result.cpu_seconds) if step.stage == "final" else result

    state = searched()
    finish(FINALS, state, Dear(slots=slots), Budget(max_cpu_seconds=100.0 + 48 + 180))
    assert state.cpu_seconds == 100 + 48 + 3 * 80  # one fold was under way before it was known
    assert {key[2] for key in state.finals if key[1] == "final"} == {0}


@pytest.mark.parametrize("cut", [0, 7])
def test_finals_keep_within_what_is_left_of_the_cpu_seconds(cut: int) -> None:
    budget = Budget(max_cpu_seconds=100.0 + 48 + 130)  # 48 for the other folds, 60 a fold at length
    events = finish(FINALS, searched(), FoldWorkers(), budget)
    state = searched()
    for event in events[:cut]:
        assert isinstance(event, Measured)
        state.add_piece(event)
    assert events[:cut] + finish(FINALS, state, FoldWorkers(), budget) == events
    assert state.cpu_seconds == 100 + 48 + 120


def test_what_former_finalists_have_cost_is_not_there_for_the_new_ones() -> None:
    state = searched()
    finish(FINALS, state, FoldWorkers())
    state = replace(state, population=tuple(individual(number, number / 100) for number in (6, 7, 8)))
    budget = Budget(max_cpu_seconds=state.cpu_seconds + 48 + 70)  # one fold at length, and a rest
    finish(FINALS, state, FoldWorkers(), budget)
    assert state.cpu_seconds == budget.max_cpu_seconds - 10  # type: ignore[operator]


def test_without_a_population_there_are_no_finals() -> None:
    assert not FINALS.steps(SearchState()) and FINALS.reserve(SearchState()) == (0.0, 0.0)
    assert rank_finalists([], {}, 3) == []
