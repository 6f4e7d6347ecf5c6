"""The page: how a run is put into one file that needs no network and trusts no text."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from gakeras.errors import InputError
from gakeras.plots import AnyHistory, GrowthHistory, History, SynthesisHistory, read_run
from gakeras.report.content import Content
from gakeras.report.growth import growth_content
from gakeras.report.search import search_content
from gakeras.report.synthesis import synthesis_content


def write_report(run: str | Path, file: str | Path) -> Path:
    """Write the report of a run to an HTML file, and return its path.

    Args:
        run: A run directory, or a journal alone, as copied off a cluster. It is only read,
            also while the run goes on.
        file: Where to write. The page is complete in itself: about five megabytes, nearly all
            of them plotly.js.

    Raises:
        JournalError: There is no journal, or it is damaged.
        InputError: It is of a kind that has no report, or the file cannot be written.
    """
    page, file = render_report(read_run(run)), Path(file)
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


def render_report(history: AnyHistory) -> str:
    """Return the report of a run as one HTML page.

    Whatever a journal holds is escaped, and the page's Content-Security-Policy lets only its
    own two scripts run, which it knows by their digests, and nothing be fetched.

    >>> render_report(history).startswith("<!doctype html>")
    True
    """
    scripts = [get_plotlyjs(), _asset("report.js")]
    content = content_of(history)
    charts, texts = _shared(content.charts)
    page: str = _template(content.kind).render(
        content=content,
        charts=charts,
        texts=texts,
        **content.parts,
        policy=" ".join(_digest(script) for script in scripts),
        style=_asset("report.css"),
        scripts=scripts,
    )
    return page


def content_of(history: AnyHistory) -> Content:
    """Return what is on the page of a run, whichever its kind."""
    match history:
        case History():
            return search_content(history)
        case SynthesisHistory():
            return synthesis_content(history)
        case GrowthHistory():
            return growth_content(history)


@cache
def _template(kind: str) -> jinja2.Template:
    loader = jinja2.PackageLoader("gakeras.report", "templates")
    environment = jinja2.Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    return environment.get_template(f"{kind}.html.jinja")


def _asset(name: str) -> str:
    return resources.files("gakeras.report").joinpath("templates", name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _shared(figures: Mapping[str, go.Figure]) -> tuple[dict[str, Any], list[str]]:
    """Return figures as JSON, and what is said on pointing at marks, which have its places in that list.

    Most networks are marks of several figures, and say the same in each.
    """
    charts = {name: json.loads(figure.to_json()) for name, figure in figures.items()}
    places: dict[str, int] = {}
    for trace in (trace for chart in charts.values() for trace in chart["data"]):
        if "hovertext" in trace:
            trace["hovertext"] = [places.setdefault(text, len(places)) for text in trace["hovertext"]]
    return charts, list(places)
