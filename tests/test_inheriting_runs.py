"""Laws of searches that inherit weights: what is kept on disk, and that a killed run loses nothing of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stub_runs import (
    digests,
    has_lines,
    kill_master,
    records,
    run_stub,
    spawn_master,
    stub_settings,
    wait_until,
)

from gakeras.errors import InputError
from gakeras.history import read_history
from gakeras.resuming import resume

pytestmark = pytest.mark.usefixtures("stub_jobs")

INHERIT: dict[str, Any] = {"inherit": "weights", "max_evaluations": 24, "min_population_size": 2}


@pytest.fixture(scope="module", params=["steady_state", "generational"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The algorithm and the directory of a run that nobody interrupts."""
    run_dir = tmp_path_factory.mktemp("whole") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        run_stub(run_dir, algorithm=request.param, **INHERIT)
    return request.param, run_dir


def losses(run_dir: Path) -> dict[int, list[float]]:
    return {
        record["number"]: [fold["epochs"][-1]["val_loss"] for fold in record["measures"]["folds"]]
        for record in records(run_dir, "finished")
    }


@pytest.mark.parametrize("lines", [8, 20])
def test_a_killed_run_resumes_to_what_it_would_have_been(
    lines: int, whole: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    algorithm, uninterrupted = whole
    monkeypatch.setenv("STUB_SECONDS", "0.03")
    with spawn_master(tmp_path / "run", algorithm=algorithm, **INHERIT) as master:
        wait_until(lambda: has_lines(tmp_path / "run" / "journal.jsonl", lines))
        kill_master(master)
    assert len(losses(tmp_path / "run")) < INHERIT["max_evaluations"]
    resume(tmp_path / "run", progress=False)
    assert losses(tmp_path / "run") == losses(uninterrupted)
    assert digests(tmp_path / "run") == digests(uninterrupted)


def test_only_weights_that_a_child_may_inherit_are_kept(whole: tuple[str, Path]) -> None:
    _, run_dir = whole
    kept = {int(folder.name) for folder in (run_dir / "weights").iterdir()}
    best = {individual.id for individual in read_history(run_dir).leaders(1)}  # the elite of a generation
    assert best <= kept and len(kept) <= 2 * stub_settings().population_size + 2
    assert all(
        {path.name for path in folder.iterdir()} == {"fold0.npz", "fold1.npz"}
        for folder in (run_dir / "weights").iterdir()
    )


def test_children_have_their_parents_age_and_their_own(whole: tuple[str, Path]) -> None:
    history = read_history(whole[1])
    children = [each for each in history.individuals.values() if each.parents]
    assert children
    for child in children:
        assert child.age == 2 + max(history.individuals[number].age or 0 for number in child.parents)


def test_what_else_lies_among_the_weights_is_left_alone(tmp_path: Path) -> None:
    run = run_stub(tmp_path / "run", **INHERIT | {"max_evaluations": 4}).run
    (run.weights / ".DS_Store").touch()
    resume(run.root, max_evaluations=8, progress=False)
    assert (run.weights / ".DS_Store").exists()


def test_without_inheritance_nothing_of_it_is_on_disk(tmp_path: Path) -> None:
    run_stub(tmp_path)
    assert not (tmp_path / "weights").exists()
    lines = (tmp_path / "journal.jsonl").read_text().splitlines()[1:]
    assert not any(word in line for line in lines for word in ("lineage_id", '"age"', "heritage"))


@pytest.mark.parametrize("fidelity", [{"kind": "rungs"}, {"race": True}], ids=["rungs", "race"])
def test_inheritance_is_refused_where_candidates_are_not_trained_alike(fidelity: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="inherit"):
        stub_settings(inherit="weights", fidelity=fidelity)
