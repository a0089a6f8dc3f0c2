"""A copy of the project in a folder of its own, run as a person would run it.

The copy has its own `var/`, warehouse and prefixes on S3, so that nights of different
tests do not meet, and its models may be edited.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

SOURCE = Path(__file__).resolve().parents[2]
FOLDERS = ("loaders", "reports", "looker", "orchestrate")
FOLDERS += ("models", "macros", "seeds", "tests/dbt")
FILES = ("dbt_project.yml", "profiles.yml.example", "luigi.cfg", "luigid.cfg")
NIGHTSHIFT = "from orchestrate.cli.main import main; main()"
PATIENCE_SECONDS = 900


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the command printed
        """What the command printed with --json."""
        return json.loads(self.out)

    def require(self, code: int) -> "Ended":
        """Return self; AssertionError with all output for another exit code."""
        assert self.code == code, (
            f"exit {self.code}, not {code}\n{self.out}\n{self.err}"
        )
        return self


@dataclass(frozen=True)
class Project:
    """A copy of the project, and the environment that its commands get."""

    folder: Path
    environment: Mapping[str, str]
    raw: Path = field(default=Path())

    @property
    def warehouse(self) -> Path:
        """The embedded warehouse's file."""
        return self.folder / "var" / "nightshift.duckdb"

    @property
    def raw_url(self) -> str:
        """Where on S3 the raw partitions lie."""
        return self.environment["NIGHTSHIFT_RAW_URL"]

    @property
    def archive_url(self) -> str:
        """Where on S3 the archive lies."""
        return self.environment["NIGHTSHIFT_ARCHIVE_URL"]

    def nightshift(self, *arguments: object, **environment: str) -> Ended:
        """Run `nightshift ARGUMENTS`, with more environment on top."""
        return self._run(["-c", NIGHTSHIFT, *arguments], environment)

    def luigi(self, *arguments: object, **environment: str) -> Ended:
        """Run `luigi --module orchestrate ARGUMENTS`."""
        line = ["-m", "luigi", "--module", "orchestrate", *arguments]
        return self._run(line, environment)

    def dbt(self, *arguments: object, **environment: str) -> Ended:
        """Run `dbt ARGUMENTS` as an analyst would, at the root."""
        return self._run(["-m", "dbt.cli.main", *arguments], environment)

    def run(self, day: date, **environment: str) -> Any:  # noqa: ANN401 - JSON
        """Run one night that must end well; return what it printed as JSON."""
        ended = self.nightshift("run", "--date", day, "--json", **environment)
        return ended.require(0).json

    def plan(self, day: date) -> list[tuple[str, str]]:
        """Return (task, what) of everything a night would do."""
        told = self.nightshift("plan", "--date", day, "--json").require(0).json
        return [(step["task"], step["what"]) for step in told["steps"]]

    def rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        """Return a query's rows from the embedded warehouse."""
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            cursor = connection.execute(query, list(parameters))
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def change(self, statement: str) -> None:
        """Run a statement in the warehouse, as somebody who breaks things would."""
        with duckdb.connect(str(self.warehouse)) as connection:
            connection.execute(statement)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace text in a file of the copy; it must be there."""
        file = self.folder / path
        text = file.read_text(encoding="utf-8")
        assert old in text, f"{path} has no {old!r}"
        file.write_text(text.replace(old, new), encoding="utf-8")

    @contextmanager
    def started(
        self, *arguments: object, **environment: str
    ) -> Iterator[subprocess.Popen[str]]:
        """Start `nightshift ARGUMENTS` in a process group of its own; end it."""
        process = subprocess.Popen(
            [sys.executable, "-c", NIGHTSHIFT, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment_with(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                self.end(process)

    def end(self, process: subprocess.Popen[str]) -> None:
        """Kill a started process with all that it started."""
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    def _run(self, arguments: list[object], environment: Mapping[str, str]) -> Ended:
        ended = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment_with(**environment),
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            stdin=subprocess.DEVNULL,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def environment_with(self, **more: str) -> dict[str, str]:
        """Return what a command of the project finds in its environment."""
        given = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("NIGHTSHIFT_", "DBT_", "LUIGI_"))
        }
        return {
            **given,
            **self.environment,
            **more,
            "PYTHONPATH": str(self.folder),
            "COLUMNS": "200",
        }


def copy_to(folder: Path, environment: Mapping[str, str]) -> Project:
    """Copy the product to `folder`, with a profile and a fresh `var`."""
    for name in FOLDERS:
        shutil.copytree(
            SOURCE / name,
            folder / name,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    for name in FILES:
        shutil.copy(SOURCE / name, folder / name)
    shutil.copy(folder / "profiles.yml.example", folder / "profiles.yml")
    (folder / "var").mkdir()
    return Project(folder=folder, environment=dict(environment))
