"""The kinds of job there are, and the functions that do them, in the worker's child process only."""

from __future__ import annotations

KINDS: dict[str, str] = {
    "evaluate": "gakeras.fitness.evaluation:evaluate",
    "calibrate": "gakeras.fitness.calibration:calibrate",
    "rehearse": "gakeras.fitness.rehearsal:rehearse",
    "train": "gakeras.fitness.final:train",
    "measure_ancestor": "gakeras.synthesis.births:measure_ancestor",
    "bear_offspring": "gakeras.synthesis.births:bear_offspring",
    "train_last": "gakeras.synthesis.births:train_last",
    "train_member": "gakeras.growth.training:train_member",
    "train_jointly": "gakeras.growth.sharing:train_jointly",
    "join_ensemble": "gakeras.growth.joining:join_ensemble",
    "export": "gakeras.synthesis.exporting:export_network",
    "convert": "gakeras.exporting.work:convert",
}
"""Each function takes a job's payload and returns `{"measures": ..., "artifacts": ...}`."""


def warm_up() -> None:
    """Import what every job needs, before the clock of the first one starts."""
    import gakeras.fitness.evaluation
    import gakeras.fitness.final  # noqa: F401
