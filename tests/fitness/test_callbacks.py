"""Laws of callbacks in a final training: they are called as `fit` calls them, and are obeyed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from small_jobs import DENSE, NUM_EXAMPLES, arrays_of, payload_of, store

from gakeras.data.folds import validation_part
from gakeras.data.tasks import Task
from gakeras.encoding import Genome
from gakeras.finals import FinalTraining, find_done
from gakeras.fitness.final import train
from gakeras.fitness.options import TrainingOptions


class Listener(keras.callbacks.Callback):
    """Keeps what it is told; ends the training when `steps` batches are done."""

    def __init__(self, steps: int = 10**9) -> None:
        super().__init__()
        self.steps, self.calls, self.logs = steps, "", list[dict[str, float]]()

    def on_train_begin(self, logs: Any = None) -> None:
        self.calls += "("

    def on_train_end(self, logs: Any = None) -> None:
        self.calls += ")"

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.calls += str(batch)
        self.model.stop_training = len(self.calls) > self.steps

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.calls += "["

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.calls += "]"
        self.logs.append(dict(logs))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    arrays = dataclasses.replace(arrays_of("regression"), sample_weight=np.arange(1.0, NUM_EXAMPLES + 1))
    return store(arrays, tmp_path_factory.mktemp("data"))


def trained(data: dict[str, str], epochs: int = 2, **changes: Any) -> dict[str, Any]:
    training = {"epochs": epochs, "batch_size": 16, "optimizer": "adam"}
    return train(payload_of(DENSE, data, training=training, **changes))["measures"]


def test_a_callback_is_told_how_long_a_training_is_and_that_it_may_be_shown(
    data: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    listener = Listener()
    trained(data, callbacks=[listener, keras.callbacks.ProgbarLogger()])
    assert listener.params == {"verbose": 1, "epochs": 2, "steps": 3}
    assert "3/3" in capsys.readouterr().out


def test_a_callback_hears_what_the_journal_is_told_and_changes_nothing_by_listening(
    data: dict[str, str],
) -> None:
    listener = Listener()
    heard = trained(data, callbacks=[listener], validation_share=0.25)
    assert listener.calls == "([01][01])"
    assert [{"epoch": epoch, **logs} for epoch, logs in enumerate(listener.logs)] == heard["epochs"]
    assert set(listener.logs[0]) == {"loss", "val_loss", "val_metric"}
    assert heard == trained(data, validation_share=0.25)


def test_a_callback_may_end_the_training_within_an_epoch(data: dict[str, str]) -> None:
    listener = Listener(steps=2)
    measures = trained(data, epochs=5, callbacks=[listener])
    assert listener.calls == "([0])" and len(measures["epochs"]) == 1


def test_early_stopping_restores_the_weights_that_are_then_measured(data: dict[str, str]) -> None:
    worse = keras.callbacks.EarlyStopping("loss", mode="max", patience=1, restore_best_weights=True)
    stopped = trained(data, epochs=9, callbacks=[worse])
    assert len(stopped["epochs"]) == 2  # the loss falls, which this one takes for bad
    assert stopped["train_loss"] == pytest.approx(trained(data, epochs=1)["train_loss"], rel=1e-5)


def test_the_part_that_is_held_out_is_the_same_in_all_repeats_and_stratified() -> None:
    labels = np.arange(40) % 4
    folds = validation_part(labels, Task("multiclass", 4), 0.25, run_seed=3)
    assert np.bincount(labels[folds == 0]).tolist() == [3, 3, 2, 2] or (folds == 0).sum() == 10
    real = validation_part(labels / 2, Task("regression", 1), 0.25, run_seed=3)
    assert (real == 0).sum() == 10
    np.testing.assert_array_equal(real, validation_part(labels / 2, Task("regression", 1), 0.25, 3))


def test_a_training_with_callbacks_is_never_taken_from_the_journal(tmp_path: Path) -> None:
    plain = FinalTraining("best", Genome(), TrainingOptions(), 0, 1, tmp_path)
    records = [{"key": plain.key(), "result": {"job_id": "best/0", "status": "ok"}}]
    assert plain in find_done([plain], records)
    heard = dataclasses.replace(plain, callbacks=(Listener(),))
    records.append({"key": heard.key(), "result": {"job_id": "best/0", "status": "ok"}})
    assert not find_done([heard], records) and list(find_done([plain], records)) == [plain]
    assert heard.key()["callbacks"] == ["Listener"] and "callbacks" not in plain.job().payload
