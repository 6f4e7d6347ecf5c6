"""What tests of several folders share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def stub_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let child processes find the modules of this folder, `stub_jobs` among them."""
    path = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
    monkeypatch.setenv("PYTHONPATH", path)
