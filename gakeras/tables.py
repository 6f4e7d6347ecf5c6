"""Rows of text as a table: aligned for a terminal, and as HTML for a notebook."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from pathlib import Path

Row = Sequence[object]


def aligned(rows: Sequence[Row]) -> list[str]:
    """Return a line for each row, the columns as wide as their longest cells and flush right.

    >>> aligned([("no.", "loss"), (10, "0.5")])
    ['no.  loss', ' 10   0.5']
    """
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in cells]


def millions(number: float) -> str:
    """Return a number in millions: in two decimals, but where it is small in three digits.

    >>> millions(12_413_000), millions(86_769)
    ('12.41', '0.0868')
    """
    return f"{number / 1e6:.2f}" if number >= 1e6 else f"{number / 1e6:.3g}"


def html_of_run(kind: str, root: Path, headline: str, columns: Sequence[str], rows: Iterable[Row]) -> str:
    """Return what a notebook shows of a run: kind, place, headline and a table, all text escaped."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f"<p><b>{kind}</b> in <code>{html.escape(str(root))}</code><br>{html.escape(headline)}</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
