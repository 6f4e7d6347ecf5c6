"""Laws of the cap that is a share of the budget of time: a number from the budget, and none without one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stub_runs import records, run_stub, stub_settings

from gakeras.encoding import Genome
from gakeras.evaluations import evaluation_job
from gakeras.evolution import Caps, Fidelity, Proposal, SearchState, Step, Timing
from gakeras.replay import Replay
from gakeras.run import open_run
from gakeras.searching import ROOM, _capped

AUTO = {"max_cpu_seconds": "auto"}


def cap_of(slots: int, **changes: Any) -> Any:
    """Return the CPU-seconds that so many workers may take for a candidate, before anything is timed."""
    return _capped(stub_settings(**{"caps": AUTO} | changes), Replay(), slots).caps.max_cpu_seconds


@pytest.mark.parametrize(
    ("budget", "slots", "expected"),
    [
        ({"max_cpu_seconds": 200.0}, 4, 10.0),
        ({"max_seconds": 100.0}, 4, 20.0),
        ({"max_seconds": 100.0, "workers": {"threads_per_worker": 2}}, 4, 40.0),
        ({"max_seconds": 100.0}, 64, 25.0),
        ({"max_cpu_seconds": 200.0}, 64, 10.0),
        ({"max_seconds": 100.0, "max_cpu_seconds": 200.0}, 1, 5.0),
    ],
    ids=[
        "CPU-seconds",
        "seconds of four workers",
        "of eight threads",
        "of so many that each evaluates four",
        "CPU-seconds of so many",
        "the smaller of both",
    ],
)
def test_the_cap_of_a_first_fold_is_a_twentieth_of_what_the_budget_allows(
    budget: dict[str, Any], slots: int, expected: float
) -> None:
    assert cap_of(slots, **budget, fidelity="rungs") == expected


@pytest.mark.parametrize(
    ("budget", "slots", "expected"),
    [
        ({"max_cpu_seconds": 200.0}, 4, 30.0),
        ({"max_seconds": 100.0}, 1, 15.0),
        ({"max_seconds": 100.0}, 2, 25.0),
        ({"max_seconds": 100.0}, 64, 25.0),
        ({"max_seconds": 100.0, "workers": {"threads_per_worker": 2}}, 64, 50.0),
    ],
    ids=[
        "CPU-seconds",
        "seconds of a worker",
        "of two, a quarter of a worker's own",
        "a quarter of a worker's own, however many they are",
        "on all its threads",
    ],
)
def test_the_cap_of_all_folds_is_three_times_that_but_no_more_than_a_quarter_of_a_workers_time(
    budget: dict[str, Any], slots: int, expected: float
) -> None:
    assert cap_of(slots, **budget, fidelity="full") == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["full", "rungs"])
@pytest.mark.parametrize(("slots", "expected"), [(1, 50.0), (4, 50.0)], ids=["one worker", "four"])
def test_a_share_that_is_given_holds_whatever_the_fidelity(kind: str, slots: int, expected: float) -> None:
    caps = AUTO | {"budget_share": 0.5}
    assert cap_of(slots, caps=caps, max_seconds=100.0, fidelity=kind) == expected


@pytest.mark.parametrize("limit", [None, 3, 3.5])
def test_a_cap_that_is_given_stays_whatever_the_budget(limit: float | None) -> None:
    assert Caps(max_cpu_seconds=limit).within(100.0).max_cpu_seconds == limit


def test_a_budget_for_which_even_small_networks_are_too_dear_leaves_room_for_them() -> None:
    small, large = (Timing(macs, 1.0, 1.0, macs, 1.0) for macs in (2.0, 5.0))
    settings = stub_settings(caps=AUTO, max_cpu_seconds=100.0, num_folds=2, training={"epochs": 3})
    capped = _capped(settings, Replay(calibration=[large, small]), slots=1)
    assert capped.caps.max_cpu_seconds == ROOM * (2 * 3 * 2.0 + 1.0)
    on_one_fold = replace(settings, fidelity=Fidelity("rungs"))
    capped = _capped(on_one_fold, Replay(calibration=[large, small]), slots=1)
    assert capped.caps.max_cpu_seconds == ROOM * (3 * 2.0 + 1.0)
    assert _capped(settings, Replay(), slots=1).caps.max_cpu_seconds == 15.0
    assert _capped(stub_settings(), Replay(calibration=[small]), slots=1).caps.max_cpu_seconds is None


def test_without_a_budget_of_time_nothing_is_timed_and_nothing_capped(tmp_path: Path) -> None:
    assert cap_of(slots=1) is None
    run_stub(tmp_path / "run", executor="debug", caps=AUTO, max_evaluations=3)
    assert records(tmp_path / "run", "calibrated") == []


def test_it_is_the_default_but_for_a_table_of_caps_without_it() -> None:
    assert stub_settings().caps.max_cpu_seconds == "auto"
    assert stub_settings(caps={"max_parameters": 1000}).caps.max_cpu_seconds is None


def test_a_search_prices_its_candidates_by_the_share_and_keeps_the_word(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"caps": AUTO, "max_cpu_seconds": 1000.0, "max_evaluations": 3}
    run_stub(tmp_path / "run", executor="debug", **changes)
    assert len(records(tmp_path / "run", "calibrated")) == 1
    assert open_run(tmp_path / "run").settings.caps.max_cpu_seconds == "auto"


@pytest.mark.parametrize(
    ("limit", "kind", "num_folds"),
    [(24, "full", 3), (24.0, "full", 3), (24, "rungs", 1)],
)
def test_a_worker_gives_up_what_takes_twice_its_share(
    limit: float, kind: str, num_folds: int, tmp_path: Path
) -> None:
    settings = stub_settings(
        caps={"max_cpu_seconds": limit}, num_folds=3, training={"epochs": 4}, fidelity={"kind": kind}
    )
    step = Step(Proposal(0, Genome.parse("dense #4 activation=relu")))
    run_stub(tmp_path / "run", executor="debug", max_evaluations=1)
    job = evaluation_job(step, open_run(tmp_path / "run"), settings, SearchState())
    assert job.payload["max_epoch_seconds"] == 2 * 24 / (num_folds * 4)
