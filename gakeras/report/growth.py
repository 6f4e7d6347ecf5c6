"""What is on the page of a growth."""

from __future__ import annotations

from gakeras import plots
from gakeras.growth.history import GrownNetwork, GrowthHistory, describe
from gakeras.growth.settings import growth_settings
from gakeras.plots.text import count_text
from gakeras.report.content import Content, Table, duration, waiting_text
from gakeras.report.toml import to_toml, unsaid


def growth_content(history: GrowthHistory) -> Content:
    """Return the page of a growth."""
    settings = history.settings
    charts = {
        "accuracy": plots.spending(history, "accuracy"),
        "loss": plots.spending(history, "loss"),
        "descent": plots.descent(history),
        "population": plots.population(history),
        "ledger": plots.ledger(history),
    }
    if history.ensembles:
        charts["ensemble"] = plots.ensemble(history)
    return Content(
        kind="growth",
        name=history.name,
        header=history.header,
        facts=facts(history),
        state=state(history),
        failures=failures(history),
        config=to_toml({"kind": "growth", **history.header["settings"]}),
        unsaid=unsaid(settings.to_json(), lambda values: growth_settings(values).to_json()),
        charts=charts,
        parts={
            "networks": networks(history),
            "is_complete": settings.data is not None and settings.start is not None,
        },
    )


def facts(history: GrowthHistory) -> list[tuple[str, str]]:
    """Return the best network, the ensemble, and what the growth took, as (name, value)."""
    effort = [
        ("FLOPs spent", count_text(history.population.ledger.total.flops)),
        ("trainings", f"{len(history.networks):,}"),
        ("time", duration(history.elapsed)),
    ]
    best = history.best
    if best is None:
        return effort
    test = [("test accuracy", f"{best.test['accuracy']:.2%}")] if "accuracy" in best.test else []
    together = []
    if history.ensembles:
        latest = history.ensembles[-1]
        together = [
            ("ensemble", f"{latest.accuracy:.2%}")
            if latest.test_accuracy is None
            else ("ensemble's test", f"{latest.test_accuracy:.2%}")
        ]
    return [
        ("best network", f"#{best.number}"),
        ("accuracy", f"{best.accuracy:.2%}"),
        ("loss", f"{best.loss:.4f}"),
        *test,
        *together,
        ("parameters", f"{best.parameters:,}"),
        ("FLOPs", count_text(best.flops)),
        *effort,
    ]


def state(history: GrowthHistory) -> str:
    """Say in words how far the run is, as far as a journal can tell."""
    population = history.population
    parts = [
        f"Of {len(population.trainings):,} trainings {len(population.members):,} succeeded, "
        f"{len(population.failures):,} failed."
    ]
    best, start = history.best, population.start
    if best is not None and start is not None:
        parts.append(
            f"The start network had {start.measures['val_accuracy']:.2%} on the validation part, "
            f"#{best.number} has {best.accuracy:.2%}."
        )
    if history.stop_reason is not None:
        parts.append(f"The growth has ended: {history.stop_reason}.")
    return " ".join(parts) + waiting_text(len(population.in_flight))


def networks(history: GrowthHistory) -> Table:
    """Return every network after each of its trainings, in order."""
    head = (
        "iter.", "", "of", "age", "MFLOPs", "GFLOPs", "train", "loss", "accuracy", "test", "transform",
    )  # fmt: skip
    return Table(head, [_row(network) for network in history.networks])


def _row(network: GrownNetwork) -> tuple[str, ...]:
    test = network.test.get("accuracy")
    return (
        f"{network.iteration}{'+' if network.role == 'last' else ''}",
        f"#{network.number}",
        "" if network.parent is None else f"#{network.parent}",
        f"{network.age:,}",
        f"{network.flops / 1e6:.2f}",
        f"{network.total_flops / 1e9:,.2f}",
        f"{100 * network.train_accuracy:.2f}",
        f"{network.loss:.4f}",
        f"{100 * network.accuracy:.2f}",
        "" if test is None else f"{100 * test:.2f}",
        "; ".join(describe(transform) for transform in network.transforms),
    )


def failures(history: GrowthHistory) -> Table:
    """Return every training that came to nothing, with its reason."""
    rows = [
        (f"#{training.number}", str(training.iteration), training.role, result.status, result.reason or "")
        for training, result in history.failures
    ]
    return Table(("", "iter.", "role", "status", "reason"), rows)
