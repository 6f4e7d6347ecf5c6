"""The doctor says what is wrong and what to do about it, and only what a search needs makes it fail."""

from __future__ import annotations

import os
import re
import subprocess
from importlib.metadata import PackageNotFoundError
from typing import Any

import pytest
from mpi_jobs import ROOT_AND_MORE_RANKS_THAN_CORES
from typer.testing import CliRunner, Result

from gakeras import diagnosis
from gakeras.cli import app
from gakeras.executors.mpi_trial import MpiTrial, read_trial, try_mpi

TWO = "2 ranks, Open MPI v5.0.8"


@pytest.mark.parametrize(
    ("returncode", "output", "errors", "is_fine", "message"),
    [
        (0, f"{TWO}\n{TWO}\n", "a warning", True, "Open MPI v5.0.8"),
        (0, "1 ranks, MPICH\n1 ranks, MPICH\n", "", False, "do not see each other.*another MPI library"),
        (
            1,
            "",
            "mpiexec has detected an attempt to run as root.\n-----\n",
            False,
            "does not run as root.*OMPI_ALLOW_RUN_AS_ROOT=1",
        ),
        (1, "", "There are not enough slots available in the system", False, "oversubscribe"),
        (1, "", "ModuleNotFoundError: No module named 'mpi4py'", False, "pip install mpi4py"),
        (1, "", "RuntimeError: cannot load MPI library", False, r"gakeras\[mpi\]"),
        (9, "", "", False, "exit code 9: no message"),
    ],
    ids=["works", "another MPI", "root", "slots", "no mpi4py", "no library", "silent"],
)
def test_what_two_ranks_say_becomes_a_finding(
    returncode: int, output: str, errors: str, is_fine: bool, message: str
) -> None:
    trial = read_trial("mpiexec", returncode, output, errors)
    assert trial.is_fine == is_fine
    assert re.search(message, f"{trial.said} {trial.advice}")


def doctor(
    monkeypatch: pytest.MonkeyPatch,
    *,
    missing: str = "",
    keras_fails: bool = False,
    devices: str = "cpu:0",
    mpi: bool = True,
) -> Result:
    """Run the command on a machine that is made up: nothing is started."""

    def version(library: str) -> str:
        if library == missing:
            raise PackageNotFoundError(library)
        return "1.2.3"

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        errors = "Traceback\nModuleNotFoundError: No module named 'jax'" if keras_fails else ""
        return subprocess.CompletedProcess(command, int(keras_fails), f"tensorflow {devices}\n", errors)

    monkeypatch.setattr(diagnosis, "version", version)
    monkeypatch.setattr(subprocess, "run", run)
    trial = MpiTrial(True, TWO) if mpi else MpiTrial(False, "no mpiexec", "Install one.")
    monkeypatch.setattr(diagnosis, "try_mpi", lambda environ: trial)
    return CliRunner().invoke(app, ["doctor"])


def test_a_machine_with_everything_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = doctor(monkeypatch)
    assert shown.exit_code == 0 and "NO " not in shown.output and TWO in shown.output


def test_what_is_optional_is_said_and_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = doctor(monkeypatch, missing="plotly", mpi=False)
    assert shown.exit_code == 0 and "gakeras[report]" in shown.output and "Install one." in shown.output


def test_a_missing_library_makes_it_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = doctor(monkeypatch, missing="deap")
    assert shown.exit_code == 1 and 'pip install "deap"' in shown.output


def test_a_backend_that_does_not_start_makes_it_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    shown = doctor(monkeypatch, keras_fails=True)
    assert shown.exit_code == 1 and "jax does not work: ModuleNotFoundError" in shown.output


def test_devices_that_keras_cannot_use_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert "and-cuda" in doctor(monkeypatch).output.replace("\n", "")
    assert "and-cuda" not in doctor(monkeypatch, devices="cpu:0 gpu:0").output.replace("\n", "")


@pytest.mark.mpi
def test_two_ranks_of_this_machine_find_each_other() -> None:
    trial = try_mpi({**os.environ, **ROOT_AND_MORE_RANKS_THAN_CORES})
    assert trial.is_fine, trial
