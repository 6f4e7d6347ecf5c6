"""Weights belong to a run: they are checked before it is made, and when it is gone on with."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from stub_runs import TABLE, stub_settings

from gakeras.api import run_search
from gakeras.data import open_data
from gakeras.errors import InputError, JournalError
from gakeras.resuming import resume

WEIGHTS = np.arange(1.0, 21.0)


def test_a_run_keeps_its_weights_and_refuses_others(tmp_path: Path, stub_jobs: None) -> None:
    arrays = dataclasses.replace(TABLE, sample_weight=WEIGHTS)
    settings = stub_settings(max_evaluations=2, class_weight={"1": 2.0})
    result = run_search(settings, arrays, run_dir=tmp_path / "run", progress=False)
    expected = WEIGHTS * np.where(TABLE.y == 1, 2.0, 1.0)
    stored = open_data(result.run.data).sample_weight
    np.testing.assert_allclose(stored, expected / expected.mean(), rtol=1e-6)
    assert resume(tmp_path / "run", progress=False).num_evaluations == 2
    with pytest.raises(InputError, match="sample_weight beside x and y"):
        result.train_best(sample_weight=WEIGHTS)
    summary = result.train_best(TABLE.x, TABLE.y, sample_weight=WEIGHTS[::-1])
    assert summary.model_path is not None
    other = open_data(result.run.models / summary.model_path.parent.name).sample_weight
    reverse = WEIGHTS[::-1] * np.where(TABLE.y == 1, 2.0, 1.0)
    np.testing.assert_allclose(other, reverse / reverse.mean(), rtol=1e-6)
    np.save(result.run.data / "sample_weight.npy", np.ones(20, np.float32))
    with pytest.raises(JournalError, match="not the sample weights"):
        resume(tmp_path / "run", progress=False)


def test_weights_that_leave_a_fold_nothing_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    lonely = dataclasses.replace(TABLE, sample_weight=np.eye(20)[3])
    with pytest.raises(InputError, match="Some example must count in both parts of every fold"):
        run_search(stub_settings(), lonely, run_dir=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
