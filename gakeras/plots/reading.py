"""A run of any kind, read from its journal alone."""

from __future__ import annotations

from pathlib import Path

from gakeras.errors import InputError
from gakeras.growth.history import GrowthHistory, read_growth
from gakeras.history import History, read_history
from gakeras.journal import find_journal, read_journal
from gakeras.lineage.history import SynthesisHistory, read_synthesis

AnyHistory = History | SynthesisHistory | GrowthHistory


def read_run(run: str | Path) -> AnyHistory:
    """Return the history of a search, a synthesis or a growth, as its journal says which it is.

    Args:
        run: A run directory, or a journal alone. It is only read, also while the run goes on.

    Raises:
        JournalError: There is no journal, or it is damaged.
        InputError: It is of another kind, or its settings are of another version.
    """
    file = find_journal(run)
    match kind := read_journal(file).header.get("kind"):
        case "search":
            return read_history(file)
        case "synthesis":
            return read_synthesis(file)
        case "growth":
            return read_growth(file)
    raise InputError(
        "A run is looked at by its journal.",
        expected="a journal with kind='search', 'synthesis' or 'growth'",
        received=f"{file} with kind={kind!r}",
        way_out="`gakeras show` shows a run of every kind.",
    )
