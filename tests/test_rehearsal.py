"""What does not fit the targets is refused before a run is made, by a worker that tries it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gakeras
from gakeras.errors import InputError


@pytest.mark.slow
def test_a_choice_that_a_worker_cannot_train_with_is_refused_and_nothing_is_made(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).normal(size=(12, 2)), np.arange(12) % 3
    with pytest.raises(
        InputError, match=r"multiclass targets with 3 outputs\. Received: error: .*metric=roc_auc"
    ):
        gakeras.search(
            x,
            y,
            loss="categorical_hinge",
            metric="roc_auc",
            num_folds=2,
            run_dir=tmp_path / "run",
            executor="debug",
        )
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_worker_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text("raise SystemExit('no licence on this machine')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    x, y = np.random.default_rng(0).normal(size=(12, 2)), np.arange(12) % 3
    with pytest.raises(InputError, match=r"did not start.*it ends with: .*no licence on this machine"):
        gakeras.search(x, y, loss="categorical_hinge", num_folds=2, run_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()
