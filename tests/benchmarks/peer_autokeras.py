"""AutoKeras as peers.py runs it: its own space and defaults, where it works with the Keras at hand."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import numpy as np
from peer_outcomes import Outcome

from gakeras.config import Settings
from gakeras.data import open_data
from gakeras.run import RunDirectory


class Stopped(BaseException):
    """The CPU-seconds are spent; an `Exception` would count as a trial that failed."""


def autokeras_search(run: RunDirectory, settings: Settings, seconds: float) -> Outcome:
    """Search with AutoKeras' defaults; its best model is kept, or the reason why there is none.

    It has no budget of time, so a callback ends it. The space is its own, so the winner is no genome: it
    is the model of the best trial as it was trained, measured on the test data.
    """
    import keras

    try:
        import autokeras
    except Exception as error:  # whatever an incompatible release raises
        return Outcome(reason=f"does not import: {_short(error)}")
    data, start = open_data(run.data), time.process_time()
    x, y = np.asarray(data.x), np.asarray(data.y)

    class Stop(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if time.process_time() - start >= seconds:
                raise Stopped

    is_image = len(run.info.input_shape) > 1
    kind = autokeras.ImageClassifier if is_image else autokeras.StructuredDataClassifier
    reason = None
    try:
        # it takes the seed 0 for none
        tuned = kind(max_trials=1000, seed=settings.seed + 1, directory=str(run.root / "autokeras"))
        with suppress(Stopped):
            tuned.fit(x, y, callbacks=[Stop()], verbose=0)
    except Exception as error:
        reason = f"does not run: {_short(error)}"
    spent = time.process_time() - start
    if reason is not None:
        return Outcome(cpu_seconds=spent, reason=reason)
    trials = [trial for trial in tuned.tuner.oracle.trials.values() if trial.score is not None]
    if not trials:
        return Outcome(cpu_seconds=spent, reason="no trial ended")
    model = tuned.tuner.get_best_models()[0]
    return Outcome(
        loss=min(trial.score for trial in trials),
        cpu_seconds=spent,
        trials=len(tuned.tuner.oracle.trials),
        trained=_measured(model, np.asarray(data.x_test), np.asarray(data.y_test)),
    )


def _measured(model: Any, x_test: np.ndarray, y_test: np.ndarray) -> dict[str, Any]:
    outputs = np.asarray(model.predict(x_test, verbose=0), dtype=float)
    right = outputs[np.arange(len(y_test)), y_test] if outputs.shape[1] > 1 else None
    loss = float(-np.log(np.maximum(right, 1e-12)).mean()) if right is not None else None
    guesses = outputs.argmax(axis=1) if outputs.shape[1] > 1 else outputs[:, 0] > 0.5
    parameters = int(sum(np.prod(weight.shape) for weight in model.trainable_weights))
    return {"test_metric": float((guesses == y_test).mean()), "test_loss": loss, "parameters": parameters}


def _short(error: BaseException) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0][:160] if lines else ''}"
