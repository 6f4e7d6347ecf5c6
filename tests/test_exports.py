"""A run's model leaves it as a file of another runtime, with a card that says what it is."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from keras_models import with_random_weights
from stub_runs import TABLE, run_stub
from typer.testing import CliRunner

from gakeras.cli import app
from gakeras.errors import InputError, RunError
from gakeras.exporting import model_card, open_runtime


def network(inputs: int = 2) -> keras.Model:
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((inputs,)), layers.Rescaling(1 / 40), layers.Dense(5), layers.Dense(1)]
    )
    return with_random_weights(model, seed=0)


def test_a_search_exports_what_it_saves_with_its_story(tmp_path: Path, stub_jobs: None) -> None:
    run_seed = 20261130
    result = run_stub(tmp_path / "run", max_evaluations=4, seed=run_seed)
    summary = result.train_best(epochs=3)
    assert summary.model_path is not None
    model = network()
    model.save(summary.model_path)  # the stub has left an empty file there
    path = result.export(tmp_path / "new" / "model.tflite", format="litert_int8")

    said, expected = open_runtime(path)(TABLE.x), model.predict_on_batch(TABLE.x)
    assert np.abs(said - expected).max() <= 0.05 * np.ptp(expected)
    card = (tmp_path / "new" / "model.tflite.md").read_text()
    header = json.loads((tmp_path / "run" / "journal.jsonl").read_text().splitlines()[0])
    for fact in (
        str(result.best.genome.blocks[0]),
        header["data_digest"],
        header["versions"]["keras"],
        "fold 0",
        "fold 1",
        f"{summary.losses[0]:.4f}",
        "epochs: 3",
        f"seed: {run_seed}",
        f"bytes: {path.stat().st_size:,}",
        "read by ai-edge-litert",
        "gakeras export run model.tflite --format litert\\_int8",
    ):
        assert fact in card, fact


def test_the_card_and_the_conversion_are_of_the_data_that_the_model_was_trained_on(
    tmp_path: Path, stub_jobs: None
) -> None:
    result = run_stub(tmp_path / "run", max_evaluations=4)
    x, y = np.concatenate([TABLE.x, TABLE.x]), np.concatenate([TABLE.y, TABLE.y])
    summary = result.train_best(x, y, epochs=3, validation_share=0.25)
    assert summary.model_path is not None
    network().save(summary.model_path)
    result.export(tmp_path / "model.onnx")
    card = (tmp_path / "model.onnx.md").read_text()
    assert f"on {len(x)} training examples" in card  # what it was compared on
    own, of_search = card.split("## Data of this model")[1].split("## Data of the search")
    assert f"training examples: {len(x)}" in own and "digest of the folds" not in own
    assert f"training examples: {len(TABLE.x)}" in of_search and "digest of the folds" in of_search
    assert "## This model, trained on training examples" in card and "held out: 0.25" in card


def test_the_card_of_a_training_on_all_examples_says_so(tmp_path: Path, stub_jobs: None) -> None:
    result = run_stub(tmp_path / "run", max_evaluations=4)
    result.export(tmp_path / "model.keras")
    card = (tmp_path / "model.keras.md").read_text()
    assert "## This model, trained on all training examples" in card and card.count("## Data") == 1


def test_a_conversion_that_fails_says_why_and_leaves_no_file(tmp_path: Path, stub_jobs: None) -> None:
    result = run_stub(tmp_path / "run", executor="debug", max_evaluations=4)
    result.train_best(epochs=3)  # an empty file
    with pytest.raises(RunError, match="could not be written as litert. error: "):
        result.export(tmp_path / "model.tflite")
    assert not (tmp_path / "model.tflite").exists()


def test_a_wrong_path_is_refused_before_anything_is_trained(tmp_path: Path, stub_jobs: None) -> None:
    result = run_stub(tmp_path / "run", max_evaluations=4)
    before = (tmp_path / "run" / "journal.jsonl").read_bytes()
    with pytest.raises(InputError, match="ending in .onnx"):
        result.export(tmp_path / "model.tflite", format="onnx")
    assert (tmp_path / "run" / "journal.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("file", "options"),
    [("small.tflite", ["--format", "litert_int8", "--data", "data.npz"]), ("small", []), ("small.onnx", [])],
    ids=["int8", "saved model", "onnx"],
)
def test_a_model_is_exported_by_the_command(
    file: str, options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = network()
    model.save("model.keras")
    np.savez("data.npz", x_train=TABLE.x, y_train=TABLE.y)
    done = CliRunner().invoke(app, ["export", "model.keras", file, *options])
    assert done.exit_code == 0 and f"{file}.md" in done.output
    expected = model.predict_on_batch(TABLE.x)
    assert np.abs(open_runtime(file)(TABLE.x) - expected).max() <= 0.05 * np.ptp(expected)
    assert "model.keras" in Path(f"{file}.md").read_text()


def test_examples_of_another_shape_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    network(inputs=3).save("model.keras")
    arguments = ["export", "model.keras", "a.tflite", "--format", "litert_int8", "--data", "iris"]
    with pytest.raises(InputError, match=r"examples of shape \(3,\).*\(4,\)"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_a_hostile_name_stays_text_on_a_card() -> None:
    card = model_card("a", {"It": {"name": "<script>alert(1)</script>\n# Title `x` [y](z)"}})
    assert "<script" not in card and "\n# Title" not in card and "\\[y\\](z)" in card
