"""Who worked when: a row for every worker, with the time it had nothing to do."""

from __future__ import annotations

from html import escape

import plotly.graph_objects as go

from gakeras.history import History, Stint
from gakeras.plots.style import BLUE, ORANGE, RED, ROW, empty, styled
from gakeras.plots.text import lines, score_text, wrapped


def workers(history: History) -> go.Figure:
    """Return a row for every worker, with a bar for every evaluation, or every step and fold of one.

    Red ended a proposal that failed, orange one that was stopped early.

    Times are seconds of the run's budget, so that pauses between the sessions of a run and
    clocks that differ between hosts do not show. What is not covered is idle time, the start of
    the workers' processes and whatever was not finished; each row says its share.

    >>> figure = workers(history)
    """
    if not history.evaluations:
        return empty("Nothing has been evaluated yet.")
    names = sorted({_worker(stint) for stint in history.stints})
    idle = idle_shares(history)
    labels = {name: f"{row}: {idle[name]:.0%} idle" for row, name in enumerate(names, start=1)}
    traces = [
        go.Bar(
            name=name,
            orientation="h",
            y=[labels[_worker(stint)] for stint in stints],
            x=[stint.seconds for stint in stints],
            base=[max(stint.elapsed - stint.seconds, 0.0) for stint in stints],
            marker={"color": colour, "line": {"color": "rgba(255, 255, 255, 0.6)", "width": 1}},
            hovertext=[_hover(stint, history) for stint in stints],
            hoverinfo="text",
        )
        for name, (colour, stints) in _by_outcome(history).items()
        if stints
    ]
    return styled(
        traces,
        height=ROW * len(names) + 110,
        barmode="overlay",
        bargap=0.25,
        showlegend=False,
        margin={"l": 12, "r": 12, "t": 12, "b": 12},
        xaxis={"title": {"text": "seconds"}, "range": [0, history.elapsed]},
        yaxis={
            "showgrid": False,
            "categoryorder": "array",
            "categoryarray": [labels[name] for name in reversed(names)],
        },
    )


def idle_shares(history: History) -> dict[tuple[str, str], float]:
    """Return for every worker, as (host, worker), the share of the search in which it evaluated nothing."""
    busy: dict[tuple[str, str], float] = {}
    for stint in history.stints:
        name = _worker(stint)
        busy[name] = busy.get(name, 0.0) + stint.seconds
    return {name: max(1 - seconds / max(history.elapsed, 1e-9), 0.0) for name, seconds in busy.items()}


def _by_outcome(history: History) -> dict[str, tuple[str, list[Stint]]]:
    """Return colour and stints of what ended well, or went on, of what was stopped, and of what failed."""
    sorts: dict[str, tuple[str, list[Stint]]] = {
        "evaluation": (BLUE, []),
        "stopped early": (ORANGE, []),
        "failed": (RED, []),
    }
    for stint in history.stints:
        name = {"ok": "evaluation", "stopped": "stopped early"}.get(stint.result.status, "failed")
        sorts[name][1].append(stint)
    return sorts


def _worker(stint: Stint) -> tuple[str, str]:
    return stint.result.host, stint.result.worker


def _hover(stint: Stint, history: History) -> str:
    host, worker = _worker(stint)
    individual = history.individuals.get(stint.number)
    is_well = stint.result.status == "ok" and individual is not None
    score = score_text(individual) if is_well and individual is not None else stint.result.status
    return lines(
        f"<b>#{stint.number}</b> {escape(score)}",
        f"{stint.seconds:.1f} s",
        *wrapped(f"{worker} on {host}"),
    )
