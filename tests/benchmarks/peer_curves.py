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
from collections.abc import Sequence
from pathlib import Path

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


def draw(rows: Sequence[Json], path: Path) -> None:
    """Draw both figures into one file."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.5), constrained_layout=True)
    names = list(dict.fromkeys(row["system"] for row in rows))
    colours = dict(zip(names, pyplot.get_cmap("tab10").colors, strict=False))
    end = max(row["budget"] for row in rows)
    times = np.geomspace(10, end, 300)
    losses: list[float] = []
    points: list[tuple[str, float, float]] = []
    for name in names:
        of_it = [Outcome.from_json(row) for row in longest(rows) if row["system"] == name]
        lines = np.array([[outcome.at(second).loss for second in times] for outcome in of_it], dtype=float)
        losses += [float(loss) for line in lines for loss in line]
        for line in lines:
            left.plot(times, line, color=colours[name], linewidth=0.6, alpha=0.6)
        if len(lines):
            left.plot(times, np.median(lines, axis=0), color=colours[name], linewidth=2, label=name)
        scores = [
            (row["budget"], statistics.fmean(each["test_metric"] for each in row["scores"]["common"]))
            for row in rows
            if row["system"] == name and row["scores"]["common"]
        ]
        if name.startswith("human") and scores:
            level = statistics.fmean(accuracy for _, accuracy in scores)
            right.axhline(level, color=colours[name], linestyle="--", linewidth=1, label=name)
        else:
            points += [(name, budget, accuracy) for budget, accuracy in scores]
    searched = list(dict.fromkeys(name for name, _, _ in points))
    foot, top = usual_range([accuracy for _, _, accuracy in points])
    for place, name in enumerate(searched):
        aside = 1.035 ** (place - (len(searched) - 1) / 2)
        of_it = [(budget * aside, accuracy) for other, budget, accuracy in points if other == name]
        inside = [point for point in of_it if point[1] >= foot]
        below = [(budget, foot) for budget, accuracy in of_it if accuracy < foot]
        right.plot(*zip(*inside, strict=True), "o", color=colours[name], alpha=0.7, label=name)
        if below:
            right.plot(*zip(*below, strict=True), "v", color=colours[name], clip_on=False)
    budgets = sorted({budget for _, budget, _ in points})
    left.set(xscale="log", xlabel="CPU-seconds", ylabel="best loss so far, each by its own measure")
    left.set_ylim(*usual_range(losses))
    right.set(xscale="log", xlabel="CPU-seconds of search", ylabel="test accuracy, trained alike")
    right.set_ylim(foot, top)
    right.set_xticks(budgets, [f"{budget:,.0f}" for budget in budgets])
    right.minorticks_off()
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
