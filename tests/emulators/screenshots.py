"""The images of the README, recorded from the demo: `make images`.

Writes `docs/images/run.svg`, a terminal recording, and pictures of the morning report
and of the run history in Chromium. Needs the data of `make demo`.
"""

import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.text import Text

from tests.emulators import background, demo_setup
from tests.emulators.demo import NIGHTSHIFT, PAGE, PROJECT, SETUPS, WORLD
from tests.emulators.demo_setup import FIRST_PORT, STATE_FILE

IMAGES = PROJECT / "docs" / "images"
COLUMNS = 126
# Pages below the archive of an environment; width and height; whether dark.
HISTORY = "{}/v1/status/index.html"
PICTURES = {
    "report.png": (PAGE, (1200, 1400), False),
    "report-dark.png": (PAGE, (600, 1300), True),
    "history.png": (HISTORY, (1200, 1300), False),
}
# Chromium's window has a border at the bottom that a page does not fill.
WINDOW_BORDER = 100
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARCHIVE = Path("s3/nightshift-archive/archive")


def main() -> int:
    """Record all images; exit code 3 if the demo's data or Chromium is missing."""
    setup = SETUPS["local"]
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    pages = {
        name: setup.data / ARCHIVE / page.format(setup.target, WORLD.until)
        for name, (page, *_) in PICTURES.items()
    }
    if not all(page.exists() for page in pages.values()):
        print("The demo has not run. Run it first: make demo", file=sys.stderr)
        return 3
    if browser is None:
        print("Chromium is not installed. Install it, then run again.", file=sys.stderr)
        return 3
    IMAGES.mkdir(exist_ok=True)
    for name, (_, size, dark) in PICTURES.items():
        _screenshot(browser, pages[name], IMAGES / name, size=size, dark=dark)
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


def _screenshot(
    browser: str, page: Path, path: Path, *, size: tuple[int, int], dark: bool
) -> None:
    width, height = size
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                *(browser, "--headless", "--no-sandbox", "--disable-gpu"),
                *("--hide-scrollbars", "--no-first-run", "--disable-sync"),
                *("--disable-background-networking", f"--user-data-dir={profile}"),
                f"--blink-settings=preferredColorScheme={0 if dark else 1}",
                f"--window-size={width},{height + WINDOW_BORDER}",
                f"--screenshot={path}",
                page.resolve().as_uri(),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    with Image.open(path) as image:
        cropped = image.convert("RGB").crop((0, 0, width, height))
    # A palette takes half of the bytes.
    cropped.quantize(method=Image.Quantize.MAXCOVERAGE).save(path, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
