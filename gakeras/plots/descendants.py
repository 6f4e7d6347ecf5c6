"""What the figures of a synthesis have in common: which networks are drawn how, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gakeras.lineage.history import Descendant, SynthesisHistory
from gakeras.plots.style import BLUE, GREEN, GREY
from gakeras.plots.text import count_text, lines


def groups_of(history: SynthesisHistory) -> dict[str, tuple[Sequence[Descendant], dict[str, Any]]]:
    """Return networks and how they are drawn, by the name of their group; each is in one group."""
    leaders = history.leaders
    groups: dict[str, tuple[Sequence[Descendant], dict[str, Any]]] = {
        "other network": (
            [row for row in history.descendants if row.role != "last" and row not in leaders],
            {"mode": "markers", "marker": {"color": GREY, "size": 7}},
        ),
        "best of its generation": (
            leaders,
            {
                "mode": "lines+markers",
                "line": {"color": BLUE, "width": 2},
                "marker": {"color": BLUE, "size": 8},
            },
        ),
        "trained once more": (
            history.last,
            {"mode": "markers", "marker": {"color": GREEN, "size": 13, "symbol": "star"}},
        ),
    }
    return {name: (rows, look) for name, (rows, look) in groups.items() if rows}


def descendant_hover(row: Descendant) -> str:
    """Return what is seen when pointing at a network: generation, parents, sizes, scores and seconds."""
    test = f", test {row.test['accuracy']:.2%}" if "accuracy" in row.test else ""
    parents = " of " + ", ".join(f"#{parent}" for parent in row.parents) if row.parents else ""
    role = "trained once more, " if row.role == "last" else ""
    return lines(
        f"<b>#{row.number}</b> {role}generation {row.generation}{parents}",
        f"{row.efficiency:.2f} times fewer synapses: {row.synapses:,}",
        f"({row.efficiency_drawn:.2f} times as drawn, dead ones included)",
        f"validation {row.accuracy:.2%}{test}",
        f"compacted {row.parameters:,} parameters",
        f"{count_text(row.multiply_accumulates)} multiply-accumulates",
        f"{row.sparse_bytes:,} bytes sparse",
        f"{row.cpu_seconds:.1f} CPU-seconds",
    )
