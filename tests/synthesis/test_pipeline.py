"""The whole way: a search's winner on digits, synthesized, compacted, and loaded with Keras alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from stub_runs import has_lines, wait_until

import gakeras
from gakeras.config import find_config, load_config
from gakeras.data import load_source
from gakeras.exporting import open_runtime
from gakeras.lineage import Lineage, open_synthesis

KERAS_ALONE = """
import json, sys
import keras, numpy as np
model = keras.saving.load_model(sys.argv[1])
data = np.load(sys.argv[2])
accuracy = model.evaluate(data["x"], data["y"], verbose=0)[1]
print(json.dumps([model.count_params(), accuracy, "gakeras" in sys.modules]))
"""


@pytest.mark.slow
def test_the_winner_of_a_search_becomes_a_smaller_model_that_loads_with_keras_alone(tmp_path: Path) -> None:
    settings = load_config(find_config("smoke"), ["max_evaluations=3", "workers.executor=serial"])
    arrays = load_source("digits", limit=400)
    found = gakeras.search(
        arrays.x, arrays.y, x_test=arrays.x_test, y_test=arrays.y_test, run_dir=tmp_path / "search",
        executor="debug", progress=False, max_evaluations=3, population_size=3, num_folds=2, epochs=2,
        batch_size=32, space={"max_conv_layers": 1, "conv_filters": [8, 12], "dense_units": [16, 24]},
        final={"epochs": 15, "optimizer": "adam", "batch_size": 32},
    )  # fmt: skip
    lineage = gakeras.synthesize(
        found, generations=2, epochs=3, batch_size=32, last_epochs=3, max_drop=0.9, executor="debug",
        run_dir=tmp_path / "family", progress=False, seed=settings.seed,
    )  # fmt: skip
    ancestor, best = lineage.history[0], lineage.best()
    assert best.synapses < 0.6 * ancestor.synapses and best.parameters < ancestor.parameters
    path = lineage.save(tmp_path / "small.keras")
    assert lineage.export_measures()["max_difference"] <= 1e-5
    np.savez(tmp_path / "test.npz", x=arrays.x_test, y=arrays.y_test)
    command = [sys.executable, "-c", KERAS_ALONE, str(path), str(tmp_path / "test.npz")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    parameters, accuracy, is_gakeras_there = json.loads(done.stdout.splitlines()[-1])
    assert (parameters, is_gakeras_there) == (best.parameters, False)
    assert accuracy == pytest.approx(best.test["accuracy"], abs=1e-6)
    assert lineage.compact().count_params() == best.parameters

    predict = open_runtime(lineage.export(tmp_path / "small.tflite"))
    said = predict(np.asarray(arrays.x_test)).argmax(axis=1)
    assert np.mean(said == arrays.y_test) == pytest.approx(accuracy, abs=1e-6)
    card = (tmp_path / "small.tflite.md").read_text()
    assert f"parameters: {best.parameters:,}" in card and f"| {best.accuracy:.4f} |" in card


@pytest.mark.slow
def test_a_synthesis_of_real_networks_that_is_killed_resumes_to_what_it_would_have_been(
    tmp_path: Path,
) -> None:
    def command(folder: str) -> list[str]:
        options = ["--executor", "serial", "--no-progress", "--generations", "2", "--resume", "auto"]
        program = [sys.executable, "-m", "gakeras", "synthesize", "smoke_synthesis"]
        return [*program, "--run-dir", str(tmp_path / folder), *options]

    subprocess.run(command("whole"), check=True, capture_output=True)
    with subprocess.Popen(command("run"), stdout=subprocess.DEVNULL) as master:
        wait_until(lambda: has_lines(tmp_path / "run" / "journal.jsonl", 4))
        master.kill()
    subprocess.run(command("run"), check=True, capture_output=True)
    one, other = (Lineage(open_synthesis(tmp_path / name)) for name in ("whole", "run"))
    columns = [tuple(row[:-1] for row in lineage.rows()) for lineage in (one, other)]
    assert columns[0] == columns[1] and len(columns[0]) == 4
