"""The examples run, at a size that takes seconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.slow
def test_searching_for_a_network_for_arrays_of_your_own_writes_a_keras_file(tmp_path):
    command = [sys.executable, str(EXAMPLES / "01_search_arrays.py"), "--evaluations", "3", "--epochs", "1"]
    done = subprocess.run(
        [*command, "--folder", str(tmp_path / "run")], capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    assert "TrainingSummary('best', test avg=" in done.stdout
    assert (tmp_path / "run" / "digits.keras").exists()
