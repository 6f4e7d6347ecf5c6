"""What goes wrong, in words that say how to put it right."""

from __future__ import annotations


class InputError(ValueError):
    """Something the caller passed cannot be used; raised before any work starts.

    The message always has the same four parts: the rule, what was expected, what was
    received, and a way out.

    >>> raise InputError(
    ...     "Every fold needs an example of every class.",
    ...     expected="num_folds <= 3",
    ...     received="num_folds=5, class 7 has 3 examples",
    ...     way_out="Use fewer folds or more data.",
    ... )
    Traceback (most recent call last):
    gakeras.errors.InputError: Every fold needs an example of every class. \
Expected: num_folds <= 3. Received: num_folds=5, class 7 has 3 examples. Use fewer folds or more data.
    """

    def __init__(self, rule: str, *, expected: str, received: str, way_out: str = "") -> None:
        self.rule, self.expected, self.received, self.way_out = rule, expected, received, way_out
        super().__init__(f"{rule} Expected: {expected}. Received: {received}. {way_out}".rstrip())


class JournalError(ValueError):
    """A journal cannot be read; the message names the file, the line and the reason."""


class RunError(RuntimeError):
    """A run cannot go on; what it had finished is on disk, and the message says why it stopped."""


class Unfinished(RunError):
    """A run stopped before its end, for the time was up or its workers fell silent; resume it."""


class Stalled(Unfinished):
    """No worker has given a sign of life for longer than any job may take."""
