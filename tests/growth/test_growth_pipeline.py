"""The whole way: a growth is killed and resumed, and what it saves loads with Keras alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from stub_runs import has_lines, wait_until

from gakeras.data import load_source
from gakeras.growth import Growth, open_growth
from gakeras.workers.supervisor import keras_environment

KERAS_ALONE = """
import json, sys
import keras, numpy as np
data = np.load(sys.argv[2])
folder = sys.argv[1]
accuracies = {}
for name in ("best", "ensemble"):
    model = keras.saving.load_model(f"{folder}/{name}.keras")
    said = model.predict(data["x"], verbose=0)
    accuracies[name] = float((said.argmax(axis=1) == data["y"]).mean())
print(json.dumps([accuracies, "gakeras" in sys.modules]))
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_growth_that_is_killed_resumes_to_what_it_would_have_been_and_loads_with_keras_alone(
    tmp_path: Path,
) -> None:
    def command(folder: str) -> list[str]:
        options = ["--executor", "serial", "--no-progress", "--iterations", "1", "--resume", "auto"]
        program = [sys.executable, "-m", "gakeras", "grow", "smoke_growth"]
        return [*program, "--run-dir", str(tmp_path / folder), *options]

    subprocess.run(command("whole"), check=True, capture_output=True)
    with subprocess.Popen(command("run"), stdout=subprocess.DEVNULL) as master:
        wait_until(lambda: has_lines(tmp_path / "run" / "journal.jsonl", 6), seconds=200)
        master.kill()
    subprocess.run(command("run"), check=True, capture_output=True)
    whole, resumed = (Growth(open_growth(tmp_path / name)) for name in ("whole", "run"))
    assert whole.rows() == resumed.rows() and len(whole.rows()) == 6
    assert whole.ensemble == resumed.ensemble

    arrays = load_source("digits")
    np_file = tmp_path / "test.npz"

    np.savez(np_file, x=arrays.x_test, y=arrays.y_test)  # type: ignore[arg-type]
    for backend in ("tensorflow", "jax"):
        environment = os.environ | keras_environment(backend, threads=1)
        program = [sys.executable, "-c", KERAS_ALONE, str(tmp_path / "run" / "grown"), str(np_file)]
        done = subprocess.run(program, env=environment, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        accuracies, is_gakeras_there = json.loads(done.stdout.splitlines()[-1])
        assert not is_gakeras_there
        assert accuracies["best"] == pytest.approx(resumed.best.test["accuracy"], abs=1e-6)
        assert accuracies["ensemble"] == pytest.approx(resumed.ensemble.test_accuracy, abs=1e-6)
