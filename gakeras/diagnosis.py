"""What this machine has for a search, and what to do about what it lacks."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from gakeras.executors.choice import num_cores
from gakeras.executors.mpi_trial import try_mpi
from gakeras.launcher import num_launched
from gakeras.workers.devices import ADVICE, probe_keras, read_probe, visible_devices

REQUIRED = ("gakeras", "keras", "numpy", "scikit-learn", "deap", "pydantic", "typer", "tqdm", "filelock")
OPTIONAL = {
    "plotly": ("report", "reports and figures"),
    "jinja2": ("report", "reports"),
    "ai-edge-litert": ("litert", "running .tflite files"),
    "tf2onnx": ("onnx", "ONNX files"),
    "onnxruntime": ("onnx", "running ONNX files"),
    "distributed": ("dask", "workers of a Dask cluster"),
}
GIGABYTES_A_WORKER = 1.0
"""What a worker with TensorFlow takes, a small network included."""


@dataclass(frozen=True)
class Finding:
    """One line of a diagnosis; `is_fine` is False where a search cannot run because of it."""

    topic: str
    found: str
    advice: str = ""
    is_fine: bool = True


def diagnose(environ: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Yield what there is, each finding as soon as it is known; Keras and MPI take seconds."""
    yield Finding("python", f"{platform.python_version()} on {platform.platform()}")
    for library in REQUIRED:
        yield _installed(library, f'Install it: pip install "{library}".', is_needed=True)
    backend, devices = _backend(environ)
    yield backend
    for library, (extra, use) in OPTIONAL.items():
        yield _installed(library, f'For {use}: pip install "gakeras[{extra}]".')
    yield from _hardware(environ, devices)
    yield _mpi(environ)


def _installed(library: str, advice: str, *, is_needed: bool = False) -> Finding:
    try:
        return Finding(library, version(library))
    except PackageNotFoundError:
        return Finding(library, "not installed", advice, is_fine=not is_needed)


def _backend(environ: Mapping[str, str]) -> tuple[Finding, list[str]]:
    """Let a child process use Keras, as a worker does; return also the accelerators that it sees."""
    wish = environ.get("KERAS_BACKEND", "tensorflow")
    try:
        done = probe_keras(wish, environ)
    except subprocess.TimeoutExpired as error:
        said = f"{wish} has not started within {error.timeout:.0f} s"
        return Finding("backend", said, "The machine is very busy, or its disk is slow.", is_fine=False), []
    if done.returncode == 0:
        backend, devices = read_probe(done.stdout)
        return Finding("backend", f"{backend} {_installed(backend, '').found}, works"), devices
    reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
    advice = f"Install it: pip install {wish}; or choose another by KERAS_BACKEND=tensorflow or jax."
    return Finding("backend", f"{wish} does not work: {reason}", advice, is_fine=False), []


def _hardware(environ: Mapping[str, str], seen: list[str]) -> Iterator[Finding]:
    cores = num_cores()
    yield Finding("cores", f"{cores}, so {cores} workers by default where there is no accelerator")
    _, visible = visible_devices(environ)
    named = f"accelerators {', '.join(visible)}"
    if not visible:
        yield Finding("devices", "no accelerator: networks train on the cores")
    elif not seen:
        yield Finding("devices", f"{named}, and Keras can use none: networks train on the cores", ADVICE)
    else:
        yield Finding("devices", named)
    if "SC_PHYS_PAGES" in os.sysconf_names:
        gigabytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
        workers = max(1, int(gigabytes / GIGABYTES_A_WORKER))
        advice = f"A worker takes about {GIGABYTES_A_WORKER:g} GiB: use --workers {workers}."
        yield Finding("memory", f"{gigabytes:.1f} GiB", advice if workers < cores else "")


def _mpi(environ: Mapping[str, str]) -> Finding:
    if num_launched(environ) > 1:
        return Finding("mpi", f"this is one of {num_launched(environ)} ranks already")
    trial = try_mpi(environ)
    advice = "" if trial.is_fine else f"Only needed under mpirun. {trial.advice}".strip()
    return Finding("mpi", trial.said, advice)
