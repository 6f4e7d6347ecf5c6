"""The examples run, at a size that takes seconds."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbclient
import nbformat
import pytest
from mpi_jobs import ROOT_AND_MORE_RANKS_THAN_CORES
from stub_runs import wait_until

EXAMPLES = Path(__file__).parents[1] / "examples"
CONFIGS = Path(__file__).parents[1] / "configs"


def run(*command: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run an example, with the programs of this environment first."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environ = {**os.environ, "PATH": path, **environment}
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=280, env=environ, cwd=cwd
    )


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
def test_searching_on_a_table_of_your_own_gives_the_names_of_its_classes(tmp_path):
    size = ("--evaluations", 2, "--epochs", 1, "--folder", tmp_path / "run")
    done = run(sys.executable, EXAMPLES / "03_own_data.py", *size, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(re.findall("setosa|versicolor|virginica", done.stdout)) == 5


@pytest.mark.slow
def test_an_operator_of_your_own_takes_part_in_a_search(tmp_path):
    size = ("--evaluations", 5, "--population", 3, "--epochs", 1)
    done = run(sys.executable, EXAMPLES / "04_custom_operator.py", *size)
    assert done.returncode == 0, done.stderr
    assert "doubleFilters" in done.stdout and done.stdout.count("evaluated") == 5


@pytest.mark.slow
def test_an_executor_of_your_own_gets_every_evaluation(tmp_path):
    size = ("--evaluations", 3, "--workers", 1, "--folder", tmp_path / "run")
    done = run(sys.executable, EXAMPLES / "05_own_executor.py", *size)
    assert done.returncode == 0, done.stderr
    assert "jobs sent: 3" in done.stdout


@pytest.mark.slow
def test_a_search_that_ran_out_of_time_is_gone_on_with(tmp_path):
    size = ("--evaluations", 3, "--seconds", 1, "--folder", tmp_path / "run")
    done = run(sys.executable, EXAMPLES / "06_resume.py", *size)
    assert done.returncode == 0, done.stderr
    first, in_all = done.stdout.split("in all:")
    assert "3 evaluations" not in first and "3 evaluations" in in_all
    assert (tmp_path / "run" / "wine.keras").exists()


@pytest.mark.slow
def test_a_search_is_a_step_of_a_pipeline(tmp_path):
    done = run(sys.executable, EXAMPLES / "07_sklearn_pipeline.py", "--evaluations", 2, "--epochs", 1)
    assert done.returncode == 0, done.stderr
    assert re.search(r"accuracy on the test part: [01]\.\d+", done.stdout)


NOTEBOOKS = {
    "search": "EVALUATIONS, POPULATION, EPOCHS, FINAL_EPOCHS = 2, 2, 1, 1",
    "synthesis": "ANCESTOR_EPOCHS, GENERATIONS, EPOCHS, MAX_DROP = 10, 1, 1, 1.0",
    "growth": "ITERATIONS, INITIAL_STEPS, STEPS = 1, 5, 3",
    "pipeline": "EVALUATIONS, POPULATION, EPOCHS, FINAL_EPOCHS, GENERATIONS = 2, 2, 1, 5, 1",
}


def test_every_notebook_is_tested_and_has_no_outputs():
    books = {path.stem: nbformat.read(path, as_version=4) for path in EXAMPLES.glob("*.ipynb")}
    assert set(books) == set(NOTEBOOKS)
    cells = [cell for book in books.values() for cell in book.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in cells)


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_from_top_to_bottom(name, tmp_path):
    book = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)
    place = next(n for n, cell in enumerate(book.cells) if "parameters" in cell.metadata.get("tags", ()))
    book.cells.insert(place + 1, nbformat.v4.new_code_cell(NOTEBOOKS[name]))
    nbclient.NotebookClient(book, timeout=240, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("text/html" in output.get("data", {}) for output in outputs), "a rich result"
    assert list(tmp_path.glob("runs/*/journal.jsonl"))


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
