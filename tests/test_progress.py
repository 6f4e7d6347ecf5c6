"""Laws of the progress display: one live line in a terminal, few plain ones elsewhere, or none."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any

import pytest

from gakeras import progress
from gakeras.progress import Progress


class Clock:
    """A clock that goes only when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Stream(io.StringIO):
    """Standard error that says whether it is a terminal."""

    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


@contextmanager
def display(*, is_terminal: bool = False, **arguments: Any) -> Iterator[tuple[Progress, Stream]]:
    """Give a display and what it shows."""
    stream = Stream(is_terminal=is_terminal)
    with redirect_stderr(stream), Progress("digits", **arguments) as bar:
        yield bar, stream


def test_elsewhere_a_line_comes_at_most_every_ten_seconds_and_one_at_the_end(clock: Clock) -> None:
    with display(total=100) as (bar, shown):
        for second in range(25):
            bar.update(second, running=2)
            clock.now += 1
    lines = shown.getvalue().splitlines()
    assert [int(line.split()[1]) for line in lines] == [0, 10, 20, 24]


def test_a_line_that_was_printed_is_not_printed_again_at_the_end(clock: Clock) -> None:
    with display(total=1) as (bar, shown):
        bar.update(1, note="best 0.1234")
    assert shown.getvalue() == "digits: 1 of 1 done, 0 running, best 0.1234, ETA 0:00\n"


def test_a_line_says_what_is_done_what_runs_the_best_and_the_eta(clock: Clock) -> None:
    with display(total=10) as (bar, shown):
        clock.now += 60
        bar.update(2, running=3, note="best 0.5000")
    assert shown.getvalue() == "digits: 2 of 10 done, 3 running, best 0.5000, ETA 4:00\n"


@pytest.mark.parametrize("is_terminal", [True, False], ids=["terminal", "pipe"])
def test_nothing_is_shown_with_progress_off(is_terminal: bool, clock: Clock) -> None:
    with display(is_terminal=is_terminal, total=10, show=False) as (bar, shown):
        bar.update(5)
    assert shown.getvalue() == ""


def test_nothing_is_shown_of_what_never_began(clock: Clock) -> None:
    with display(total=10) as (_, shown):
        pass
    assert shown.getvalue() == ""


@pytest.mark.parametrize(
    ("total", "seconds", "done", "eta"),
    [
        (10, None, 5, "1:40"),  # 5 more at 20 seconds each
        (10, 3700.0, 5, "1:40"),
        (1000, 130.0, 5, "0:30"),  # 30 seconds left
        (None, 3800.0, 5, "1:01:40"),
        (None, 50.0, 5, "0:00"),
        (10, None, 0, "?"),
        (None, None, 5, "?"),
    ],
    ids=[
        "evaluations",
        "evaluations end first",
        "seconds end first",
        "hours",
        "over",
        "nothing done",
        "no end",
    ],
)
def test_the_eta_is_that_of_the_budget_which_ends_first(
    total: int | None, seconds: float | None, done: int, eta: str, clock: Clock
) -> None:
    with display(total=total, seconds=seconds) as (bar, shown):
        clock.now += 100
        bar.update(done)
    assert shown.getvalue().endswith(f"ETA {eta}\n")


def test_what_an_earlier_session_did_does_not_count_for_the_pace(clock: Clock) -> None:
    with display(total=20, done=10) as (bar, shown):
        clock.now += 30
        bar.update(11)
    assert "11 of 20 done" in shown.getvalue() and "ETA 4:30" in shown.getvalue()


def test_another_part_counts_from_0_at_a_pace_of_its_own_and_the_seconds_run_on(clock: Clock) -> None:
    with display(total=5, seconds=1000.0) as (bar, shown):
        clock.now += 300
        bar.update(5, note="best 0.5")
        bar.begin("finals", total=9)
        clock.now += 20
        bar.update(1, running=2, note="best 0.5")
        clock.now += 660
        bar.update(8)
    assert shown.getvalue().splitlines() == [
        "digits: 5 of 5 done, 0 running, best 0.5, ETA 0:00",
        "digits, finals: 1 of 9 done, 2 running, best 0.5, ETA 2:40",
        "digits, finals: 8 of 9 done, 0 running, ETA 0:20",
    ]


def test_a_terminal_shows_one_live_bar(clock: Clock) -> None:
    with display(is_terminal=True, total=4) as (bar, shown):
        for done in (1, 2, 3, 4):
            clock.now += 1
            bar.update(done, note=f"best 0.{done}")
    text = shown.getvalue()
    assert "\r" in text and text.count("\n") == 1
    last = text.rstrip("\n").split("\r")[-1]
    assert last.startswith("digits 100%|") and "4 of 4 done, 0 running, best 0.4, ETA 0:00" in last


def test_a_bar_is_as_full_as_the_budget_that_is_used_most(clock: Clock) -> None:
    with display(is_terminal=True, total=100, seconds=200.0) as (bar, shown):
        clock.now += 50
        bar.update(10)
    assert "digits  25%|" in shown.getvalue()
    with display(is_terminal=True, total=100) as (bar, shown):
        bar.begin("finals", total=4)
        bar.update(1)
    assert "digits, finals  25%|" in shown.getvalue()


def test_a_bar_is_closed_when_the_run_fails(clock: Clock) -> None:
    with pytest.raises(RuntimeError), display(total=4, is_terminal=True) as (bar, shown):
        bar.update(1)
        raise RuntimeError
    assert shown.getvalue().endswith("\n")
