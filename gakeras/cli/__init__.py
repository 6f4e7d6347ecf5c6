"""The command line: search, synthesize, grow, resume, show, report, tensorboard, export and doctor."""

from __future__ import annotations

import sys
from io import TextIOWrapper

from gakeras.cli import (  # noqa: F401 (commands)
    boards,
    doctors,
    exports,
    growths,
    reports,
    runs,
    searches,
    syntheses,
)
from gakeras.cli.options import INTERRUPTED, UNFINISHED, app
from gakeras.errors import InputError, JournalError, RunError, Stalled, Unfinished
from gakeras.executors import mpi
from gakeras.launcher import num_launched

__all__ = ["INTERRUPTED", "UNFINISHED", "app", "main"]


def main() -> None:
    """Run the command line; what the user can put right is one line, not a traceback.

    Of the ranks of an MPI job only the first comes here to do what it says; the others serve.
    """
    _say_everything()
    try:
        if num_launched() > 1:
            mpi.open_world()
        app()
    except Unfinished as error:
        print(f"gakeras: unfinished: {error}", file=sys.stderr, flush=True)
        if isinstance(error, Stalled) and num_launched() > 1:
            mpi.abort(UNFINISHED)  # a rank that does not answer would keep the others
        sys.exit(UNFINISHED)
    except (InputError, JournalError, RunError) as error:
        print(f"gakeras: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        _say_interrupted()
        sys.exit(INTERRUPTED)
    except SystemExit as end:
        if end.code == INTERRUPTED:  # typer has made it of a KeyboardInterrupt
            _say_interrupted()
        raise


def _say_interrupted() -> None:
    print("gakeras: interrupted; what had finished is kept, `gakeras resume` goes on", file=sys.stderr)


def _say_everything() -> None:
    """Let a terminal without a letter show a question mark for it, and not end the command."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
