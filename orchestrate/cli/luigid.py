"""Starts Luigi's central scheduler with the project's settings."""

import importlib.util
import os
import sys
from typing import Annotated

import luigi.configuration
import typer

from loaders.config.environment import PROJECT
from loaders.errors import ConfigError

CONFIG_FILE = "luigid.cfg"
CONFIG_VARIABLE = "LUIGI_CONFIG_PATH"
LUIGID = "from luigi.cmdline import luigid; luigid()"
DEFAULT_PORT = 8082


def start(
    port: Annotated[int, typer.Option(min=1, max=65535)] = DEFAULT_PORT,
    address: Annotated[
        str, typer.Option(help="Address to listen on. Default: all addresses.")
    ] = "",
) -> None:
    """Start Luigi's central scheduler, luigid, with the settings of luigid.cfg.

    Its visualiser shows tasks, the graph of a run, and the task history.
    """
    path = os.environ.get(CONFIG_VARIABLE) or str(PROJECT / CONFIG_FILE)
    require_task_history(path)
    options = ["--port", str(port), *(["--address", address] if address else [])]
    environment = {**os.environ, CONFIG_VARIABLE: path}
    os.chdir(PROJECT)  # The settings have paths relative to it.
    os.execve(sys.executable, [sys.executable, "-c", LUIGID, *options], environment)


def require_task_history(path: str) -> None:
    """Raise `ConfigError` if the settings need a library that is not installed."""
    luigi.configuration.add_config_path(path)
    config = luigi.configuration.get_config()
    if not config.getboolean("scheduler", "record_task_history", False):
        return
    if importlib.util.find_spec("sqlalchemy") is None:
        raise ConfigError(
            "Luigi's task history needs SQLAlchemy 1.4, which is not installed. "
            "Install it with `pip install '.[task-history]'` (Python 3.11 or 3.12), or "
            f"set record_task_history = false in {path}."
        )
