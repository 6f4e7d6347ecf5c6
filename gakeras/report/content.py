"""What every page has, whatever the kind of the run; plain values, which the page escapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import plotly.graph_objects as go

from gakeras.journal import Record


@dataclass(frozen=True)
class Table:
    """Rows of text under a head."""

    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Content:
    """A page before it is put together.

    Attributes:
        kind: Of the run; it is also the name of the page's template.
        name: What the run is called.
        header: The journal's: versions and digests.
        facts: What stands on top, as (name, value).
        state: How far the run is, in words.
        failures: What came to nothing, with its reason.
        config: The settings as TOML, to run it again.
        unsaid: Settings without a value that TOML cannot say.
        charts: Figures by name.
        parts: What else the template of this kind shows.
    """

    kind: Literal["search", "synthesis", "growth"]
    name: str
    header: Record
    facts: Sequence[tuple[str, str]]
    state: str
    failures: Table
    config: str
    unsaid: Sequence[str]
    charts: Mapping[str, go.Figure]
    parts: Mapping[str, Any] = field(default_factory=dict)


def duration(seconds: float) -> str:
    """Return a duration as it is spoken.

    >>> duration(59), duration(140), duration(8000)
    ('59 s', '2 min 20 s', '2 h 13 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def waiting_text(number: int) -> str:
    """Say that work had begun which is not in the journal yet; nothing where there is none."""
    if not number:
        return ""
    return f" {number:,} more had begun when the journal was read: the run goes on, or was stopped."
