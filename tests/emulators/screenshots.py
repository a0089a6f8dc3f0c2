"""The images of the README, recorded from the demo: `make images`.

Writes `docs/images/run.svg`, a terminal recording, and `docs/images/report.png`, the
morning report in Chromium. Needs the data of `make demo`.
"""

import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests.emulators import background, demo_setup
from tests.emulators.demo import NIGHTSHIFT, PAGE, PROJECT, SETUPS, WORLD
from tests.emulators.demo_setup import FIRST_PORT, STATE_FILE

IMAGES = PROJECT / "docs" / "images"
COLUMNS = 126
PAGE_SIZE = (800, 1100)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARCHIVE = Path("s3/nightshift-archive/archive")


def main() -> int:
    """Record both images; exit code 3 if the demo's data or Chromium is missing."""
    setup = SETUPS["local"]
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    page = setup.data / ARCHIVE / PAGE.format(setup.target, WORLD.until)
    if not page.exists():
        print("The demo has not run. Run it first: make demo", file=sys.stderr)
        return 3
    if browser is None:
        print("Chromium is not installed. Install it, then run again.", file=sys.stderr)
        return 3
    IMAGES.mkdir(exist_ok=True)
    _screenshot(browser, page, IMAGES / "report.png")
    last = background.read_state(STATE_FILE)
    first_port = last.first_port if last else FIRST_PORT
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME")},
        **demo_setup.start_emulators(setup, first_port).environment,
        "COLUMNS": str(COLUMNS),
        "FORCE_COLOR": "1",
    }
    _record(environment, IMAGES / "run.svg")
    return 0


def _record(environment: Mapping[str, str], path: Path) -> None:
    """Delete one archive partition, and record how a run rebuilds it alone."""
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True
    )
    date = str(WORLD.until)
    partition = f"archive/local/v1/org_day/dt={date}/"
    url = environment["NIGHTSHIFT_ARCHIVE_URL"].removesuffix("archive")
    _show_command(console, "nightshift status --nights 3")
    _show_output(console, environment, "status", "--nights", "3")
    _show_command(console, f"aws s3 rm --recursive {url}{partition}")
    _delete_objects(environment, url + partition)
    _show_command(console, f"nightshift plan --date {date}")
    _show_output(console, environment, "plan", "--date", date)
    _show_command(console, f"nightshift run --date {date}")
    _show_output(console, environment, "run", "--date", date)
    path.write_text(
        console.export_svg(title="nightshift", unique_id="nightshift"), encoding="utf-8"
    )


def _show_command(console: Console, command: str) -> None:
    console.print(Text.assemble(("$ ", "dim"), (command, "bold")))


def _show_output(
    console: Console, environment: Mapping[str, str], *arguments: str
) -> None:
    process = subprocess.run(
        [sys.executable, "-c", NIGHTSHIFT, *arguments],
        cwd=PROJECT,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    console.print(Text.from_ansi(process.stdout.rstrip()))
    console.print()


def _delete_objects(environment: Mapping[str, str], url: str) -> None:
    code = (
        "import sys; from loaders import s3; "
        "s3.delete([item.url for item in s3.list_objects(sys.argv[1])])"
    )
    subprocess.run(
        [sys.executable, "-c", code, url],
        cwd=PROJECT,
        env=dict(environment),
        check=True,
    )


def _screenshot(browser: str, page: Path, path: Path) -> None:
    width, height = PAGE_SIZE
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                *(browser, "--headless", "--no-sandbox", "--disable-gpu"),
                *("--hide-scrollbars", "--no-first-run", "--disable-sync"),
                *("--disable-background-networking", f"--user-data-dir={profile}"),
                *(f"--window-size={width},{height}", f"--screenshot={path}"),
                page.resolve().as_uri(),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


if __name__ == "__main__":
    sys.exit(main())
