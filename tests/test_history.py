"""Laws of a search's history: it is the journal's, whole, and agrees with what a search makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from made_journals import make_journal
from stub_runs import finished, run_stub

from gakeras.encoding import trace_costs
from gakeras.errors import InputError, JournalError
from gakeras.history import read_history
from gakeras.journal import read_journal
from gakeras.replay import replay
from gakeras.resuming import resume

OLD_JOURNAL = Path(__file__).parent / "assets" / "journal_v1.jsonl"


def test_every_evaluation_of_a_journal_is_in_its_history_in_order(tmp_path):
    journal = make_journal(tmp_path / "run", 60)
    assert [evaluation.number for evaluation in read_history(journal).evaluations] == finished(
        tmp_path / "run"
    )


def test_history_and_replay_agree_on_who_was_evaluated_and_how_long_it_took(tmp_path, stub_jobs):
    result = run_stub(tmp_path / "run")
    history = read_history(tmp_path / "run")
    past = replay(read_journal(result.run.journal), result.settings)
    assert {i.id: i.loss for i in past.evaluated} == {n: i.loss for n, i in history.individuals.items()}
    assert [i.id for i in history.leaders(10)] == [i.id for i in result.leaderboard(10)]
    assert history.best.id == result.best.id and history.elapsed == result.seconds


def test_the_ancestors_are_closed_under_parenthood_and_nobody_else_is_one(tmp_path):
    history = read_history(make_journal(tmp_path / "run", 80))
    ancestors = history.ancestors(history.best.id)
    parents = {parent for number in ancestors for parent in history.proposals[number].parents}
    assert ancestors[0] == history.best.id and parents == set(ancestors) - {history.best.id}
    assert ancestors == sorted(set(ancestors), reverse=True)


def test_what_a_run_that_goes_on_has_begun_is_open(tmp_path):
    journal = make_journal(tmp_path / "run", 10, is_trained=False, failed_share=0)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]) + lines[-1][:20])  # its last result is just being written
    history = read_history(journal)
    assert len(history.evaluations) == 9 and len(history.open_proposals) == 1


def test_a_search_has_ended_when_its_winner_was_trained(tmp_path, stub_jobs):
    result = run_stub(tmp_path / "run", max_evaluations=4)
    assert not read_history(tmp_path / "run").has_ended
    result.train_final()
    assert read_history(tmp_path / "run").has_ended


@pytest.mark.parametrize(("number", "is_same"), [(4, True), (1, False)], ids=["the same", "another"])
def test_a_search_that_was_gone_on_with_has_ended_when_its_present_winner_was_trained(
    tmp_path, stub_jobs, number, is_same
):
    first = run_stub(tmp_path / "run", max_evaluations=number)
    first.train_final()
    result = resume(tmp_path / "run", max_evaluations=6, progress=False)
    assert (result.best.id == first.best.id) == is_same == read_history(tmp_path / "run").has_ended
    result.train_final()
    assert read_history(tmp_path / "run").has_ended


def test_what_was_given_up_at_the_end_of_the_time_is_no_reason_to_go_on(tmp_path, stub_jobs):
    result = run_stub(tmp_path / "run", max_evaluations=4)
    result.train_final()
    journal = tmp_path / "run" / "journal.jsonl"
    late = json.loads(next(line for line in journal.read_text().splitlines() if '"proposed"' in line))
    late |= {"number": 99, "parents": []}
    ended = {"type": "ended", "part": "search", "reason": "the time is used up", "budget": {}, "elapsed": 9.0}
    with journal.open("a") as file:
        file.write(json.dumps(late) + "\n")
    assert read_history(journal).open_proposals and not read_history(journal).has_ended
    with journal.open("a") as file:
        file.write(json.dumps(ended) + "\n")
    assert read_history(journal).has_ended


def test_a_journal_of_every_schema_version_has_a_history():
    assert read_history(OLD_JOURNAL).evaluations


@pytest.mark.parametrize("where", ["nowhere", "nowhere/journal.jsonl"])
def test_without_a_journal_there_is_no_history(tmp_path, where):
    with pytest.raises(JournalError, match="no journal"):
        read_history(tmp_path / where)


def test_a_directory_without_a_journal_has_no_history(tmp_path):
    with pytest.raises(JournalError, match="no journal"):
        read_history(tmp_path)


def test_a_journal_of_another_kind_is_refused(tmp_path):
    journal = make_journal(tmp_path / "run", 1)
    header = json.loads(journal.read_text().splitlines()[0]) | {"kind": "synthesis"}
    journal.write_text(json.dumps(header) + "\n")
    with pytest.raises(InputError, match="kind='search'.*kind='synthesis'"):
        read_history(journal)


def test_a_result_of_nobody_is_an_error_with_its_line(tmp_path):
    journal = make_journal(tmp_path / "run", 3)
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(line for line in lines if '"proposed"' not in line))
    with pytest.raises(JournalError, match="line 2: individual .* was never proposed"):
        read_history(journal)


def test_layers_cost_together_what_the_network_costs(tmp_path):
    history = read_history(make_journal(tmp_path / "run", 20, failed_share=0))
    for individual in history.individuals.values():
        layers = list(trace_costs(individual.genome, history.input_shape, history.task.outputs))
        assert sum(layer.cost.parameters for layer in layers) == individual.parameters
        assert sum(layer.cost.flops for layer in layers) == individual.flops
        assert len(layers) == len(individual.genome.blocks) + 1
