"""What both command lines do before anything else."""

import os
import sys
from pathlib import Path

from loaders import interruption, private_files, warehouse
from loaders.config import environment
from orchestrate import logs, luigi_arguments
from reports import console
from reports.console import error_console

_user_umask: int | None = None


def prepare_process() -> Path:
    """Protect files and output, read `.env`, open the log; return the log's path."""
    global _user_umask
    # Python's resource tracker frees dbt's semaphores if this process is killed. It
    # would also warn of them, after the last line of the output.
    sys.warnoptions.append("ignore:resource_tracker:UserWarning")
    interruption.install(_print_interruption)
    warehouse.set_on_wait(error_console.print)
    _user_umask = private_files.protect_process()
    console.make_streams_safe()
    environment.apply()
    return logs.log_to_file()


def prepare_luigi_process() -> None:
    """Do the same for `luigi`, whose warnings and bad arguments need care."""
    prepare_process()
    logs.show_warnings()
    luigi_arguments.report_bad_arguments()


def restore_umask() -> None:
    """Give files that are part of the project the permissions that the user wants."""
    if _user_umask is not None:
        os.umask(_user_umask)


def _print_interruption(error: interruption.Interrupted) -> None:
    error_console.print_error("nightshift", str(error))
