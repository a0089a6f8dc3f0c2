"""Emulators on fixed ports, and in the background."""

import os
import smtplib
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from loaders import private_files
from loaders.config import environment
from tests.emulators import background, demo_setup, up
from tests.emulators.component import HOST, PortInUseError, require_free_port


@pytest.fixture
def first_port() -> int:
    """Return the first of five ports that are free now."""
    for port in range(20_000, 30_000, 7):
        try:
            for number in range(background.PORTS):
                require_free_port(port + number)
        except PortInUseError:
            continue
        return port
    pytest.fail("no free ports")


@pytest.fixture
def state_file(tmp_path: Path) -> Iterator[Path]:
    """Yield a state file, and stop what was started with it."""
    yield tmp_path / "emulators.json"
    background.stop(tmp_path / "emulators.json")


def _mail_server_answers(port: int) -> bool:
    try:
        with smtplib.SMTP(HOST, port) as connection:
            return connection.noop()[0] == 250
    except OSError:
        return False


def test_every_port_option_has_its_own_fixed_port() -> None:
    ports = up.fixed_ports(("s3", "smtp", "salesforce", "redshift"), 15740)
    assert ports == {
        "s3 --port": 15740,
        "smtp --port": 15741,
        "salesforce --http-port": 15742,
        "salesforce --https-port": 15743,
        "redshift --port": 15744,
    }
    assert up.fixed_ports(("smtp",), 15740) == {"smtp --port": 15741}
    assert up.fixed_ports(("smtp",), 0) == {}


def test_emulators_keep_running_and_start_again_on_the_same_ports(
    state_file: Path, first_port: int
) -> None:
    arguments = (state_file, ("smtp",), state_file.parent / "data")
    first = background.start(*arguments, first_port)
    assert _mail_server_answers(first_port + 1)
    assert background.start(*arguments, first_port) == first
    assert background.read_state(state_file) == first
    assert background.stop(state_file)
    assert not background.is_running(first)
    assert not _mail_server_answers(first_port + 1)
    assert not background.stop(state_file)
    second = background.start(*arguments, first_port)
    assert second.pid != first.pid
    assert second.environment == first.environment


def test_emulators_in_the_background_outlive_the_process_that_started_them(
    state_file: Path, first_port: int
) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.emulators import background\n"
        "file = Path(sys.argv[1])\n"
        "background.start(file, ('smtp',), file.parent, int(sys.argv[2]))"
    )
    # The pipe is closed only if the background process does not keep it open.
    subprocess.run(
        [sys.executable, "-c", code, str(state_file), str(first_port)],
        check=True,
        cwd=up.PROJECT,
        capture_output=True,
        timeout=60,
    )
    assert _mail_server_answers(first_port + 1)


def test_port_in_use_names_the_process_and_the_option(
    state_file: Path, first_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server((HOST, first_port + 1)):
        with pytest.raises(PortInUseError) as caught:
            background.start(state_file, ("smtp",), state_file.parent, first_port)
        with pytest.raises(PortInUseError), up.running("smtp", first_port=first_port):
            pass
    message = str(caught.value)
    assert f"Port {first_port + 1} of {HOST}" in message
    assert f"Process {os.getpid()} holds it ({sys.orig_argv[0]} " in message
    assert demo_setup.report_error(caught.value, "demo") == 1
    assert "make demo FIRST_PORT=" in capsys.readouterr().err


def test_emulators_that_do_not_start_name_the_way_out(
    state_file: Path, first_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The data of another version, here a database without its columns."""
    data = state_file.parent / "data"
    (data / "salesforce").mkdir(parents=True)
    with closing(sqlite3.connect(data / "salesforce" / "org.sqlite")) as database:
        database.execute("create table jobs (id primary key)")
    with pytest.raises(RuntimeError) as caught:
        background.start(state_file, ("salesforce",), data, first_port)
    assert demo_setup.report_error(caught.value, "demo") == 1
    assert "make clean" in capsys.readouterr().err


def test_redshift_demo_has_its_data_outside_of_the_closed_folder() -> None:
    data = demo_setup.SETUPS["redshift"].data
    assert not data.is_relative_to(private_files.VAR)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "plain",
        "/a b/ca.pem",
        "/o'neil/ca.pem",
        '/o\'ne\\il "x"',
        '["a@b.c"]',
        "a#b$HOME",
    ],
)
def test_environment_file_reads_alike_in_shells_and_in_nightshift(
    tmp_path: Path, value: str
) -> None:
    file = tmp_path / "nightshift.env"
    file.write_text(f"VALUE={demo_setup.quoted(value)}\n")
    command = f'set -a; . "{file}"; printf %s "$VALUE"'
    shell = subprocess.run(["sh", "-c", command], capture_output=True, check=True)
    assert shell.stdout.decode() == value
    assert environment.read(file) == {"VALUE": value}


def test_process_id_that_was_reused_is_not_taken_for_the_emulators(
    state_file: Path,
) -> None:
    other = background.Background(
        pid=os.getpid(),
        started_at=1.0,
        components=["smtp"],
        data="",
        first_port=1,
        environment={},
        page="",
    )
    assert not background.is_running(other)
