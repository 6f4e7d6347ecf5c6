"""Laws of the benchmark of peers: nothing is done twice, and a smaller budget is read from a longer run."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stub_runs import records, run_stub

BENCHMARKS = Path(__file__).parent / "benchmarks"
CONFIG = str(Path(__file__).parents[1] / "configs" / "digits.toml")


@pytest.fixture(scope="module", autouse=True)
def importable() -> Any:
    sys.path.insert(0, str(BENCHMARKS))
    yield
    sys.path.remove(str(BENCHMARKS))


def outcome_of(*points: tuple[float, float]) -> Any:
    from peer_outcomes import Notes

    from gakeras.encoding import Genome

    notes = Notes()
    for units, (cpu_seconds, loss) in enumerate(points, start=1):
        notes.add(cpu_seconds, loss, Genome.parse(f"dense #{units} activation=relu"), units)
    return notes.outcome(cpu_seconds=100.0, trials=len(points))


def test_what_had_ended_by_then_is_all_that_a_smaller_budget_gives() -> None:
    whole = outcome_of((10.0, 0.9), (20.0, 0.5), (30.0, 0.7), (40.0, 0.4), (50.0, float("inf")))
    part = whole.at(30.0)
    assert (part.loss, part.trials, part.cpu_seconds) == (0.5, 3, 30.0)
    assert part.genome == whole.curve[1].genome and whole.genome == whole.curve[-1].genome
    assert whole.at(9.0).genome is None and whole.at(9.0).reason
    recommended = replace(whole, own={"training": {}})
    assert (recommended.at(30.0).own, recommended.at(9.0).own) == ({"training": {}}, None)
    assert type(whole).from_json(whole.to_json()) == whole


def test_the_curve_of_a_run_is_that_of_its_journal(tmp_path: Path) -> None:
    from peer_outcomes import notes_of_run

    race = {"kind": "full", "race": True}
    result = run_stub(tmp_path / "run", executor="debug", fidelity=race, max_evaluations=6)
    notes = notes_of_run(tmp_path / "run")
    losses = [point.loss for point in notes.curve]
    assert losses == sorted(losses, reverse=True) and losses[-1] == result.best.loss
    finished = records(tmp_path / "run", "finished")
    assert len(notes.points) == sum(record["status"] == "ok" for record in finished)
    assert notes.points[-1][0] <= result.cpu_seconds + 0.01


@pytest.fixture
def bench(tmp_path: Path) -> Any:
    from peer_tasks import Bench

    return Bench(str(tmp_path), CONFIG, budgets=(10.0, 30.0), only_show=True)


def test_an_anytime_system_is_run_with_the_largest_budget_alone(bench: Any) -> None:
    from peer_tasks import search_task

    whole = outcome_of((5.0, 0.9), (20.0, 0.5))
    bench.answers.add(search_task("optuna", 30.0, 0), whole.to_json())
    part = bench.search("optuna", 10.0, 0, is_anytime=True)
    assert (part.loss, part.read_from) == (0.9, 30.0)
    assert bench.search("optuna", 10.0, 1, is_anytime=True) is None  # of another seed there is nothing
    assert bench.search("gakeras", 10.0, 0, is_anytime=False) is None


def test_what_has_an_answer_is_not_done_again_and_what_failed_is(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import peer_tasks

    calls: list[Any] = []

    class Done:
        returncode = 1

    def run(command: list[str], **options: Any) -> Any:
        calls.append(command)
        return Done()

    monkeypatch.setattr(peer_tasks.subprocess, "run", run)
    task = peer_tasks.search_task("optuna", 30.0, 0)
    working = replace(bench, only_show=False)
    assert working.answer(task) is None and working.answer(task) is None and len(calls) == 2
    bench.answers.add(task, {"loss": 1.0})
    assert working.answer(task) == {"task": task, "loss": 1.0} and len(calls) == 2


def test_answers_are_about_one_thing_have_no_paths_and_survive_a_torn_line(bench: Any) -> None:
    bench.begin()
    bench.answers.add({"seed": 0}, {"loss": 1.0})
    with bench.answers.path.open("ab") as file:
        file.write(b'{"task": {"seed"')
    bench.answers.add({"seed": 1}, {"loss": 2.0})
    bench.answers.add({"seed": 1}, {"loss": 3.0})  # another process was quicker
    losses = [found and found["loss"] for found in map(bench.answers.find, ({"seed": 0}, {"seed": 1}, {}))]
    assert losses == [1.0, 2.0, None]
    replace(bench, out="elsewhere", answers_file=str(bench.answers.path)).begin()
    assert str(Path(CONFIG).parent) not in bench.answers.path.read_text()
    with pytest.raises(SystemExit, match="is about"):
        replace(bench, threads=2).begin()


def test_the_census_of_a_search_counts_whom_it_dropped(tmp_path: Path) -> None:
    from peer_outcomes import census_of

    run_stub(tmp_path / "run", executor="debug", fidelity={"kind": "rungs", "rungs": [1]}, max_evaluations=12)
    census, finished = census_of(tmp_path / "run", seed=0), records(tmp_path / "run", "finished")
    assert census["evaluated"] == len(finished)
    assert census["stopped"] == sum(record["status"] == "stopped" for record in finished) > 0
    assert len(census["dropped"]) == min(10, census["stopped"] + census["dear"])


def test_the_common_recipe_has_no_genes_of_learning_and_repeats_are_tasks_of_their_own(bench: Any) -> None:
    from peer_tasks import train_task

    genome = {"version": 1, "dense": [], "learning": [{"optimizer": "sgd"}]}
    common, own = (train_task(recipe, genome, 0, 0, {"training": {}}) for recipe in ("common", "own"))
    assert "learning" not in common["genome"] and "learning" in own["genome"]
    assert own != train_task("own", genome, 0, 1, {"training": {}})


def test_every_system_has_settings_that_are_valid_and_a_budget(bench: Any) -> None:
    from peer_systems import systems_of

    for name in systems_of(Path(CONFIG)):
        settings = bench.settings(name, 4, 30.0)
        assert (settings.seed, settings.max_cpu_seconds, settings.max_seconds) == (4, 30.0, None)
    assert bench.settings("gakeras", 0, 30.0).fidelity.kind == "rungs"
    plain = bench.settings("gakeras full", 0, 30.0)
    assert bench.settings("gakeras", 0, 30.0).space == plain.space  # peers draw from the same space


def test_peers_write_down_all_that_the_shared_space_has() -> None:
    from peer_suggestions import suggest_genome

    from gakeras.config import find_config, load_config

    class Last:
        def integer(self, name: str, low: int, high: int) -> int:
            return high

        def choice(self, name: str, options: Any) -> Any:
            return options[-1] if "kind" not in name else options[0]

        def real(self, name: str, low: float, high: float) -> float:
            return high

    for name, shape in (("peers_images", (28, 28)), ("peers_table", (30,))):
        space = load_config(find_config(name)).space
        genome = suggest_genome(Last(), space, shape)
        assert genome in space and all(block.normalise for block in genome.blocks)
        assert len(genome.dense) == space.max_dense_layers


def test_an_answer_from_another_space_is_none(bench: Any) -> None:
    from peer_tasks import search_task

    bench.answers.add(search_task("gakeras wide", 30.0, 0), outcome_of((10.0, 0.5)).to_json())
    bench.answers.add(search_task("gakeras", 30.0, 0), outcome_of((10.0, 0.5)).to_json())
    showing = replace(bench, only_show=True)
    assert showing.search("gakeras wide", 30.0, 0, is_anytime=False) is None
    assert showing.search("gakeras", 30.0, 0, is_anytime=False) is not None


def test_a_recipe_changes_the_final_training_and_nothing_else(bench: Any) -> None:
    from peer_systems import recipes

    plain = bench.settings("gakeras wide", 0, 30.0)
    for recipe in recipes().values():
        settings = bench.settings("gakeras wide", 0, 30.0, recipe)
        assert {key: getattr(settings.final, key) for key in recipe} == recipe
        assert replace(settings, final=plain.final) == plain


def test_a_front_that_dominates_has_the_larger_hypervolume() -> None:
    from peer_studies import hypervolume

    worse, better = outcome_of((1.0, 0.9), (2.0, 0.8)), outcome_of((1.0, 0.5), (2.0, 0.4))
    assert hypervolume(better, (1.0, 1.0)) > hypervolume(worse, (1.0, 1.0)) > 0
    assert hypervolume(worse, (0.5, 1.0)) == 0.0
    one = outcome_of((1.0, 0.25))
    assert hypervolume(one, (1.0, 2.0)) == pytest.approx(0.75 * 2.0)  # 10 ** 0 parameters


def test_a_front_holds_what_nothing_else_is_better_than_in_both() -> None:
    from peer_studies import front_of

    losses = {1: 0.9, 2: float("inf"), 3: 0.5, 4: 0.6, 5: 0.4}  # by parameters
    outcome = outcome_of(*((float(n), loss) for n, loss in losses.items()))
    assert front_of(outcome) == [(0.4, 5), (0.5, 3), (0.9, 1)]


def test_every_seed_counts_once_in_the_mean_size_however_often_its_winner_was_trained() -> None:
    from peers import table_row

    small = {"test_metric": 0.9, "parameters": 100}
    large = small | {"parameters": 300}
    rows = [
        {**outcome_of((1.0, 0.5)).to_json(), "reason": "", "read_from": None, "scores": scores}
        for scores in ({"common": [small], "own": [], "recipe": []}, {"common": [large], "recipe": [large]})
    ]
    rows[1]["scores"]["own"] = [large]
    assert table_row("ours", 480.0, rows).split(" | ")[-2] == "200"
