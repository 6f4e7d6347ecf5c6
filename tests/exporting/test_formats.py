"""Laws of formats: a name says one, and what is missing is said before any work."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from gakeras.errors import InputError
from gakeras.exporting import SUFFIXES, choose_format, export_model, formats, open_runtime


@pytest.mark.parametrize("format", SUFFIXES)
def test_every_format_is_chosen_by_its_name(format: str) -> None:
    assert choose_format(f"folder.d/model{SUFFIXES[format]}", format) == format


@pytest.mark.parametrize(
    ("path", "wish", "message"),
    [
        ("model.h5", None, r"\.keras, \.onnx, \.tflite, or a folder"),
        ("model.tflite", "onnx", r"ending in \.onnx.*model\.tflite"),
        ("model.keras", "saved_model", "a folder, without a suffix"),
        ("model.tflite", "int8", "litert_int8.*'int8'"),
    ],
)
def test_a_name_that_means_no_format_is_refused(path: str, wish: str | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        choose_format(path, wish)


def small(**sizes: int) -> keras.Model:
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])


def test_int8_without_examples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="examples for litert_int8.*litert_int8_weights"):
        export_model(small(), tmp_path / "a.tflite", format="litert_int8")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("action", "module"), [("write", "tf2onnx"), ("read", "onnxruntime")])
def test_a_missing_library_is_named_with_what_installs_it(
    action: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"")
    monkeypatch.setattr(formats, "find_spec", lambda name: None if name == module else name)
    with pytest.raises(InputError, match=rf"no module named {module}. .*gakeras\[onnx\]"):
        export_model(small(), path) if action == "write" else open_runtime(path)


def test_several_inputs_are_for_keras_alone(tmp_path: Path) -> None:
    inputs = [keras.Input((3,)), keras.Input((3,))]
    model = keras.Model(inputs, keras.layers.Add()(inputs))
    with pytest.raises(InputError, match="one input and one output for onnx.*2 and 1"):
        export_model(model, tmp_path / "a.onnx")
    assert export_model(model, tmp_path / "a.keras").is_file()


def test_a_model_without_weights_yet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not built"):
        export_model(keras.Sequential([keras.layers.Dense(2)]), tmp_path / "a.keras")


def test_a_folder_with_files_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="holds files"):
        export_model(small(), tmp_path / "model")
    assert (tmp_path / "model" / "notes.txt").read_text() == "mine"


def test_a_failed_export_leaves_nothing_and_keeps_what_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"old")
    model = small()
    monkeypatch.setattr(type(model), "export", lambda *args, **kwargs: np.zeros(2) @ np.zeros(3))
    with pytest.raises(ValueError, match="mismatch"):
        export_model(model, path)
    assert [each.name for each in tmp_path.iterdir()] == ["model.tflite"] and path.read_bytes() == b"old"


def test_a_file_that_is_not_there_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one that exists.*none.keras"):
        open_runtime(tmp_path / "none.keras")
