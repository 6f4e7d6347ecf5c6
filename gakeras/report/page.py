"""The page: what is on it, and how it is put into one file that needs no network and trusts no text."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from gakeras import plots
from gakeras.encoding import Genome, genome_cost
from gakeras.errors import InputError
from gakeras.history import History, read_history
from gakeras.report import summary, tables
from gakeras.report.toml import to_toml


def write_report(run: str | Path, file: str | Path) -> Path:
    """Write the report of a run to an HTML file, and return its path.

    Args:
        run: A run directory, or a journal alone, as copied off a cluster. It is only read,
            also while the run goes on.
        file: Where to write. The page is complete in itself: about five megabytes, nearly all
            of them plotly.js.

    Raises:
        JournalError: There is no journal, or it is damaged.
        InputError: It is not that of a search, or the file cannot be written.
    """
    page, file = render_report(read_history(run)), Path(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputError(
            "A report is written to an HTML file.",
            expected="a path that can be written to",
            received=f"{file}: {error.strerror}",
        ) from None
    return file


def render_report(history: History) -> str:
    """Return the report of a search as one HTML page.

    Whatever a journal holds is escaped, and the page's Content-Security-Policy lets only its
    own two scripts run, which it knows by their digests, and nothing be fetched.

    >>> render_report(history).startswith("<!doctype html>")
    True
    """
    scripts = [get_plotlyjs(), _asset("report.js")]
    page: str = _template().render(
        history=history,
        facts=summary.facts(history),
        state=summary.state(history),
        charts={
            "progress": _json(plots.progress(history)),
            "tradeoff": _json(plots.tradeoff(history)),
            "family": _json(plots.family(history)),
            "operators": _json(plots.operators(history)),
            "workers": _json(plots.workers(history)),
            "folds": _json(plots.folds(history)),
        },
        num_ancestors=len(history.ancestors(history.best.id)) - 1 if history.best else 0,
        networks=[(name, _json(plots.network(history, genome))) for name, genome in _networks(history)],
        leaders=tables.leaders(history),
        trainings=tables.trainings(history),
        failures=tables.failures(history),
        config=to_toml(history.header["settings"]),
        policy=" ".join(_digest(script) for script in scripts),
        style=_asset("report.css"),
        scripts=scripts,
    )
    return page


@cache
def _template() -> jinja2.Template:
    loader = jinja2.PackageLoader("gakeras.report", "templates")
    environment = jinja2.Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.jinja")


def _asset(name: str) -> str:
    return resources.files("gakeras.report").joinpath("templates", name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _json(figure: go.Figure) -> Any:
    return json.loads(figure.to_json())


def _networks(history: History) -> Iterable[tuple[str, Genome]]:
    """Yield the winner and the config's baselines by name, without those that do not fit the examples."""
    if history.best is not None:
        yield f"winner: #{history.best.id}", history.best.genome
    for name in history.settings.final.baselines:
        genome = history.settings.network(name)
        try:
            genome_cost(genome, history.input_shape, history.num_outputs)
        except InputError:
            continue
        yield name, genome
