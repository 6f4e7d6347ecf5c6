"""The ensemble of a finished growth leaves it by the command, in another format, with its story."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from keras_models import with_random_weights
from stub_growth import TABLE, records, run_stub
from typer.testing import CliRunner

from gakeras.cli import app
from gakeras.errors import RunError
from gakeras.exporting import open_runtime
from gakeras.growth import Growth, open_growth


@pytest.fixture(autouse=True)
def stub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children find the stub."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


def test_the_command_exports_the_ensemble_of_a_growth_calibrated_on_the_data_of_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    growth = run_stub(tmp_path / "run", ensemble={"method": "mean"})
    growth.save_ensemble(tmp_path / "ensemble.keras")
    (joined,) = growth.run.models.iterdir()
    layers = [keras.Input((2,)), keras.layers.Rescaling(1 / 40), keras.layers.Dense(2, "softmax")]
    model = with_random_weights(keras.Sequential(layers), seed=0)
    model.save(joined)  # the stub has left a text there

    monkeypatch.chdir(tmp_path / "run")
    done = CliRunner().invoke(app, ["export", ".", "../model.tflite", "--format", "litert_int8"])
    assert done.exit_code == 0, done.exception
    expected = model.predict_on_batch(TABLE.x)
    assert np.abs(open_runtime(tmp_path / "model.tflite")(TABLE.x) - expected).max() <= 0.05
    assert len(records(tmp_path / "run", "joined")) == 1
    card = (tmp_path / "model.tflite.md").read_text()
    header = json.loads((tmp_path / "run" / "journal.jsonl").read_text().splitlines()[0])
    for fact in (
        "an ensemble of 4",
        ", ".join(f"{number}: 0.2500" for number in growth.ensemble.members),
        f"{growth.ensemble.accuracy:.4f}",
        f"{growth.ensemble.test_accuracy:.4f}",
        header["data_digest"],
        header["versions"]["keras"],
    ):
        assert fact in card, fact


def test_a_growth_that_has_not_begun_has_nothing_to_export(tmp_path: Path) -> None:
    run = run_stub(tmp_path / "run", iterations=1).run
    header = run.journal.read_text().splitlines(keepends=True)[0]
    run.journal.write_text(header)
    with pytest.raises(RunError, match="There is no network yet"):
        Growth(open_growth(run.root)).export(tmp_path / "model.keras")
    assert not (tmp_path / "model.keras").exists()
