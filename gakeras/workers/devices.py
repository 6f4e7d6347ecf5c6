"""Which accelerator a worker's child process sees: chosen by its environment, before any import."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from functools import cache

_VARIABLES = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
_LISTINGS = {
    "CUDA_VISIBLE_DEVICES": ("nvidia-smi", "-L"),
    "ROCR_VISIBLE_DEVICES": ("rocm-smi", "-i", "--csv"),
}
_GROW = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
"""TensorFlow and JAX otherwise take the whole memory of a device at once."""


def device_environment(
    local_index: int | None, workers_per_device: int, environ: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables that give one worker its one device; none where there is nothing to choose.

    Worker i of a machine gets device `i // workers_per_device` of those visible there, and
    starts again from the first when they are used up. Where one single device is visible,
    a scheduler has chosen it, and it stays. Memory grows as it is needed, so that
    several workers can share a device.

    Args:
        local_index: The worker's number on its machine, from 0; None if that is not known.
        workers_per_device: How many workers are to share a device.
        environ: The environment the worker runs in.

    >>> device_environment(5, 1, {"CUDA_VISIBLE_DEVICES": "0,3,7"})["CUDA_VISIBLE_DEVICES"]
    '7'
    >>> device_environment(1, 1, {"CUDA_VISIBLE_DEVICES": "2"})
    {'TF_FORCE_GPU_ALLOW_GROWTH': 'true', 'XLA_PYTHON_CLIENT_PREALLOCATE': 'false'}
    """
    variable, devices = visible_devices(environ)
    if not devices:
        return {}
    if len(devices) == 1 or local_index is None:
        return dict(_GROW)
    return {variable: devices[local_index // workers_per_device % len(devices)], **_GROW}


def visible_devices(environ: Mapping[str, str]) -> tuple[str, list[str]]:
    """Return the variable that chooses devices on this machine, and the names of those visible now."""
    for variable in _VARIABLES:
        if variable in environ:
            names = [name.strip() for name in environ[variable].split(",")]
            return variable, [name for name in names if name and name != "-1"]
    for variable, command in _LISTINGS.items():
        number = _count_listed(command)
        if number:
            return variable, [str(index) for index in range(number)]
    return _VARIABLES[0], []


@cache
def _count_listed(command: tuple[str, ...]) -> int:
    """Return how many devices the vendor's own tool lists; 0 where there is no such tool."""
    if shutil.which(command[0]) is None:
        return 0
    try:
        listing = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(line.lower().startswith(("gpu ", "card")) for line in listing.splitlines())
