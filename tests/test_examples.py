"""The examples run, at a size that takes seconds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mpi_jobs import ROOT_AND_MORE_RANKS_THAN_CORES
from stub_runs import wait_until

EXAMPLES = Path(__file__).parents[1] / "examples"
CONFIGS = Path(__file__).parents[1] / "configs"


def run(*command: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run an example, with the programs of this environment first."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environ = {**os.environ, "PATH": path, **environment}
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=280, env=environ)


@pytest.mark.slow
def test_searching_for_a_network_for_arrays_of_your_own_writes_a_keras_file(tmp_path):
    size = ("--evaluations", 3, "--epochs", 1, "--folder", tmp_path / "run")
    done = run(sys.executable, EXAMPLES / "01_search_arrays.py", *size)
    assert done.returncode == 0, done.stderr
    assert "TrainingSummary('best', test avg=" in done.stdout
    assert (tmp_path / "run" / "digits.keras").exists()


@pytest.mark.slow
def test_searching_on_dask_writes_a_keras_file(tmp_path):
    size = ("--evaluations", 3, "--workers", 2, "--folder", tmp_path / "run")
    done = run(sys.executable, EXAMPLES / "02_search_on_dask.py", *size)
    assert done.returncode == 0, done.stderr
    assert "3 evaluations" in done.stdout and (tmp_path / "run" / "wine.keras").exists()


@pytest.mark.slow
@pytest.mark.mpi
def test_the_script_for_mpirun_searches_and_goes_on_when_it_is_run_again(tmp_path):
    script, config = EXAMPLES / "cluster_mpirun.sh", CONFIGS / "smoke.toml"
    fast = {name: value for name, value in ROOT_AND_MORE_RANKS_THAN_CORES.items() if "_MCA_" in name}
    for _ in range(2):
        done = run("bash", script, config, tmp_path / "run", RANKS="3", **fast)
        assert done.returncode == 0, done.stderr
        assert "6 evaluations" in done.stdout and (tmp_path / "run" / "best.keras").exists()


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Stand-ins for mpirun and scontrol that write down how they are called."""

    def program(name: str, text: str) -> None:
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'#!/usr/bin/env bash\necho {name} "$@" >> {tmp_path}/calls\n{text}\n')
        path.chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    program("scontrol", "")
    return program


SLURM = ("bash", str(EXAMPLES / "cluster_slurm.sh"), "mnist", "runs/mnist")


@pytest.mark.parametrize(("status", "requeued"), [(0, False), (2, False), (75, True)])
def test_the_script_for_slurm_requeues_what_is_unfinished_and_nothing_else(status, requeued, slurm, tmp_path):
    slurm("mpirun", f"exit {status}")
    assert subprocess.run(SLURM).returncode == status
    calls = (tmp_path / "calls").read_text()
    assert "mpirun gakeras search mnist --run-dir runs/mnist --resume auto --time-limit" in calls
    assert ("scontrol requeue 4711" in calls) is requeued


def test_the_script_for_slurm_passes_the_signal_on_and_waits(slurm, tmp_path):
    slurm("mpirun", "trap 'echo signal >> $0.log; exit 75' USR1\nfor i in {1..600}; do sleep 0.1; done")
    job = subprocess.Popen(SLURM)
    wait_until(lambda: (tmp_path / "calls").exists())
    time.sleep(0.3)
    job.send_signal(signal.SIGUSR1)
    assert job.wait(timeout=30) == 75
    assert (tmp_path / "bin" / "mpirun.log").read_text() == "signal\n"
    assert "scontrol requeue 4711" in (tmp_path / "calls").read_text()
