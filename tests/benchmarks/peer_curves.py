"""Draw what peers.py has written: the best loss so far against CPU-seconds, and accuracy against budgets.

    python tests/benchmarks/peer_curves.py RESULTS/peers.json FIGURE.png

Needs the extra `bench`. Left, thin lines are seeds and the thick one is their median. Every system has its
own loss, on all folds, on the first one or on a part held out, so compare when curves fall, not where they
end. Right, the test accuracy of winners that were trained alike, a point for each seed and budget, systems
side by side. Networks that hardly learn would flatten both, so each frame holds what is usual; winners below
the right one are triangles at its foot.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from peer_answers import Json
from peer_outcomes import Outcome


def longest(rows: Sequence[Json]) -> list[Json]:
    """Return the run with the largest budget of every system and seed, of those that have a curve."""
    kept: dict[tuple[str, int], Json] = {}
    for row in sorted(rows, key=lambda row: row["budget"]):
        if row["curve"]:
            kept[row["system"], row["seed"]] = row
    return list(kept.values())


def usual_range(values: Sequence[float]) -> tuple[float, float]:
    """Return where values lie, but for those three interquartile ranges and more from the middle half."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    low, high = np.percentile(finite, [25, 75])
    inside = finite[(finite >= low - 3 * (high - low)) & (finite <= high + 3 * (high - low))]
    margin = 0.04 * (inside.max() - inside.min()) or 0.01
    return inside.min() - margin, inside.max() + margin


def draw_curves(axes: Any, rows: Sequence[Json], colours: Mapping[str, Any]) -> None:
    """Draw the best loss so far of every seed, and the median of each system."""
    times = np.geomspace(10, max(row["budget"] for row in rows), 300)
    drawn = []
    for name, colour in colours.items():
        outcomes = [Outcome.from_json(row) for row in longest(rows) if row["system"] == name]
        if not outcomes:
            continue
        lines = np.array([[outcome.at(time).loss for time in times] for outcome in outcomes], dtype=float)
        axes.plot(times, lines.T, color=colour, linewidth=0.6, alpha=0.6)
        axes.plot(times, np.median(lines, axis=0), color=colour, linewidth=2, label=name)
        drawn.append(lines.ravel())
    axes.set(xscale="log", xlabel="CPU-seconds", ylabel="best loss so far, each by its own measure")
    axes.set_ylim(*usual_range(np.concatenate(drawn)))


def draw_accuracies(axes: Any, rows: Sequence[Json], colours: Mapping[str, Any]) -> None:
    """Draw the test accuracy of every winner that was trained alike, over its budget."""
    points: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if row["scores"]["common"]:
            accuracy = statistics.fmean(score["test_metric"] for score in row["scores"]["common"])
            points.setdefault(row["system"], []).append((row["budget"], accuracy))
    for name in [name for name in points if name.startswith("human")]:
        level = statistics.fmean(accuracy for _, accuracy in points.pop(name))
        axes.axhline(level, color=colours[name], linestyle="--", linewidth=1, label=name)
    foot, top = usual_range([accuracy for of_it in points.values() for _, accuracy in of_it])
    for place, (name, of_it) in enumerate(points.items()):
        aside = 1.035 ** (place - (len(points) - 1) / 2)
        budgets, accuracies = np.array(of_it).T
        inside = accuracies >= foot
        marks = {"linestyle": "none", "color": colours[name]}
        axes.plot(budgets[inside] * aside, accuracies[inside], marker="o", alpha=0.7, label=name, **marks)
        if not inside.all():
            low = budgets[~inside] * aside
            axes.plot(low, np.full_like(low, foot), marker="v", clip_on=False, **marks)
    axes.set(xscale="log", xlabel="CPU-seconds of search", ylabel="test accuracy, trained alike")
    axes.set_ylim(foot, top)
    ticks = sorted({budget for of_it in points.values() for budget, _ in of_it})
    axes.set_xticks(ticks, [f"{budget:,.0f}" for budget in ticks])
    axes.minorticks_off()


def draw(rows: Sequence[Json], path: Path) -> None:
    """Draw both figures into one file."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.5), constrained_layout=True)
    names = dict.fromkeys(row["system"] for row in rows)
    colours = dict(zip(names, pyplot.get_cmap("tab10").colors, strict=False))
    draw_curves(left, rows, colours)
    draw_accuracies(right, rows, colours)
    for axes in (left, right):
        axes.grid(alpha=0.25)
        axes.legend(fontsize=7)
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, help="peers.json")
    parser.add_argument("figure", type=Path, help="the .png to write")
    options = parser.parse_args()
    draw(json.loads(options.results.read_text(encoding="utf-8")), options.figure)
