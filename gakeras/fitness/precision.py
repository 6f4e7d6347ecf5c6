"""Whether a network is trained in bfloat16: timed on the worker, where it is large enough for that to pay."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from gakeras.data import StoredData
from gakeras.encoding import Genome, genome_cost
from gakeras.fitness.network import compiled_model, set_statistics
from gakeras.fitness.options import DtypePolicy, TrainingOptions
from gakeras.fitness.trainer import Trainer

MIN_MACS = 10_000_000
"""A network of fewer multiply-accumulates an example gains nothing on a CPU, so it is not even timed."""

MIN_GAIN = 1.15
"""bfloat16 is taken where a step in float32 takes so many times as long; less may be chance."""

NUM_STEPS = 5
"""So many steps are timed; the fastest counts, for the others waited for somebody."""

Seconds = dict[DtypePolicy, float]


def choose_policy(macs: float, seconds_of: Callable[[DtypePolicy], float]) -> tuple[DtypePolicy, Seconds]:
    """Return the dtype policy of a network, and the seconds a step took under those that were timed.

    >>> choose_policy(2e6, lambda policy: 1.0)
    ('float32', {})
    >>> choose_policy(26e6, {"float32": 0.234, "mixed_bfloat16": 0.102}.__getitem__)[0]
    'mixed_bfloat16'
    """
    if macs < MIN_MACS:
        return "float32", {}
    seconds: Seconds = {}
    for policy in ("float32", "mixed_bfloat16"):
        seconds[policy] = seconds_of(policy)
    is_faster = seconds["float32"] >= MIN_GAIN * seconds["mixed_bfloat16"]
    return ("mixed_bfloat16" if is_faster else "float32"), seconds


def with_chosen_policy(
    options: TrainingOptions, genome: Genome, data: StoredData
) -> tuple[TrainingOptions, dict[str, Any]]:
    """Return the options with `"auto"` replaced by the policy of this network, and the measures that say so.

    What was timed are the `step_seconds` of each policy. Models made for that are left to be forgotten.
    """
    if options.dtype_policy != "auto":
        return options, {}
    macs = genome_cost(genome, data.info.input_shape, data.info.task.outputs).flops / 2
    policy, seconds = choose_policy(
        macs, lambda policy: step_seconds(replace(options, dtype_policy=policy), genome, data)
    )
    measures: dict[str, Any] = {"dtype_policy": policy} | ({"step_seconds": seconds} if seconds else {})
    return replace(options, dtype_policy=policy), measures


def step_seconds(options: TrainingOptions, genome: Genome, data: StoredData) -> float:
    """Return the seconds that a step of training takes here, once it is traced."""
    batch = np.arange(min(options.batch_size, len(data.x)))
    trainer = Trainer(compiled_model(genome, data.info, options), options.batch_size, len(batch))
    set_statistics(trainer.model, data.x, data.y, batch)
    seconds = []
    for _ in range(1 + NUM_STEPS):
        start = time.perf_counter()
        trainer.train_epoch(data.x, data.y, batch, seed=0)
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])
