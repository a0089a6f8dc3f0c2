"""A copy of the project in its own folder, run as a user would run it.

Each copy has its own `var/`, warehouse and S3 prefixes, so tests do not affect each
other, and its models may be edited.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from tests.fork_server import IS_SUPPORTED, Request, fork_server

SOURCE = Path(__file__).resolve().parents[2]
FOLDERS = ("loaders", "reports", "looker", "orchestrate")
FOLDERS += ("models", "macros", "seeds", "tests/dbt")
FILES = ("dbt_project.yml", "profiles.yml.example", "luigi.cfg")
FILES += ("luigi-central.cfg", "luigid.cfg")
NIGHTSHIFT = "from orchestrate.cli.main import main; main()"
LUIGI = "from luigi.cmdline import luigi_run; luigi_run()"
DBT = "from dbt.cli.main import cli; cli()"
PARSE = "from orchestrate.dbt import manifest; manifest.read()"
TIMEOUT_SECONDS = 900
# A developer's own settings, which no test may depend on.
FOREIGN_PREFIXES = ("NIGHTSHIFT_", "DBT_", "LUIGI_", "AWS_", "OPENLINEAGE_")
# Without it, each command would compile the project again.
FOREIGN_PREFIXES += ("PYTHONDONTWRITEBYTECODE",)


@dataclass(frozen=True)
class CommandResult:
    """The exit code of a command and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the command printed
        """The output of a command called with --json."""
        return json.loads(self.out)

    def expect(self, code: int) -> "CommandResult":
        """Return self; AssertionError with all output for another exit code."""
        assert self.code == code, (
            f"exit {self.code}, not {code}\n{self.out}\n{self.err}"
        )
        return self


@dataclass(frozen=True)
class Project:
    """A copy of the project, and the environment variables of its commands."""

    folder: Path
    environment: Mapping[str, str]

    @property
    def warehouse(self) -> Path:
        """The DuckDB file."""
        return self.folder / "var" / "nightshift.duckdb"

    @property
    def raw_url(self) -> str:
        """The S3 URL of the raw partitions."""
        return self.environment["NIGHTSHIFT_RAW_URL"]

    @property
    def archive_url(self) -> str:
        """The S3 URL of the archive."""
        return self.environment["NIGHTSHIFT_ARCHIVE_URL"]

    def nightshift(self, *arguments: object, **environment: str) -> CommandResult:
        """Run `nightshift ARGUMENTS`, with additional environment variables."""
        return self._run(NIGHTSHIFT, arguments, environment)

    def nightshift_after(
        self, code: str, *arguments: object, **environment: str
    ) -> CommandResult:
        """Run `nightshift ARGUMENTS` in a process that executes `code` first."""
        return self._run(f"{code}\n{NIGHTSHIFT}", arguments, environment)

    def luigi(self, *arguments: object, **environment: str) -> CommandResult:
        """Run `luigi --module orchestrate ARGUMENTS`."""
        line = ("--module", "orchestrate", *arguments)
        return self._run(LUIGI, line, environment)

    def dbt(self, *arguments: object, **environment: str) -> CommandResult:
        """Run `dbt ARGUMENTS` at the root of the project, as an analyst would."""
        return self._run(DBT, arguments, environment)

    def run(self, day: date, **environment: str) -> Any:  # noqa: ANN401 - JSON
        """Run one data date, which must succeed; return its JSON summary."""
        result = self.nightshift("run", "--date", day, "--json", **environment)
        return result.expect(0).json

    def plan(self, day: date) -> list[tuple[str, str]]:
        """Return (task, subject) of each task that a run would execute."""
        plan = self.nightshift("plan", "--date", day, "--json").expect(0).json
        return [(step["task"], step["subject"]) for step in plan["steps"]]

    def rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        """Return a query's rows from the DuckDB file."""
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            cursor = connection.execute(query, list(parameters))
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def execute(self, statement: str) -> None:
        """Run a statement in the warehouse, to change the results of a run."""
        with duckdb.connect(str(self.warehouse)) as connection:
            connection.execute(statement)

    def replace_text(self, path: str, old: str, new: str) -> None:
        """Replace text in a file of the copy; the file must contain it."""
        file = self.folder / path
        text = file.read_text(encoding="utf-8")
        assert old in text, f"{path} does not contain {old!r}"
        file.write_text(text.replace(old, new), encoding="utf-8")

    @contextmanager
    def start(
        self, *arguments: object, **environment: str
    ) -> Iterator[subprocess.Popen[str]]:
        """Start `nightshift ARGUMENTS` in its own process group; kill it at the end."""
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
                self.kill(process)

    def kill(self, process: subprocess.Popen[str]) -> None:
        """Kill a started process and its children."""
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    def parse_dbt(self) -> Path:
        """Parse the dbt project; return the folder that contains the manifest."""
        self._run(PARSE, (), {}).expect(0)
        return self.folder / "var" / "dbt"

    def _run(
        self, code: str, arguments: Sequence[object], environment: Mapping[str, str]
    ) -> CommandResult:
        line = list(map(str, arguments))
        variables = self.environment_with(**environment)
        if self._can_be_forked(environment):
            request = Request(code, line, str(self.folder), variables)
            process = fork_server().run(request, timeout=TIMEOUT_SECONDS)
        else:
            process = subprocess.run(
                [sys.executable, "-c", code, *line],
                cwd=self.folder,
                env=variables,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_SECONDS,
                stdin=subprocess.DEVNULL,
            )
        return CommandResult(process.returncode, process.stdout, process.stderr)

    def _can_be_forked(self, environment: Mapping[str, str]) -> bool:
        """Return whether a process with other imports or settings does the same.

        It does not if the folder has a module that replaces a library or is imported
        when Python starts, nor with settings of Python other than the encoding.
        """
        own = {name.partition("/")[0] for name in FOLDERS}
        modules = {path.parent for path in self.folder.glob("*/__init__.py")}
        modules |= set(self.folder.glob("*.py"))
        return (
            IS_SUPPORTED
            and {module.name for module in modules} <= own
            and not any(
                name.startswith("PYTHON") and name != "PYTHONIOENCODING"
                for name in environment
            )
        )

    def environment_with(self, **more: str) -> dict[str, str]:
        """Return the environment variables of a command."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(FOREIGN_PREFIXES)
        }
        # Tests read messages as a person does. Without any variable, as where all
        # settings are in a file, there is none for this either.
        default = {"NIGHTSHIFT_LOG_FORMAT": "human"} if self.environment else {}
        return {
            **inherited,
            **default,
            **self.environment,
            **more,
            "PYTHONPATH": str(self.folder),
            "COLUMNS": "200",
        }


def copy_to(
    folder: Path, environment: Mapping[str, str], *, parsed_dbt: Path | None = None
) -> Project:
    """Copy the production code to `folder`, with a profile and an empty `var`.

    `parsed_dbt` is the result of `parse_dbt` for a copy in the same folder.
    """
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
    if parsed_dbt is not None:
        shutil.copytree(parsed_dbt, folder / "var" / "dbt")
    return Project(folder=folder, environment=dict(environment))
