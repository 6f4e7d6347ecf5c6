"""What the page of a search writes in rows: leaders, final trainings, failures."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from functools import partial

from gakeras.fitness.objectives import decimals, fold_losses, scores_on, spread_text
from gakeras.history import History, Training
from gakeras.leaderboard import ranking_of
from gakeras.plots.text import count_text
from gakeras.report.content import Table

NUM_LEADERS = 10
WINNER, EARLIER_WINNER = "evolved", "earlier winner"


def leaders(history: History) -> Table:
    """Return the best networks, best first; with finals or a penalty, also by what they are ranked."""
    ranking, written = ranking_of(history.settings), partial(score, history=history)
    rows = []
    for leader in history.leaders(NUM_LEADERS):
        losses = fold_losses(leader.measures)
        loss = f"{decimals(statistics.fmean(losses))}{spread_text(losses)}"
        rows.append(
            (
                f"#{leader.id}",
                *ranking.loss_cells(leader, loss),
                *ranking.metric_cells(leader, written),
                f"{leader.parameters:,}",
                count_text(leader.flops),
                leader.genome.one_line,
            )
        )
    scores = (*ranking.loss_columns, *ranking.metric_columns(history.metric))
    return Table(("", *scores, "parameters", "FLOPs", "network"), rows)


def trainings(history: History) -> Table:
    """Return the final trainings, a row for every network and way of training, those of the winner first.

    Where a repeat was trained more than once, the last one counts; an earlier winner is what a smaller
    budget had come to. The scores are those on the test set, or, where there is none, on the training set,
    which the row then says. A row whose training failed has the reason in their place.
    """
    groups: dict[tuple[str, ...], dict[int, Training]] = {}
    for training in history.trainings:
        how = ", ".join(f"{name}={value}" for name, value in training.options.items() if value is not None)
        group = (_name(training, history), training.digest, how, training.data)
        groups.setdefault(group, {})[training.repeat] = training
    rows = [
        _training_row(name, how, list(repeats.values()), history)
        for (name, _, how, _), repeats in groups.items()
    ]
    rows.sort(key=lambda row: not row[0].startswith(WINNER))
    return Table(("network", history.metric, "loss", "trainings", "parameters", "FLOPs", "how"), rows)


def _name(training: Training, history: History) -> str:
    if training.name != "best":
        return training.name
    return WINNER if training.is_winner(history.best) else EARLIER_WINNER


def _training_row(name: str, how: str, repeats: Sequence[Training], history: History) -> tuple[str, ...]:
    results = [training.result for training in repeats]
    failed = next((result for result in results if result.status != "ok"), None)
    if failed is not None:
        return (name, f"failed: {failed.status}: {failed.reason}", "", str(len(results)), "", "", how)
    measures = [result.measures for result in results]
    where = "test" if all("test_metric" in measure for measure in measures) else "train"
    scores = [scores for measure in measures if (scores := scores_on(where, measure))]
    metrics, losses = [metric for metric, _ in scores], [loss for _, loss in scores]
    return (
        name + ("" if where == "test" else " (on training data)"),
        mean_score(metrics, history),
        decimals(statistics.fmean(losses)),
        str(len(metrics)),
        f"{measures[0]['parameters']:,}",
        count_text(measures[0]["flops"]),
        how,
    )


def failures(history: History) -> Table:
    """Return every proposal without a score: failed, or turned away, with its reason."""
    failed = [
        (evaluation.proposal, evaluation.result.status, evaluation.result.reason)
        for evaluation in history.failed
    ]
    away = [(proposal, str(proposal.verdict), proposal.reason) for proposal in history.turned_away]
    rows = [
        (f"#{proposal.number}", status, reason or "", proposal.genome.one_line)
        for proposal, status, reason in sorted([*failed, *away], key=lambda row: row[0].number)
    ]
    return Table(("", "status", "reason", "network"), rows)


def stopped(history: History) -> Table:
    """Return every evaluation that was given up early, with its reason."""
    rows = [
        (f"#{each.number}", each.result.reason or "", each.proposal.genome.one_line)
        for each in sorted(history.stopped, key=lambda each: each.number)
    ]
    return Table(("", "reason", "network"), rows)


def mean_score(metrics: list[float], history: History) -> str:
    """Return the mean of a metric over folds or repeats, with its spread where there are several."""
    written = partial(score, history=history)
    return f"{written(statistics.fmean(metrics))}{spread_text(metrics, number=written)}"


def score(metric: float, history: History) -> str:
    """Return a metric as it is read: accuracy in per cent, any other as it is."""
    return f"{metric:.2%}" if history.metric == "accuracy" else f"{metric:.4g}"
