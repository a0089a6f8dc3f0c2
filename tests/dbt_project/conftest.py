"""The project built on an empty warehouse and documented, once for all its tests."""

import json
from pathlib import Path

import pytest

from tests.dbt_project.manifest import (
    Node,
    run_dbt,
)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder that dbt writes to, with the manifest and catalog in `target`."""
    folder = tmp_path_factory.mktemp("dbt")
    built = run_dbt(folder, "--warn-error", "build")
    assert built.returncode == 0, built.stdout + built.stderr
    documented = run_dbt(folder, "--warn-error", "docs", "generate")
    assert documented.returncode == 0, documented.stdout + documented.stderr
    return folder


@pytest.fixture(scope="session")
def manifest(folder: Path) -> Node:
    """Give the manifest of the project."""
    return json.loads((folder / "target" / "manifest.json").read_text("utf-8"))


@pytest.fixture(scope="session")
def catalog(folder: Path) -> Node:
    """Give what the empty warehouse holds once all models are built."""
    return json.loads((folder / "target" / "catalog.json").read_text("utf-8"))
