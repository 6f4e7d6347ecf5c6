"""The settings of a run: from a TOML file, the command line or keyword arguments, checked before any work."""

from gakeras.config.kinds import COMMANDS, read_config
from gakeras.config.reading import load_config, settings_from, training_options
from gakeras.config.sections import Backend, DataSettings, FinalSettings, PublishedTable, WorkerSettings
from gakeras.config.settings import Settings
from gakeras.config.shipped import find_config, shipped_configs, shipped_networks

__all__ = [
    "Backend",
    "COMMANDS",
    "DataSettings",
    "FinalSettings",
    "PublishedTable",
    "Settings",
    "WorkerSettings",
    "find_config",
    "load_config",
    "read_config",
    "settings_from",
    "shipped_configs",
    "shipped_networks",
    "training_options",
]
