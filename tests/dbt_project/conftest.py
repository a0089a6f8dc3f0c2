"""The project built on an empty warehouse, with docs, once per test session."""

import json
from pathlib import Path

import pytest

from tests.dbt_project.manifest import Node, run_dbt
from tests.nightly.template import once_per_session


@pytest.fixture(scope="session")
def dbt_folder(session_folder: Path) -> Path:
    """Return the folder of dbt's output, with manifest and catalog in `target`."""

    def build(folder: Path) -> None:
        for command in (["build"], ["docs", "generate", "--no-compile"]):
            process = run_dbt(folder, "--warn-error", *command)
            assert process.returncode == 0, process.stdout + process.stderr

    return once_per_session(session_folder, "dbt-project", build)


@pytest.fixture(scope="session")
def manifest(dbt_folder: Path) -> Node:
    """Return the manifest of the project."""
    return json.loads((dbt_folder / "target" / "manifest.json").read_text("utf-8"))


@pytest.fixture(scope="session")
def catalog(dbt_folder: Path) -> Node:
    """Return dbt's catalog of the empty warehouse after the build."""
    return json.loads((dbt_folder / "target" / "catalog.json").read_text("utf-8"))
