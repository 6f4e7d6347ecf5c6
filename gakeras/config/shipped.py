"""The configs and networks that come with gakeras."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path


def find_config(name: str) -> Path:
    """Return the path of a config: an existing file, or a shipped one by its name, such as `digits`."""
    path = Path(name)
    return path if path.is_file() else shipped_configs(kind=None).get(name, path)


def shipped_configs(kind: str | None = "search") -> dict[str, Path]:
    """Return the configs that come with gakeras by name: of a search, of another kind, or all (None)."""
    paths = {path.stem: path for path in _configs_dir().glob("*.toml") if path.stem != "networks"}
    kinds = {
        name: tomllib.loads(path.read_text("utf-8")).get("kind", "search") for name, path in paths.items()
    }
    return {name: path for name, path in paths.items() if kind in (None, kinds[name])}


def shipped_networks() -> dict[str, str]:
    """Return the hand-made and published networks that come with gakeras, as text by name."""
    text = (_configs_dir() / "networks.toml").read_text(encoding="utf-8")
    networks: dict[str, str] = tomllib.loads(text)["networks"]
    return networks


def _configs_dir() -> Path:
    installed = Path(str(resources.files("gakeras"))) / "configs"
    return installed if installed.is_dir() else installed.parents[1] / "configs"
