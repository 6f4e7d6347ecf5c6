"""`gakeras report`: a run as a page to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gakeras.cli.options import app, console
from gakeras.errors import InputError


@app.command()
def report(
    run_dir: Annotated[Path, typer.Argument(metavar="DIR", help="The directory of a run, or its journal.")],
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Where to write; by default DIR/report.html."),
    ] = None,
) -> None:
    """Write what a run has found, and how, as one interactive HTML page, also while it is going on.

    The run is a search, a synthesis or a growth. It is read from the journal alone, which may be a
    copy. Needs pip install "gakeras[report]".

    Example: gakeras report runs/mnist --html mnist.html
    """
    try:
        from gakeras.report import write_report
    except ModuleNotFoundError as error:
        raise InputError(
            "A report needs libraries for figures and pages.",
            expected="plotly and jinja2",
            received=f"no module named {error.name!r}",
            way_out='Install them: pip install "gakeras[report]".',
        ) from None
    folder = run_dir if run_dir.is_dir() else run_dir.parent
    path = write_report(run_dir, html or folder / "report.html")
    console.print(f"wrote {path}", highlight=False)
