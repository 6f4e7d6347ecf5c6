"""What is on the page of a search."""

from __future__ import annotations

from collections.abc import Iterable

from gakeras import plots
from gakeras.config import settings_from
from gakeras.encoding import Genome, genome_cost
from gakeras.errors import InputError
from gakeras.history import History
from gakeras.report import summary, tables
from gakeras.report.content import Content
from gakeras.report.toml import to_toml, unsaid


def search_content(history: History) -> Content:
    """Return the page of a search."""
    plain = history.header["settings"]
    return Content(
        kind="search",
        name=history.settings.name,
        header=history.header,
        facts=summary.facts(history),
        state=summary.state(history),
        failures=tables.failures(history),
        config=to_toml(plain),
        unsaid=unsaid(history.settings.to_json(), lambda values: settings_from(values).to_json()),
        charts={
            "progress": plots.progress(history),
            "tradeoff": plots.tradeoff(history),
            "family": plots.family(history),
            "operators": plots.operators(history),
            "workers": plots.workers(history),
            "folds": plots.folds(history),
            **{
                f"network-{place}": plots.network(history, genome)
                for place, (_, genome) in enumerate(_networks(history), start=1)
            },
        },
        parts={
            "aim": history.aim,
            "is_complete": history.settings.data is not None,
            "num_ancestors": len(history.ancestors(history.best.id)) - 1 if history.best else 0,
            "networks": [name for name, _ in _networks(history)],
            "leaders": tables.leaders(history),
            "trainings": tables.trainings(history),
            "stopped": tables.stopped(history),
        },
    )


def _networks(history: History) -> Iterable[tuple[str, Genome]]:
    """Yield the winner and the config's baselines by name, without those that do not fit the examples."""
    if history.best is not None:
        yield f"winner: #{history.best.id}", history.best.genome
    for name in history.settings.final.baselines:
        genome = history.settings.network(name)
        try:
            genome_cost(genome, history.input_shape, history.task.outputs)
        except InputError:
            continue
        yield name, genome
