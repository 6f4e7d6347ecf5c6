"""What is on the page of a synthesis."""

from __future__ import annotations

import statistics

from gakeras import plots
from gakeras.lineage.history import Descendant, SynthesisHistory
from gakeras.lineage.settings import as_written, synthesis_settings
from gakeras.plots.text import count_text
from gakeras.report.content import Content, Table, duration, waiting_text
from gakeras.report.toml import to_toml, unsaid


def synthesis_content(history: SynthesisHistory) -> Content:
    """Return the page of a synthesis."""
    settings, published = history.settings, history.settings.published
    return Content(
        kind="synthesis",
        name=history.name,
        header=history.header,
        facts=facts(history),
        state=state(history),
        failures=failures(history),
        config=to_toml({"kind": "synthesis", **as_written(history.header["settings"])}),
        unsaid=unsaid(settings.to_json(), lambda values: synthesis_settings(values).to_json()),
        charts={
            "efficiency": plots.efficiency(history),
            "effort": plots.effort(history),
            "shrinkage": plots.shrinkage(history),
            "sizes": plots.sizes(history),
        },
        parts={
            "published": published.title if published is not None else "",
            "clusters": clusters(history),
            "descendants": descendants(history),
            "is_complete": settings.data is not None and settings.ancestor is not None,
        },
    )


def facts(history: SynthesisHistory) -> list[tuple[str, str]]:
    """Return the smallest network that is accurate enough, and what the synthesis took, as (name, value)."""
    generations = max(history.past.family.generation, 0)
    effort = [
        ("generations", f"{generations:,}"),
        ("time", duration(history.elapsed)),
        ("CPU time", duration(sum(history.past.cpu_seconds.values()))),
    ]
    best = history.best
    if best is None:
        return effort
    test = [("test accuracy", f"{best.test['accuracy']:.2%}")] if "accuracy" in best.test else []
    return [
        ("smallest network", f"#{best.number}"),
        ("efficiency", f"{best.efficiency:.1f}×"),
        ("accuracy", f"{best.accuracy:.2%}"),
        *test,
        ("synapses", f"{best.synapses:,}"),
        ("parameters", f"{best.parameters:,}"),
        ("multiply-accumulates", count_text(best.multiply_accumulates)),
        *effort,
    ]


def state(history: SynthesisHistory) -> str:
    """Say in words how far the run is, as far as a journal can tell."""
    family = history.past.family
    parts = [
        f"Of {len(family.births):,} networks {len(family.members):,} were measured, "
        f"{len(family.failures):,} failed."
    ]
    drop = history.settings.max_drop
    if history.best is not None and family.ancestor is not None:
        floor = "" if drop is None else f" within {100 * drop:g} points"
        parts.append(
            f"The ancestor's validation accuracy is {family.ancestor.accuracy:.2%}; #{history.best.number} "
            f"is the smallest network{floor}."
        )
    if history.stop_reason is not None:
        parts.append(f"The synthesis has ended: {history.stop_reason}.")
    return " ".join(parts) + waiting_text(len(family.in_flight))


def descendants(history: SynthesisHistory) -> Table:
    """Return every network, the ancestor first, by generation."""
    head = (
        "gen.", "", "of", "synapses", "efficiency", "drawn", "accuracy", "test", "precision", "recall",
        "parameters", "MACs", "bytes", "CPU-s",
    )  # fmt: skip
    return Table(head, [_row(row) for row in history.descendants])


def _row(row: Descendant) -> tuple[str, ...]:
    test = row.test.get("accuracy")
    return (
        f"{row.generation}{'+' if row.role == 'last' else ''}",
        f"#{row.number}",
        ", ".join(f"#{parent}" for parent in row.parents),
        f"{row.synapses:,}",
        f"{row.efficiency:.2f}",
        f"{row.efficiency_drawn:.2f}",
        f"{100 * row.accuracy:.2f}",
        "" if test is None else f"{100 * test:.2f}",
        f"{100 * row.precision:.2f}",
        f"{100 * row.recall:.2f}",
        f"{row.parameters:,}",
        f"{row.multiply_accumulates:,}",
        f"{row.sparse_bytes:,}",
        f"{row.cpu_seconds:.1f}",
    )


def clusters(history: SynthesisHistory) -> Table:
    """Return cluster efficiencies by layer and their mean, ours below the published, where there are such."""
    published, best = history.settings.published, history.best
    if published is None or best is None:
        return Table((), [])
    rows = [(f"published, {name}", *_efficiencies(values)) for name, values in published.clusters.items()]
    kind = history.settings.drawing.cluster
    own = (f"ours, {kind}s, generation {best.generation}", *_efficiencies(tuple(best.clusters.values())))
    layers = [name.removesuffix("/kernel") for name in best.clusters]
    same = [row for row in rows if len(row) == len(own)]
    return Table(("network", *layers, "mean"), [*same, own] if same else [])


def _efficiencies(values: tuple[float, ...]) -> tuple[str, ...]:
    return (*(f"{value:.2f}" for value in values), f"{statistics.fmean(values):.2f}")


def failures(history: SynthesisHistory) -> Table:
    """Return every birth that came to nothing, with its reason."""
    rows = [
        (f"#{birth.number}", str(birth.generation), birth.role, result.status, result.reason or "")
        for birth, result in history.failures
    ]
    return Table(("", "gen.", "role", "status", "reason"), rows)
