"""All emulators at once, each as a process, with one merged environment."""

import argparse
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue

from tests.emulators.component import (
    PortInUseError,
    announce,
    require_free_port,
    wait_until_stopped,
)

PROJECT = Path(__file__).resolve().parents[2]
DEFAULT = ("s3", "smtp", "salesforce")
AFTER_OTHERS = ("redshift",)
# The options that set each component's ports. Fixed ports are numbered in this order.
PORT_OPTIONS = {
    "s3": ("--port",),
    "smtp": ("--port",),
    "salesforce": ("--http-port", "--https-port"),
    "redshift": ("--port",),
}
START_TIMEOUT_SECONDS = 60
STOP_SECONDS = 10


@dataclass(frozen=True)
class Running:
    """What the emulators announced: environment variables, and other details."""

    environment: dict[str, str]
    details: dict[str, object]


@contextmanager
def running(
    *components: str,
    data: Path | None = None,
    extra: Sequence[str] = (),
    first_port: int = 0,
) -> Iterator[Running]:
    """Start `components`, yield their environment, stop them at the end.

    They use free ports, or with `first_port` the fixed ones from there on. With `data`,
    each stores its data in its own folder there. `extra` is added to the last one's
    command line. Raises `RuntimeError` if one does not start, and `PortInUseError`.
    """
    ports = fixed_ports(components, first_port)
    for port in ports.values():
        require_free_port(port)
    environment: dict[str, str] = {}
    details: dict[str, object] = {}
    with ExitStack() as exits:
        # Redshift copies from S3 and needs its address.
        first = [name for name in components if name not in AFTER_OTHERS]
        for names in (first, [name for name in components if name in AFTER_OTHERS]):
            started = []
            for name in names:
                command = _command(name, data, ports)
                if extra and name == components[-1]:
                    command += extra
                process = exits.enter_context(_process(command, environment))
                started.append((name, process))
            for name, process in started:
                announced = _announcement(name, process)
                environment |= announced.pop("environment")
                details |= {f"{name}_{key}": value for key, value in announced.items()}
        yield Running(environment, details)


def main(arguments: list[str]) -> int:
    """Run all emulators until a signal arrives or the parent process ends."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.emulators up",
        description="Start S3, Salesforce and mail on 127.0.0.1, and print the "
        "environment to reach them.",
    )
    parser.add_argument("--data", type=Path, help="store all data in this folder")
    parser.add_argument("--without", action="append", default=[], choices=DEFAULT)
    parser.add_argument("--with", dest="also", action="append", default=[])
    parser.add_argument(
        "--first-port",
        type=int,
        default=0,
        help="use fixed ports: this one and the next ones (default: free ports)",
    )
    parser.add_argument(
        "--detached", action="store_true", help="do not stop with the parent process"
    )
    parser.add_argument("--json", action="store_true", help="announce as JSON")
    parser.add_argument("--export", action="store_true", help="announce for a shell")
    options = parser.parse_args(arguments)
    names = [name for name in DEFAULT if name not in options.without] + options.also
    try:
        with running(
            *names, data=options.data, first_port=options.first_port
        ) as started:
            announce(
                "emulators",
                started.environment,
                as_json=options.json,
                as_export=options.export,
                details=started.details,
            )
            wait_until_stopped(ends_with_parent=not options.detached)
    except PortInUseError as error:
        print(f"{error} Choose other ports with --first-port.", file=sys.stderr)
        return 1
    return 0


def fixed_ports(components: Sequence[str], first_port: int) -> dict[str, int]:
    """Return the port of each option, as `s3 --port`; {} if `first_port` is 0."""
    options = [
        f"{name} {option}" for name in PORT_OPTIONS for option in PORT_OPTIONS[name]
    ]
    return {
        option: first_port + position
        for position, option in enumerate(options)
        if first_port and option.partition(" ")[0] in components
    }


def _command(name: str, data: Path | None, ports: Mapping[str, int]) -> list[str]:
    command = [sys.executable, "-m", "tests.emulators", name, "--json"]
    for option in PORT_OPTIONS[name]:
        command += [option, str(ports.get(f"{name} {option}", 0))]
    if data is not None:
        (data / name).mkdir(parents=True, exist_ok=True)
        command += ["--data", str(data / name)]
    return command


@contextmanager
def _process(
    command: list[str], environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command,
        cwd=PROJECT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _announcement(name: str, process: subprocess.Popen[str]) -> dict:
    """Read the emulator's announcement, and drain its pipes from then on."""
    assert process.stdout is not None
    assert process.stderr is not None
    lines: Queue[str] = Queue()
    errors: list[str] = []
    threading.Thread(
        target=lambda: [lines.put(line) for line in process.stdout], daemon=True
    ).start()
    threading.Thread(
        target=lambda: [errors.append(line) for line in process.stderr], daemon=True
    ).start()
    for _ in range(START_TIMEOUT_SECONDS * 5):
        try:
            return json.loads(lines.get(timeout=0.2))
        except Empty:
            if process.poll() is not None:
                break
    raise RuntimeError(f"{name} did not start: {''.join(errors[-20:])}")
