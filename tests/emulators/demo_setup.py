"""The demo's emulators and settings: `make emulators` starts them again.

`var/demo/nightshift.env` has the environment variables that connect `nightshift` to
the emulators. Ports and data stay the same, so that links in reports stay valid.
"""

import argparse
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from loaders.config.environment import DEMO_FILE
from tests.emulators import background
from tests.emulators.background import Background
from tests.emulators.component import PortInUseError

PROJECT = Path(__file__).resolve().parents[2]
VAR = PROJECT / "var"
STATE_FILE = DEMO_FILE.with_name("emulators.json")
FIRST_PORT = 15740
HEADER = """\
# Written by the demo. `nightshift` and `luigi` read this file if nothing else is
# configured: no .env, no NIGHTSHIFT_* variable, no dbt target in the environment.
# Start the emulators again: make emulators
"""

console = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class DemoSetup:
    """The dbt target, data folder and emulators of a demo."""

    target: str
    data: Path
    services: str
    components: tuple[str, ...]
    warehouse: str


SETUPS = {
    "local": DemoSetup(
        target="local",
        data=VAR / "demo",
        services="S3, Salesforce and mail",
        components=("s3", "smtp", "salesforce"),
        warehouse="var/nightshift.duckdb (a DuckDB file; `dbt test` works on it)",
    ),
    "redshift": DemoSetup(
        target="dev",
        # Not in var/, which Nightshift closes to other users: root's emulator runs
        # PostgreSQL as one.
        data=PROJECT / ".demo-redshift",
        services="S3, Salesforce, mail and Redshift",
        components=("s3", "smtp", "salesforce", "redshift"),
        warehouse="schemas dev_marts, dev_ops, ... of database dev on the emulator",
    ),
}


def main(arguments: list[str]) -> int:
    """Start or stop the emulators of the last demo; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.emulators.demo_setup")
    parser.add_argument("action", choices=("start", "stop"))
    add_first_port(parser)
    options = parser.parse_args(arguments)
    if options.action == "stop":
        was_running = background.stop(STATE_FILE)
        console.print(
            "The emulators are stopped." if was_running else "No emulators are running."
        )
        return 0
    try:
        started = start_emulators(last_setup(), options.first_port)
    except (PortInUseError, RuntimeError) as error:
        return report_error(error, "emulators")
    show_emulators(started)
    return 0


def add_first_port(parser: argparse.ArgumentParser) -> None:
    """Add `--first-port`, whose default is the one that was used last."""
    last = background.read_state(STATE_FILE)
    parser.add_argument(
        "--first-port",
        type=int,
        default=last.first_port if last else FIRST_PORT,
        help="the emulators listen on this port of 127.0.0.1 and the next ones "
        "(default: %(default)s)",
    )


def last_setup() -> DemoSetup:
    """Return the setup of the last demo."""
    last = background.read_state(STATE_FILE)
    is_redshift = last is not None and "redshift" in last.components
    return SETUPS["redshift" if is_redshift else "local"]


def start_emulators(setup: DemoSetup, first_port: int) -> Background:
    """Start the emulators unless they run, and write the file that connects to them.

    Raises `PortInUseError`, or `RuntimeError` if they do not start.
    """
    DEMO_FILE.parent.mkdir(parents=True, exist_ok=True)
    started = background.start(STATE_FILE, setup.components, setup.data, first_port)
    lines = (f"{name}={quoted(value)}\n" for name, value in variables(started))
    DEMO_FILE.touch(mode=0o600)
    DEMO_FILE.write_text(HEADER + "".join(lines), encoding="utf-8")
    return started


def variables(started: Background) -> list[tuple[str, str]]:
    """Return the environment variables that connect to the emulators."""
    own = {"DBT_TARGET": "local", "NIGHTSHIFT_SALESFORCE__SYNC__ACCOUNTS": "true"}
    return list({**own, **started.environment}.items())


def quoted(value: str) -> str:
    """Quote a value so that shells and `.env` files read it alike."""
    if "'" not in value:
        return shlex.quote(value)
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def report_error(error: Exception, make_target: str) -> int:
    """Print why the emulators did not start, and what to do; return exit code 1."""
    print(error, file=sys.stderr)
    if isinstance(error, PortInUseError):
        print(
            "Stop that process, or choose other ports: "
            f"make {make_target} FIRST_PORT=25740",
            file=sys.stderr,
        )
    else:
        print(
            "If another version wrote the demo's data, remove it: make clean",
            file=sys.stderr,
        )
    return 1


def show_emulators(started: Background) -> None:
    """Print where the emulators are, and how to stop and start them."""
    last_port = started.first_port + background.PORTS - 1
    show_table(
        f"The emulators run in the background (process {started.pid})",
        {
            "records in Salesforce": started.page,
            "ports of 127.0.0.1": f"{started.first_port} to {last_port}",
            "settings of the commands": short(DEMO_FILE),
            "stop the emulators": "make emulators-stop",
            "start them again": "make emulators",
        },
    )
    if (PROJECT / ".env").exists():
        console.print(
            "  `nightshift` reads your .env instead of the demo's settings. To use\n"
            f"  them in this shell: set -a; . {short(DEMO_FILE)}; set +a",
            style="yellow",
            markup=False,
        )


def show_table(title: str, rows: Mapping[str, str]) -> None:
    """Print names and values below a title."""
    console.print(f"\n[bold]{title}[/]")
    for name, value in rows.items():
        console.print(f"  {name + ':':<27}{value}", markup=False)


def short(path: Path) -> str:
    """Return a path relative to the project."""
    return path.relative_to(PROJECT).as_posix()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
