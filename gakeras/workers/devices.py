"""Which accelerator a worker's child process sees: chosen by its environment, before any import."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Mapping
from functools import cache
from itertools import takewhile

_VARIABLES = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
_LISTINGS = {
    "CUDA_VISIBLE_DEVICES": ("nvidia-smi", "-L"),
    "ROCR_VISIBLE_DEVICES": ("rocm-smi", "-i", "--csv"),
}
_NOTHING = ("", "-1", "NoDevFiles")
"""What stands in these variables where no device is to be seen, or none behind it; the last is Slurm's."""

_GROW = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
"""TensorFlow and JAX otherwise take the whole memory of a device at once."""

ADVICE = (
    'Install the backend with the vendor\'s libraries, such as `pip install "tensorflow[and-cuda]"`, '
    "or hide the devices by CUDA_VISIBLE_DEVICES=-1."
)

_PROBE = (
    "import keras; float(keras.ops.sum(keras.ops.ones(3))); "
    "print(keras.backend.backend(), *keras.distribution.list_devices())"
)
_PROBE_SECONDS = 300.0


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
            return variable, list(takewhile(lambda name: name not in _NOTHING, names))
    for variable, command in _LISTINGS.items():
        number = _count_listed(command)
        if number:
            return variable, [str(index) for index in range(number)]
    return _VARIABLES[0], []


def probe_keras(backend: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Let a child process import Keras, as a worker does; it prints the backend and the devices it has.

    Raises:
        subprocess.TimeoutExpired: It took longer than five minutes.
    """
    return subprocess.run(
        [sys.executable, "-c", _PROBE],
        capture_output=True,
        text=True,
        env={"TF_CPP_MIN_LOG_LEVEL": "3", **environ, **_GROW, "KERAS_BACKEND": backend},
        timeout=_PROBE_SECONDS,
        check=False,
    )


def read_probe(said: str) -> tuple[str, list[str]]:
    """Return the backend that a probe of Keras has printed, and the devices, but for the processor.

    >>> read_probe("tensorflow cpu:0 gpu:0 gpu:1")
    ('tensorflow', ['gpu:0', 'gpu:1'])
    """
    backend, *devices = said.strip().splitlines()[-1].split()
    return backend, [device for device in devices if not device.lower().startswith("cpu")]


@cache
def num_usable(backend: str) -> int:
    """Return how many accelerators networks can be trained on here: visible ones that the backend sees too.

    A backend without the vendor's libraries sees none, which is a warning. It is asked, by a child process,
    only where there are some.
    """
    _, visible = visible_devices(os.environ)
    if not visible:
        return 0
    try:
        probe = probe_keras(backend, os.environ)
    except subprocess.TimeoutExpired:
        return len(visible)
    if probe.returncode != 0:  # the first job says why
        return len(visible)
    number = min(len(visible), len(read_probe(probe.stdout)[1]))
    if number == 0:
        warnings.warn(
            f"This machine has accelerators ({', '.join(visible)}), and {backend} can use none: networks "
            f"train on the cores. {ADVICE}",
            stacklevel=2,
        )
    return number


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
