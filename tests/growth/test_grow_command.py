"""Laws of `gakeras grow`, and of the commands that take any run."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gakeras import cli

CONFIG = """
kind = "growth"
name = "stub"
iterations = 1
[data]
source = "iris"
[start]
path = "start.keras"
[workers]
job_module = "stub_growth"
executor = "serial"
"""
OPTIONS = ["--set", "workers.job_module=stub_growth", "--executor", "serial", "--no-progress"]

Gakeras = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a start network, where child processes find the stub."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "stub.toml").write_text(CONFIG)
    for path in ("configs/start.keras", "model.keras"):
        (tmp_path / path).write_text("model")
    return tmp_path


@pytest.fixture
def gakeras(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Gakeras:
    """The command: its arguments give its exit code, output and errors."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gakeras", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
        return code, *capsys.readouterr()

    return run


def test_a_config_gives_a_table_and_models_and_can_be_gone_on_with(gakeras: Gakeras, folder: Path) -> None:
    arguments = ["grow", "configs/stub.toml", "--run-dir", "run", "--no-progress", "--resume", "auto"]
    code, out, err = gakeras(*arguments)
    assert (code, err) == (0, "")
    assert "1 iterations are done" in out and "deepen" in out and "ensemble:" in out
    assert (folder / "run" / "grown" / "best.keras").is_file()
    assert (folder / "run" / "grown" / "ensemble.keras").is_file()
    code, out, _ = gakeras(*arguments, "--iterations", 2)
    assert code == 0 and "2 iterations, 9 trainings" in out
    code, out, _ = gakeras("resume", "run", "--iterations", 3, "--no-progress")
    assert code == 0 and "3 iterations, 13 trainings" in out
    code, out, _ = gakeras("show", "run")
    assert code == 0 and "3 iterations" in out
    said = json.loads(gakeras("show", "run", "--json")[1])
    for file in (folder / "run" / "networks").rglob("outputs.npz"):
        file.unlink()
    code, out, _ = gakeras("show", "run")
    assert code == 0 and "ensemble: none; " in out and "outputs.npz" in out
    assert json.loads(gakeras("show", "run", "--json")[1])["ensemble"] is None
    assert len(said["history"]) == 13 and said["total_flops"] == said["history"][-1]["total_flops"]


def test_a_model_needs_data(gakeras: Gakeras) -> None:
    code, _, err = gakeras("grow", "model.keras", *OPTIONS)
    assert code == 2 and "Name them, for example by `--set data.source=mnist`" in err
    code, out, _ = gakeras("grow", "model.keras", "--set", "data.source=iris", "--iterations", 1, *OPTIONS)
    assert code == 0 and "1 iterations, 5 trainings" in out


def test_a_start_network_that_is_typed_is_looked_for_in_the_current_folder(
    gakeras: Gakeras, folder: Path
) -> None:
    arguments = ["configs/stub.toml", "--set", "start.path=model.keras", "--run-dir", "run", "--no-progress"]
    (folder / "model.keras").write_text("the typed one")
    code, out, err = gakeras("grow", *arguments)
    assert (code, err) == (0, "") and "5 trainings" in out
    assert next((folder / "run").rglob("start.keras")).read_text() == "the typed one"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "one of the shipped configs: growth_cifar10"),
        (["nowhere.keras"], "which is not there"),
        (["digits"], "kind = 'search'. Use `gakeras search"),
        (["lenet_mnist"], "kind = 'synthesis'. Use `gakeras synthesize"),
        (["configs/stub.toml", "--set", "iteration=3"], "the nearest is `iterations`"),
        (["configs/stub.toml", "--set", "start.path=no.keras"], "which is not there"),
        (["configs/stub.toml", "--iterations", "0"], "iterations"),
        (["configs/stub.toml", "--set", "data.source=diabetes"], "A growth grows classifiers"),
    ],
    ids=" ".join,
)
def test_a_mistake_is_one_line_before_anything_is_done(
    arguments: list[str], message: str, gakeras: Gakeras, folder: Path
) -> None:
    code, out, err = gakeras("grow", *arguments, "--run-dir", "run")
    assert code == 2 and out == "" and message in err and "Traceback" not in err
    assert not (folder / "run").exists()
