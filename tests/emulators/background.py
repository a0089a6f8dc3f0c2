"""Emulators that run in the background, on fixed ports, until they are stopped."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from tests.emulators.component import require_free_port
from tests.emulators.up import DEFAULT, PORT_OPTIONS, PROJECT, fixed_ports

START_TIMEOUT_SECONDS = 120
STOP_SECONDS = 20
PORTS = sum(len(options) for options in PORT_OPTIONS.values())


@dataclass(frozen=True)
class Background:
    """A background process, and what it announced when it was ready.

    `started_at` distinguishes it from a later process with the same id.
    """

    pid: int
    started_at: float
    components: list[str]
    data: str
    first_port: int
    environment: dict[str, str]
    page: str


def read_state(state_file: Path) -> Background | None:
    """Return the emulators that were started last, running or not."""
    try:
        return Background(**json.loads(state_file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None  # never started, or by another version


def is_running(background: Background) -> bool:
    """Return whether the background process still runs."""
    try:
        process = psutil.Process(background.pid)
        return (
            process.create_time() == background.started_at
            and process.status() != psutil.STATUS_ZOMBIE
        )
    except psutil.Error:
        return False


def start(
    state_file: Path, components: Sequence[str], data: Path, first_port: int
) -> Background:
    """Start the emulators, or return those that already run with the same options.

    Others that were started with this state file are stopped. Raises `PortInUseError`,
    or `RuntimeError` if they do not start.
    """
    last = read_state(state_file)
    if last and is_running(last):
        options = (last.components, last.data, last.first_port)
        if options == (list(components), str(data), first_port):
            return last
        stop(state_file)
    for port in fixed_ports(components, first_port).values():
        require_free_port(port)
    data.mkdir(parents=True, exist_ok=True)
    log_file = state_file.with_suffix(".log")
    command = [sys.executable, "-m", "tests.emulators", "up", "--json", "--detached"]
    command += ["--data", str(data), "--first-port", str(first_port)]
    for name in DEFAULT:
        command += [] if name in components else ["--without", name]
    for name in components:
        command += [] if name in DEFAULT else ["--with", name]
    with log_file.open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    announced = _wait_for_announcement(process, log_file)
    started = Background(
        pid=process.pid,
        started_at=psutil.Process(process.pid).create_time(),
        components=list(components),
        data=str(data),
        first_port=first_port,
        environment=announced["environment"],
        page=announced.get("salesforce_page", ""),
    )
    state_file.write_text(json.dumps(asdict(started), indent=2), encoding="utf-8")
    return started


def stop(state_file: Path) -> bool:
    """Stop the emulators and wait for their end; return whether they were running."""
    last = read_state(state_file)
    if last is None or not is_running(last):
        return False
    process = psutil.Process(last.pid)
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except psutil.TimeoutExpired:
        process.kill()
    return True


def _wait_for_announcement(process: subprocess.Popen[bytes], log_file: Path) -> dict:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        for line in log_file.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.startswith("{") and line.endswith("\n"):
                return json.loads(line)
        time.sleep(0.05)
    process.terminate()
    text = log_file.read_text(encoding="utf-8").strip()
    raise RuntimeError(f"The emulators did not start: {text}")
