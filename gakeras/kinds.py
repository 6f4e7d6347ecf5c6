"""The kinds of job there are, and the functions that do them, in the worker's child process only."""

from __future__ import annotations

KINDS: dict[str, str] = {
    "evaluate": "gakeras.fitness.evaluation:evaluate",
    "calibrate": "gakeras.fitness.calibration:calibrate",
    "train": "gakeras.fitness.final:train",
    "measure_ancestor": "gakeras.synthesis.births:measure_ancestor",
    "bear_offspring": "gakeras.synthesis.births:bear_offspring",
    "train_last": "gakeras.synthesis.births:train_last",
    "export": "gakeras.synthesis.exporting:export_network",
}
"""Each function takes a job's payload and returns `{"measures": ..., "artifacts": ...}`."""


def warm_up() -> None:
    """Import what every job needs, before the clock of the first one starts."""
    import gakeras.fitness.evaluation
    import gakeras.fitness.final  # noqa: F401
