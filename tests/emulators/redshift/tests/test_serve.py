"""The command line: announced environment, kept data, options, shutdown."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import redshift_connector

from tests.emulators import up
from tests.emulators.redshift.serve import main

LONG_NAME = "l" * 127


def connect(
    environment: dict[str, str], *, ssl: bool = False
) -> redshift_connector.Connection:
    """Connect with the announced environment."""
    connection = redshift_connector.connect(
        host=environment["NIGHTSHIFT_REDSHIFT_HOST"],
        port=int(environment["NIGHTSHIFT_REDSHIFT_PORT"]),
        user=environment["NIGHTSHIFT_REDSHIFT_USER"],
        password=environment["NIGHTSHIFT_REDSHIFT_PASSWORD"],
        database=environment["NIGHTSHIFT_REDSHIFT_DATABASE"],
        ssl=ssl,
    )
    connection.autocommit = True
    return connection


def test_data_and_views_survive_restart(tmp_path: Path) -> None:
    faults = tmp_path / "faults.yml"
    faults.write_text("- {fault: error, matching: poisoned, message: from the file}\n")
    extra = ["--database", "other", "--user", "me", "--password", "Secret1'x"]
    with (
        up.running("redshift", data=tmp_path, extra=extra) as running,
        contextlib.closing(connect(running.environment)) as connection,
    ):
        cursor = connection.cursor()
        cursor.execute("create table t (a int)")
        cursor.execute("insert into t values (1)")
        cursor.execute("create view v as select a from public.t with no schema binding")
        cursor.execute(f"create table {LONG_NAME} as select a as {LONG_NAME} from t")
    extra += ["--faults", str(faults), "--no-tls"]
    with up.running("redshift", data=tmp_path, extra=extra) as running:
        assert running.environment["NIGHTSHIFT_REDSHIFT_DATABASE"] == "other"
        assert running.environment["NIGHTSHIFT_REDSHIFT_SSLMODE"] == "disable"
        with pytest.raises(redshift_connector.Error, match="refuses SSL"):
            connect(running.environment, ssl=True)
        with contextlib.closing(connect(running.environment)) as connection:
            cursor = connection.cursor()
            cursor.execute("select a from v")
            assert cursor.fetchall() == ([1],)
            cursor.execute(
                f"select column_name from svv_columns where table_name = '{LONG_NAME}'"
            )
            assert cursor.fetchall() == ([LONG_NAME],)
            with pytest.raises(redshift_connector.Error, match="from the file"):
                cursor.execute("select 'poisoned'")


def test_killed_emulator_leaves_no_process(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.emulators",
        "redshift",
        "--port",
        "0",
        "--json",
    ]
    process = subprocess.Popen(
        [*command, "--data", str(tmp_path)],
        cwd=up.PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    announcement = json.loads(process.stdout.readline())
    children = psutil.Process(announcement["pid"]).children(recursive=True)
    assert any("postgres" in child.name() for child in children)
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []


def test_help_lists_options() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "tests.emulators", "redshift", "--help"],
        cwd=up.PROJECT,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "80"},
    )
    for option in ("--port", "--database", "--user", "--password", "--data", "--s3",
                   "--faults", "--admin-socket", "--json", "--export"):  # fmt: skip
        assert option in process.stdout


def test_invalid_faults_file_is_rejected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "faults.yml"
    path.write_text("- {fault: typhoon}\n")
    assert main(["--faults", str(path)]) == 3
    assert "typhoon" in capsys.readouterr().out
