"""Laws of the roster: who loses what others can do gets no more work, and nobody else is blamed."""

from __future__ import annotations

import pytest

from gakeras.errors import RunError, Unfinished
from gakeras.roster import MAX_LOST, MAX_LOST_BY_THE_LAST, Roster


def lose(roster: Roster, worker: str, times: int = MAX_LOST) -> None:
    for _ in range(times):
        roster.lost(worker, "no accelerator")


def test_a_worker_is_unreliable_after_losses_in_a_row_alone() -> None:
    roster = Roster(3)
    lose(roster, "a", MAX_LOST - 1)
    roster.did("a")
    lose(roster, "a", MAX_LOST - 1)
    assert roster.unreliable == set() and roster.num_reliable == 3
    with pytest.warns(UserWarning, match="a has lost 5 jobs and gets no more: no accelerator"):
        roster.lost("a", "no accelerator")
    assert roster.unreliable == {"a"} and roster.num_reliable == 2


def test_the_last_worker_that_fails_ends_the_run_to_be_resumed_where_it_has_worked() -> None:
    never, once = Roster(1), Roster(1)
    once.did("a")
    for roster in (never, once):
        lose(roster, "a", MAX_LOST_BY_THE_LAST - 1)
    with pytest.raises(RunError, match="No worker can do anything. no accelerator") as raised:
        never.lost("a", "no accelerator")
    assert not isinstance(raised.value, Unfinished)
    with pytest.raises(Unfinished, match="No worker can be relied on any more"):
        once.lost("a", "no accelerator")


def test_who_lost_a_job_is_avoided_where_there_are_others() -> None:
    roster = Roster(3)
    assert roster.to_avoid(None) == [] and roster.to_avoid("a") == ["a"] and Roster(1).to_avoid("a") == []
    with pytest.warns(UserWarning, match="has lost"):
        lose(roster, "b")
    assert roster.to_avoid(None) == ["b"] and roster.to_avoid("a") == ["a", "b"]
    with pytest.warns(UserWarning, match="has lost"):
        lose(roster, "c")
    assert roster.to_avoid("a") == ["b", "c"]  # the only one left


def test_a_worker_without_a_name_is_not_blamed() -> None:
    roster = Roster(1)
    lose(roster, "", 2 * MAX_LOST_BY_THE_LAST)
    assert roster.unreliable == set()
