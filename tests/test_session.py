"""Laws of sessions: they close in time, signals only set a flag, and handlers come back."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from stub_runs import TABLE, finished, records, stub_settings

from gakeras.api import holds_run, run_search
from gakeras.beginning import create_run
from gakeras.cli import app
from gakeras.dispatch import Dispatcher
from gakeras.encoding import Genome
from gakeras.errors import InputError, RunError, Unfinished
from gakeras.evaluations import MIN_TIMEOUT_SECONDS, Evaluations, linger_seconds
from gakeras.evolution import Duration, Proposal, SearchState, Step
from gakeras.evolution.state import Stage
from gakeras.resuming import resume, resume_under
from gakeras.run import open_run
from gakeras.session import Session, parse_seconds

SECONDS = [Duration(1, float(n)) for n in range(1, 11)]  # 90 % of them took 9 seconds or less


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("0.5", 0.5),
        ("1:30", 90),
        ("01:00:00", 3600),
        ("2-03:00:00", 183_600),
        (" 7 ", 7),
        ("1-12", 129_600),
        ("1-12:30", 131_400),
    ],
)
def test_a_time_limit_is_read_as_batch_systems_write_it(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "1h", "-5", "1:2:3:4", "1-", "nan"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="HH:MM:SS.*Received"):
        parse_seconds(text)


@pytest.mark.parametrize("time_limit", [0, -1.0, float("nan")])
def test_a_session_without_any_time_is_refused(time_limit: float) -> None:
    with pytest.raises(InputError, match="time_limit > 0"):
        Session(time_limit)


def test_a_session_closes_when_less_time_is_left_than_most_evaluations_take() -> None:
    clock = Clock()
    session = Session(20.0, clock=clock)
    assert not session.is_closing(SECONDS) and session.seconds_left() == 20.0
    clock.now += 11.0  # 9 seconds left
    assert not session.is_closing(SECONDS)
    clock.now += 0.5
    assert session.is_closing(SECONDS) and not session.is_over()
    assert not session.is_closing([]), "nothing is known of evaluations yet"
    clock.now += 100
    assert session.is_closing([]) and session.is_over() and session.seconds_left() == 0.0


def test_a_session_without_limit_never_closes() -> None:
    session = Session()
    assert session.seconds_left() is None and not session.is_closing(SECONDS) and not session.is_over()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1"])
def test_a_signal_sets_a_flag_and_leaves_some_grace(name: str) -> None:
    clock, number = Clock(), getattr(signal, name)
    before = signal.getsignal(number)
    with Session(1000.0, grace_seconds=30.0, clock=clock) as session:
        os.kill(os.getpid(), number)
        assert session.is_closing([]) and session.seconds_left() == 30.0 and not session.is_over()
        assert session.reason == f"received {name}"
        clock.now += 20
        os.kill(os.getpid(), number)  # a second one changes nothing
        assert session.seconds_left() == 10.0
    assert signal.getsignal(number) is before


def test_grace_does_not_outlast_the_time_limit() -> None:
    with Session(5.0, grace_seconds=30.0, clock=Clock()) as session:
        os.kill(os.getpid(), signal.SIGTERM)
        assert session.seconds_left() == 5.0


def test_a_session_within_itself_listens_until_the_outer_one_ends() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    with Session() as session:
        with session:
            pass
        os.kill(os.getpid(), signal.SIGUSR1)
        assert session.is_closing()
    assert signal.getsignal(signal.SIGUSR1) == before


@pytest.mark.usefixtures("stub_jobs")
def test_a_signal_while_a_command_loads_its_data_ends_it_as_unfinished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*given: Any) -> Any:
        os.kill(os.getpid(), signal.SIGUSR1)
        return TABLE

    monkeypatch.setattr("gakeras.cli.searches.load_named", load)
    config = tmp_path / "own.toml"
    config.write_text('max_evaluations = 3\nnum_folds = 2\n[workers]\njob_module = "stub_jobs"\n')
    with pytest.raises(Unfinished, match="SIGUSR1"):
        app(
            ["search", str(config), "--run-dir", str(tmp_path / "run"), "--no-progress"],
            standalone_mode=False,
        )
    assert open_run(tmp_path / "run").header()["kind"] == "search"


def test_a_session_beside_the_main_thread_leaves_signals_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[Any] = []

    def work() -> None:
        with Session(5.0):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


# Searches in sessions


@pytest.mark.usefixtures("stub_jobs")
@pytest.mark.parametrize("algorithm", ["steady_state", "generational"])
def test_sessions_one_after_another_come_to_the_same_as_one(
    algorithm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_SECONDS", "0.1")
    settings = stub_settings(algorithm=algorithm, max_evaluations=16)
    whole = run_search(settings, TABLE, run_dir=tmp_path / "whole", progress=False)
    result = run_search(
        settings, TABLE, run_dir=tmp_path / "run", session=Session(time_limit=1.0), progress=False
    )
    sessions = 1
    while result.is_unfinished:
        assert "time limit; `gakeras resume` goes on" in result.stop_reason
        result = resume(tmp_path / "run", time_limit=1.0, progress=False)
        sessions += 1
    assert sessions > 1 and not whole.is_unfinished
    assert finished(tmp_path / "run") == finished(tmp_path / "whole")
    assert result.best.genome == whole.best.genome


@pytest.mark.usefixtures("stub_jobs")
def test_final_trainings_end_with_their_session_and_go_on_in_the_next(tmp_path: Path) -> None:
    settings = stub_settings(final={"baselines": ["table_baseline"], "repeats": 2})
    result = run_search(settings, TABLE, run_dir=tmp_path, progress=False)
    clock = Clock()
    session = Session(1.0, clock=clock)
    clock.now += 2
    with pytest.raises(
        RunError, match=r"4 final trainings are left.*nothing was finished .* of 1 seconds.*longer time limit"
    ):
        result.train_final(session)
    session.count_finished(1)  # as in a search before
    with pytest.raises(Unfinished, match="4 final trainings are left"):
        result.train_final(session)
    assert len(result.train_final()) == 2
    keys = [str(record["key"]) for record in records(tmp_path, "trained")]
    assert len(keys) == len(set(keys)) == 4


def test_a_directory_holds_a_run_of_the_same_settings_or_is_refused(tmp_path: Path) -> None:
    assert not holds_run(tmp_path / "run", stub_settings())
    create_run(tmp_path / "run", stub_settings(), TABLE)
    assert holds_run(tmp_path / "run", stub_settings())
    assert holds_run(tmp_path / "run", stub_settings(max_evaluations=99, workers={"workers": 7}))
    with pytest.raises(InputError, match="others for seed, training"):
        holds_run(tmp_path / "run", stub_settings(seed=4, training={"epochs": 3}))


def test_a_run_goes_on_with_the_budget_and_the_workers_of_another_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_run(tmp_path / "run", stub_settings(max_evaluations=7, max_seconds=9.0), TABLE)
    others = {"timeout_seconds": 5.0, "workers": 3, "executor": "serial"}
    theirs = stub_settings(
        max_evaluations=None, max_cpu_seconds=50.0, workers=others, tensorboard=True, backend="jax"
    )
    seen: list[Any] = []
    monkeypatch.setattr("gakeras.resuming.continue_search", lambda *given, **named: seen.append(given))
    resume_under(tmp_path / "run", theirs, session=Session(None), progress=False)
    _, settings, executor, _ = seen[0]
    assert (settings.max_evaluations, settings.max_seconds, settings.max_cpu_seconds) == (None, None, 50.0)
    assert settings.workers == theirs.workers and executor == "serial" and settings.tensorboard
    assert settings.backend == "tensorflow" and settings.fidelity.kind == "full"  # the run's own
    resume(tmp_path / "run", max_cpu_seconds=60.0, workers=2, progress=False)
    _, settings, _, _ = seen[1]
    assert (settings.max_evaluations, settings.max_seconds, settings.max_cpu_seconds) == (None, None, 60.0)
    assert settings.workers.workers == 2


# How long an evaluation may take


def timeout_of(
    seconds: list[float],
    left: float | None,
    timeout: float | None,
    medians: float | None,
    tmp_path: Path,
    stage: Stage = "search",
    final: Mapping[str, int] = MappingProxyType({"epochs": 12}),
) -> float | None:
    workers = {"timeout_seconds": timeout, "timeout_in_medians": medians}
    state = SearchState(durations=[Duration(1, each) for each in seconds])
    dispatcher: Dispatcher = SimpleNamespace(slots=1)  # type: ignore[assignment]
    run = create_run(tmp_path / "run", stub_settings(), TABLE)
    settings = stub_settings(workers=workers, training={"epochs": 4}, final=dict(final))
    step = Step(Proposal(0, Genome.parse("dense #3 activation=relu")), stage=stage)
    return Evaluations(run, settings, state, dispatcher, lambda: left).timeout_seconds(step)


def test_a_fold_of_the_final_length_may_take_longer_by_as_much_as_that_is_longer(tmp_path: Path) -> None:
    for stage, expected in (("search", 60.0), ("folds", 60.0), ("final", 180.0)):
        limits = ([3.0] * 5, None, None, 20.0, tmp_path / stage)
        assert timeout_of(*limits, stage) == expected  # type: ignore[arg-type]
    assert timeout_of([3.0] * 5, None, 70.0, 20.0, tmp_path / "the user's", "final") == 70.0
    smaller_batches = {"epochs": 12, "batch_size": 32}  # four times as many steps
    assert timeout_of([3.0] * 5, None, None, 20.0, tmp_path / "steps", "final", smaller_batches) == 720.0


@pytest.mark.parametrize(
    ("seconds", "left", "timeout", "medians", "expected"),
    [
        pytest.param([], None, None, 20.0, None, id="no limit at all"),
        pytest.param([], None, 60.0, 20.0, 60.0, id="the user's"),
        pytest.param([3.0] * 5, None, 100.0, 20.0, 60.0, id="a multiple of the median"),
        pytest.param([3.0] * 4, None, None, 20.0, None, id="too few for a median"),
        pytest.param([0.01] * 9, None, None, 20.0, MIN_TIMEOUT_SECONDS, id="no less than some seconds"),
        pytest.param([3.0] * 5, None, None, None, None, id="no multiple wanted"),
        pytest.param([3.0] * 5, 7.0, 100.0, 20.0, 12.0, id="the time that is left, and a little more"),
    ],
)
def test_an_evaluation_may_take_the_shortest_of_its_limits(
    seconds: list[float],
    left: float | None,
    timeout: float | None,
    medians: float | None,
    expected: float | None,
    tmp_path: Path,
) -> None:
    assert timeout_of(seconds, left, timeout, medians, tmp_path) == expected


def test_only_a_crowd_of_workers_is_waited_for() -> None:
    assert linger_seconds(10_000, 60.0) == pytest.approx(0.06)
    assert linger_seconds(999, 60.0) == linger_seconds(10_000, None) == 0.0


@pytest.mark.usefixtures("stub_jobs")
def test_a_hanging_evaluation_is_stopped_after_a_multiple_of_the_median(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gakeras.evaluations.MIN_TIMEOUT_SECONDS", 0.5)
    monkeypatch.setenv("STUB_FAULT", "hangs")
    monkeypatch.setenv("STUB_FAULT_AMONG", "7f")
    start = time.monotonic()
    result = run_search(
        stub_settings(max_evaluations=20, workers={"timeout_in_medians": 20.0}),
        TABLE,
        run_dir=tmp_path,
        progress=False,
    )
    assert time.monotonic() - start < 60
    assert result.statuses["ok"] + result.statuses.get("timeout", 0) == 20
    assert "timeout" in result.statuses, "no genome of this search hangs: choose another digit"


def test_a_session_that_finished_nothing_by_its_limit_is_no_reason_to_go_on_alike() -> None:
    fruitless, fruitful, unlimited = Session(5.0), Session(5.0), Session()
    fruitful.count_finished(2)
    error = fruitless.ended("3 are left")
    assert not isinstance(error, Unfinished) and "of 5 seconds" in str(error) and "3 are left" in str(error)
    assert all(isinstance(session.ended("3 are left"), Unfinished) for session in (fruitful, unlimited))
    with fruitless:
        signal.raise_signal(signal.SIGUSR1)  # it may have come at any time
    assert isinstance(fruitless.ended("3 are left"), Unfinished)
