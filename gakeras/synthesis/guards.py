"""What chance may not do: empty a layer, or leave more synapses than there is room for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gakeras.graph import Channels, fed_channels, used_channels
from gakeras.graph.liveness import open_gates
from gakeras.graph.steps import Step
from gakeras.synthesis.masks import Masks, count_synapses


def revive(
    channels: Channels, masks: Masks, allowed: Masks, strengths: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Give every layer without a living synapse its strongest one back, on a path from input to output.

    Args:
        channels: Of the ancestor.
        masks: Without dead synapses.
        allowed: What may come back, the parents' synapses: in every layer some, and none dead.
        strengths: Which of them is preferred at every fork.

    Returns:
        New masks in which every layer lives; they have at most a few synapses more.
    """
    thread = _Thread(channels, {name: mask.copy() for name, mask in masks.items()}, allowed, strengths)
    for name, kernel in channels.kernels.items():
        if not thread.masks[name].any():
            source, output = thread.open(name, np.ones(kernel.shape, bool))
            thread.feed(kernel.source, source)
            thread.use(kernel.step, output)
    return thread.masks


def trim(masks: Masks, strengths: Mapping[str, np.ndarray], limit: int) -> dict[str, np.ndarray]:
    """Return the masks with the `limit` strongest synapses of all layers together."""
    if count_synapses(masks) <= limit:
        return dict(masks)
    flat = np.concatenate([np.where(mask, strengths[name], -np.inf).ravel() for name, mask in masks.items()])
    kept = np.zeros(len(flat), bool)
    kept[np.argsort(-flat, kind="stable")[:limit]] = True
    parts = np.split(kept, np.cumsum([mask.size for mask in masks.values()])[:-1])
    return {
        name: mask & part.reshape(mask.shape) for (name, mask), part in zip(masks.items(), parts, strict=True)
    }


@dataclass(frozen=True, eq=False)
class _Thread:
    """Draws living paths through what is allowed, towards the input and towards the output."""

    channels: Channels
    masks: dict[str, np.ndarray]
    allowed: Masks
    strengths: Mapping[str, np.ndarray]

    def open(self, name: str, among: np.ndarray) -> tuple[int, int]:
        """Let the strongest allowed synapse of a kernel live; return its input and its output channel."""
        kernel = self.channels.kernels[name]
        values = np.where(self.allowed[name] & among, self.strengths[name], -np.inf)
        place = np.unravel_index(int(np.argmax(values)), values.shape)
        self.masks[name][place] = True
        source, output = int(place[-2]), int(place[-1])
        return source, output if kernel.layout == "mixing" else source * kernel.shape[-1] + output

    def feed(self, name: str, channel: int) -> None:
        """See to it that the model's input reaches a channel."""
        step = self.channels.step[name]
        if fed_channels(self.channels, self.masks)[name][channel]:
            return
        if step.link == "mixing":
            source, _ = self.open(f"{step.layer}/{step.kernel}", self._only(step, output=channel))
            self.feed(step.inputs[0], source)
            return
        if step.kernel:
            self.open(f"{step.layer}/{step.kernel}", self._only(step, output=channel))
        reachable = fed_channels(self.channels, self.allowed)
        for before, sources in zip(step.inputs, step.sources, strict=True):
            if sources[channel] >= 0 and reachable[before][sources[channel]]:
                return self.feed(before, int(sources[channel]))

    def use(self, name: str, channel: int) -> None:
        """See to it that a channel reaches an output of the model."""
        if used_channels(self.channels, self.masks)[name][channel]:
            return
        reachable = used_channels(self.channels, self.allowed)
        for step in self.channels.steps:
            if name in step.inputs and self._pass_on(step, name, channel, reachable[step.name]):
                return

    def _pass_on(self, step: Step, name: str, channel: int, reachable: np.ndarray) -> bool:
        """Let a step that reads a channel use it, if anything allowed leads on from there."""
        if step.link == "mixing":
            key = f"{step.layer}/{step.kernel}"
            among = self._only(step, source=channel) & reachable
            if not (self.allowed[key] & among).any():
                return False
            self.use(step.name, self.open(key, among)[1])
            return True
        gates = open_gates(self.channels, step, self.allowed) & reachable
        for before, sources in zip(step.inputs, step.sources, strict=True):
            for after in np.flatnonzero((sources == channel) & gates) if before == name else ():
                if step.kernel:
                    self.open(f"{step.layer}/{step.kernel}", self._only(step, output=int(after)))
                self.use(step.name, int(after))
                return True
        return False

    def _only(self, step: Step, *, source: int | None = None, output: int | None = None) -> np.ndarray:
        """Return the synapses of a step's kernel from one input channel, or to one output channel."""
        kernel = self.channels.kernels[f"{step.layer}/{step.kernel}"]
        among = np.zeros(kernel.shape, bool)
        if output is not None and kernel.layout == "depthwise":
            among[..., output // kernel.shape[-1], output % kernel.shape[-1]] = True
        elif output is not None:
            among[..., output] = True
        else:
            among[..., source, :] = True
        return among
