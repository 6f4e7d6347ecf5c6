"""What the page of a search writes in rows: leaders, final trainings, failures."""

from __future__ import annotations

import statistics
from functools import partial

from gakeras.fitness.objectives import fold_losses, fold_metrics, scores_on, spread_text
from gakeras.history import History, Training
from gakeras.leaderboard import loss_cells, loss_columns
from gakeras.plots.text import count_text
from gakeras.report.content import Table

NUM_LEADERS = 10
WINNER = "evolved"


def leaders(history: History) -> Table:
    """Return the best networks, best first; where there are finals, with the losses that decide there."""
    has_finals = history.settings.has_finals
    rows = []
    for leader in history.leaders(NUM_LEADERS):
        loss = f"{leader.loss:.4f}{spread_text(fold_losses(leader.measures))}"
        metrics = fold_metrics(leader.measures)
        rows.append(
            (
                f"#{leader.id}",
                *loss_cells(leader, loss, has_finals),
                score(statistics.fmean(metrics), history),
                f"{leader.parameters:,}",
                count_text(leader.flops),
                leader.genome.one_line,
            )
        )
    return Table(("", *loss_columns(has_finals), history.metric, "parameters", "FLOPs", "network"), rows)


def trainings(history: History) -> Table:
    """Return the final trainings that ended well, a row for every network and way of training.

    Where a repeat was trained more than once, the last one counts. The scores are those on the
    test set, or, where there is none, on the training set, which the row then says.
    """
    groups: dict[tuple[str, ...], dict[int, Training]] = {}
    for training in history.trainings:
        if training.result.status == "ok":
            how = ", ".join(
                f"{name}={value}" for name, value in training.options.items() if value is not None
            )
            groups.setdefault((training.name, training.digest, how, training.data), {})[training.repeat] = (
                training
            )
    rows = []
    for (name, _, how, _), repeats in groups.items():
        measures = [training.result.measures for training in repeats.values()]
        where = "test" if all("test_metric" in measure for measure in measures) else "train"
        scores = [scores for measure in measures if (scores := scores_on(where, measure))]
        metrics, losses = [metric for metric, _ in scores], [loss for _, loss in scores]
        rows.append(
            (
                (WINNER if name == "best" else name) + ("" if where == "test" else " (on training data)"),
                mean_score(metrics, history),
                f"{statistics.fmean(losses):.4f}",
                str(len(metrics)),
                f"{measures[0]['parameters']:,}",
                count_text(measures[0]["flops"]),
                how,
            )
        )
    rows.sort(key=lambda row: not row[0].startswith(WINNER))
    return Table(("network", history.metric, "loss", "trainings", "parameters", "FLOPs", "how"), rows)


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
