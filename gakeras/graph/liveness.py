"""Which channels the input reaches, and which reach the output, through living synapses."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gakeras.graph.channels import Channels
from gakeras.graph.steps import Step

Alive = dict[str, np.ndarray]


def fed_channels(channels: Channels, masks: Mapping[str, np.ndarray]) -> Alive:
    """Return for each step which of its channels depend on the model's input: bool, (channels,).

    Args:
        channels: Of a model.
        masks: For kernels by name, True where a synapse lives; without one all live.
    """
    fed: Alive = {}
    for step in channels.steps:
        if step.link in ("input", "fixed"):
            fed[step.name] = np.ones(step.width, bool)
        elif step.link == "mixing":
            fed[step.name] = fed[step.inputs[0]] @ connections(channels, step, masks)
        else:
            arriving = np.zeros(step.width, bool)
            for name, source in zip(step.inputs, step.sources, strict=True):
                arriving |= (source >= 0) & fed[name][source]
            fed[step.name] = arriving & open_gates(channels, step, masks)
    return fed


def used_channels(channels: Channels, masks: Mapping[str, np.ndarray]) -> Alive:
    """Return for each step which of its channels the model's output depends on: bool, (channels,)."""
    used: Alive = {step.name: np.zeros(step.width, bool) for step in channels.steps}
    for name in channels.outputs:
        used[name][:] = True
    for step in reversed(channels.steps):
        if step.link == "fixed":
            for name in step.inputs:
                used[name][:] = True
        elif step.link == "mixing":
            used[step.inputs[0]] |= connections(channels, step, masks) @ used[step.name]
        else:
            leaving = used[step.name] & open_gates(channels, step, masks)
            for name, source in zip(step.inputs, step.sources, strict=True):
                np.logical_or.at(used[name], source[source >= 0], leaving[source >= 0])
    return used


def connections(channels: Channels, step: Step, masks: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return which input of a mixing step has a living synapse to which output."""
    key = f"{step.layer}/{step.kernel}"
    if key in masks:
        return channels.kernels[key].connections(masks[key])
    return np.ones(channels.kernels[key].shape[-2:], bool)


def open_gates(channels: Channels, step: Step, masks: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return which outputs of a passing step read their input at all: all but a masked depthwise kernel's."""
    key = f"{step.layer}/{step.kernel}"
    if step.kernel and key in masks:
        return channels.kernels[key].connections(masks[key]).ravel()
    return np.ones(step.width, bool)
