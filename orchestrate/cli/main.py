"""The `nightshift` command: runs the pipeline, shows plans and results.

Results go to standard output (tables, or JSON with --json), progress and errors to
standard error. Exit codes: 0 all done, 1 a task failed, 2 done, but Salesforce has not
accepted all rows, 3 bad configuration or arguments.
"""

import os
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated

import structlog
import typer
from typer.exceptions import TyperException

from loaders import interruption, machine
from loaders.config.redaction import redact
from loaders.errors import ConfigError, NightshiftError
from orchestrate import startup
from orchestrate.cli import (
    compare,
    init,
    looker,
    luigid,
    reading,
    rejects,
    runs,
    salesforce,
)
from orchestrate.cli.care import erase, retention
from orchestrate.cli.options import require_text
from orchestrate.runs.outcome import ExitCode
from reports.console import console, error_console, print_json

# The shell sets it when it asks for completions.
COMPLETION_VARIABLE = "_NIGHTSHIFT_COMPLETE"

log = structlog.get_logger()

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help=(
        "Nightshift: loads raw logs from S3, builds marts, and publishes them to "
        "Looker, an S3 archive and Salesforce."
        "\n\nEvery command is safe to repeat: work that is done is not repeated."
        "\n\nExit codes: 0 all done (also if there was nothing to do), 1 a task "
        "failed, 2 done, but Salesforce has not accepted all rows, 3 bad configuration "
        "or arguments, 130 interrupted by Ctrl-C, 143 by SIGTERM."
    ),
)

app.command()(init.init)
app.command()(runs.run)
app.command()(runs.backfill)
app.command()(runs.plan)
app.command()(runs.rerun)
app.command()(reading.report)
app.command("doctor")(reading.check_setup)
app.command()(reading.status)
app.command()(reading.history)
app.command("luigid")(luigid.start)
app.command()(compare.compare)
app.command()(reading.explain_org)
app.command("retention")(retention.remove_old_data)
app.command()(erase.erase)
app.add_typer(rejects.app, name="rejects")
app.add_typer(salesforce.app, name="salesforce")
app.add_typer(looker.app, name="looker")


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        console.print(f"nightshift {metadata.version('nightshift')}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Show the version and exit.",
        ),
    ] = False,
) -> None: ...


def main() -> None:
    """Run the command line; print one message for any error and set the exit code."""
    if COMPLETION_VARIABLE in os.environ:
        app(prog_name="nightshift")
    try:
        code = _run_command(startup.prepare_process())
        interruption.check()  # Typer turns an interruption into a plain exit code.
    except KeyboardInterrupt as error:
        interruption.stop(error)
    interruption.exit_quietly_from_now_on()
    sys.exit(code)


def _run_command(log_file: Path) -> int:
    try:
        require_text(sys.argv[1:])
        # In standalone mode, Typer exits with 2 for bad arguments, but 2 means rejects.
        return int(app(prog_name="nightshift", standalone_mode=False) or 0)
    except TyperException as error:
        message = getattr(error, "format_message", lambda: "Aborted.")()
        return _report(f"{message.rstrip('.')}. Try --help.", ExitCode.MISCONFIGURED)
    except ConfigError as error:
        return _report(str(error), ExitCode.MISCONFIGURED)
    except NightshiftError as error:
        return _report(f"{error}\nThe log is {log_file}.", ExitCode.FAILED)
    except Exception as error:  # a fault of the program, or of disk and memory
        log.exception("unexpected error")
        shown = machine.classify(error)
        is_config = isinstance(shown, ConfigError)
        return _report(
            f"{shown}\nThe log {log_file} has the details.",
            ExitCode.MISCONFIGURED if is_config else ExitCode.FAILED,
        )


def _report(message: str, code: ExitCode) -> ExitCode:
    """Print an error, with --json also as the result; return the exit code."""
    text = redact(message)
    error_console.print_error("nightshift", text)
    if "--json" in sys.argv:
        print_json({"error": text, "exit_code": int(code)})
    return code
