"""Three questions beside peers.py: fronts of two objectives, each lever alone, and how true fitness is.

Each prints a table, and writes what it was made of to `fronts.json`, `levers.json` or `honesty.json`.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from peer_answers import Json
from peer_outcomes import Outcome, write_json
from peer_systems import systems_of
from peer_tasks import Bench, evaluate_task, train_task

from gakeras.evolution import Fitness
from gakeras.history import read_history


def front_table(bench: Bench, names: Sequence[str], seeds: Sequence[int]) -> str:
    """Return the hypervolume of each system's front of loss and log10 of parameters, seed by seed.

    The reference point is the same for all: the loss of guessing, and the config's cap on parameters.
    """
    systems = systems_of(Path(bench.config))
    reference = reference_point(bench)
    lines = [
        f"Hypervolume up to loss {reference[0]:.4g}, {10 ** reference[1]:,.0f} parameters (as log10).",
        "",
        "| system | CPU s | trials | hypervolume by seed | mean |",
        "|---|---|---|---|---|",
    ]
    searches: list[Json] = []
    for budget in bench.budgets:
        for name in names:
            rows: list[Json] = []
            for seed in seeds:
                outcome = bench.search(name, budget, seed, is_anytime=systems[name].is_anytime)
                if outcome is not None:
                    volume, front = hypervolume(outcome, reference), front_of(outcome)
                    row = {"system": name, "budget": budget, "seed": seed, "trials": len(outcome.points)}
                    rows.append(row | {"hypervolume": volume, "front": front})
            searches += rows
            if rows:
                trials = statistics.fmean(row["trials"] for row in rows)
                each = ", ".join(f"{row['hypervolume']:.3f}" for row in rows)
                mean = statistics.fmean(row["hypervolume"] for row in rows)
                lines.append(f"| {name} | {budget:g} | {trials:.0f} | {each} | {mean:.3f} |")
    write_json(Path(bench.out) / "fronts.json", {"reference": reference, "searches": searches})
    return "\n".join(lines)


def front_of(outcome: Outcome) -> list[tuple[float, int]]:
    """Return (loss, parameters) of those candidates that no other one is better than in both."""
    from gakeras.plots import pareto_front

    points = [(loss, parameters) for _, loss, parameters in outcome.points if math.isfinite(loss)]
    return [points[index] for index in pareto_front(points)]


def reference_point(bench: Bench) -> tuple[float, float]:
    """Return (loss of guessing, log10 of the cap on parameters); of regression the loss of the mean is 1."""
    from gakeras.data import load_source
    from gakeras.data.checks import check_arrays
    from gakeras.fitness.stopping import chance_loss

    settings = bench.settings("gakeras full", 0, 1.0)
    assert settings.data is not None
    arrays = load_source(settings.data.source, limit=settings.data.limit)
    task = check_arrays(arrays, num_folds=settings.num_folds)
    return chance_loss(task, arrays.y), math.log10(settings.caps.max_parameters or 10_000_000)


def hypervolume(outcome: Outcome, reference: tuple[float, float]) -> float:
    """Return the area between all candidates of a search and the reference point, by DEAP."""
    from deap.benchmarks.tools import hypervolume as volume

    points = [(loss, math.log10(parameters)) for _, loss, parameters in outcome.points]
    inside = [point for point in points if all(own < far for own, far in zip(point, reference, strict=True))]
    front = [SimpleNamespace(fitness=Fitness(point, (-1.0, -1.0))) for point in inside]
    return float(volume(front, list(reference))) if front else 0.0


def lever_table(bench: Bench, names: Sequence[str], seeds: Sequence[int], sample: int | None) -> str:
    """Return a row a lever: what it saw, its winner's loss anew on all folds, and whom it dropped wrongly.

    A sample of what was stopped or turned away is evaluated in full, from other weights than the
    search's, and so is the winner; who is better than the winner was dropped wrongly.
    """
    lines = [
        "| lever | CPU s | seeds | evaluated | stopped | too dear | winner's full loss | min..max "
        "| wrongly dropped |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    searches: list[Json] = []
    for budget in bench.budgets:
        for name in names:
            rows = [row for seed in seeds if (row := _lever(bench, name, budget, seed, sample or 5))]
            searches += rows
            if not rows:
                continue
            losses = [row["loss"] for row in rows if row["loss"] is not None]
            counts = [
                f"{statistics.fmean(row[key] for row in rows):.0f}"
                for key in ("evaluated", "stopped", "dear")
            ]
            shown = (
                f"{statistics.fmean(losses):.4f} | {min(losses):.4f}..{max(losses):.4f}"
                if losses
                else "- | -"
            )
            wrong = f"{sum(row['wrong'] for row in rows)} of {sum(row['sampled'] for row in rows)}"
            lines.append(f"| {name} | {budget:g} | {len(rows)} | {' | '.join(counts)} | {shown} | {wrong} |")
    write_json(Path(bench.out) / "levers.json", searches)
    return "\n".join(lines)


def _lever(bench: Bench, name: str, budget: float, seed: int, sample: int) -> Json | None:
    system = f"lever {name}"
    outcome = bench.search(system, budget, seed, is_anytime=False)
    if outcome is None or outcome.genome is None or outcome.census is None:
        return None
    census = outcome.census
    chosen = census["dropped"][:sample]
    winner = bench.answer(evaluate_task(outcome.genome, seed))
    others = [answer for genome in chosen if (answer := bench.answer(evaluate_task(genome, seed)))]
    loss = None if winner is None else float(winner["loss"])
    return {
        "lever": name,
        "budget": budget,
        "seed": seed,
        "loss": loss,
        **{key: census[key] for key in ("evaluated", "stopped", "dear")},
        "sampled": len(others) if loss is not None else 0,
        "wrong": sum(other["loss"] < loss for other in others) if loss is not None else 0,
    }


def honesty_table(bench: Bench, seeds: Sequence[int], sample: int | None) -> str:
    """Return how fitness and the test accuracy after training from scratch go together, seed by seed.

    Individuals are spread evenly over the run, in the order in which they were evaluated. The winner
    is also trained as in the search, so that its cross-validated loss has its like on the test set.
    """
    from scipy.stats import pearsonr, spearmanr

    lines = [
        "| seed | individuals | Pearson | Spearman | of the better half | winner's CV loss | its test loss |",
        "|---|---|---|---|---|---|---|",
    ]
    budget = max(bench.budgets)
    runs: list[Json] = []
    for seed in seeds:
        outcome = bench.search("gakeras full", budget, seed, is_anytime=True)
        if outcome is None or outcome.genome is None:
            continue
        history = read_history(bench.run_folder("gakeras full", budget, seed, is_anytime=True))
        individuals = [each.individual for each in history.evaluations if each.individual is not None]
        settings = bench.settings("gakeras full", seed, 1.0)
        final, search = asdict(settings.final.training), asdict(settings.training)
        pairs = []
        for individual in spread(individuals, sample or 20):
            task = train_task("common", individual.genome.to_json(), seed, 0, {"training": final})
            answer = bench.answer(task)
            if answer is not None:
                pairs.append((individual.loss, float(answer["test_metric"])))
        again = bench.answer(train_task("search", outcome.genome, seed, 0, {"training": search}))
        better = sorted(pairs)[: (len(pairs) + 1) // 2]
        figures = [
            _correlation(pearsonr, pairs),
            _correlation(spearmanr, pairs),
            _correlation(spearmanr, better),
        ]
        test_loss = "-" if again is None else f"{again['test_loss']:.4f}"
        runs.append(
            {
                "budget": budget,
                "seed": seed,
                "loss": outcome.loss,
                "test_loss": None if again is None else again["test_loss"],
                "fitness_and_test_accuracy": pairs,
            }
        )
        lines.append(f"| {seed} | {len(pairs)} | {' | '.join(figures)} | {outcome.loss:.4f} | {test_loss} |")
    write_json(Path(bench.out) / "honesty.json", runs)
    return "\n".join(lines)


def spread(items: Sequence[Any], number: int) -> list[Any]:
    """Return so many of the items, spread evenly, the first and the last among them.

    >>> spread(range(10), 4)
    [0, 3, 6, 9]
    """
    if number >= len(items) or number < 2:
        return list(items[:number]) if number < 2 else list(items)
    return [items[round(place * (len(items) - 1) / (number - 1))] for place in range(number)]


def _correlation(of: object, pairs: Sequence[tuple[float, float]]) -> str:
    if len(pairs) < 3:
        return "-"
    losses, accuracies = zip(*pairs, strict=True)
    return f"{-of(losses, accuracies).statistic:.2f}"  # type: ignore[operator]  # a low loss is good
