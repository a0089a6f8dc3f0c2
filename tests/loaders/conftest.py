"""A fixture that gives a test its own DuckDB warehouse."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from loaders.config import dbt_profile

PROFILE = {
    "nightshift": {
        "target": "local",
        "outputs": {
            "local": {
                "type": "duckdb",
                "path": "{{ env_var('NIGHTSHIFT_DUCKDB_PATH') }}",
                "schema": "main",
            }
        },
    }
}


@pytest.fixture
def duckdb_warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Configure this process and its children for a DuckDB file that does not exist."""
    (tmp_path / "profiles.yml").write_text(json.dumps(PROFILE), encoding="utf-8")
    monkeypatch.setenv("DBT_PROFILES_DIR", str(tmp_path))
    monkeypatch.setenv("DBT_TARGET", "local")
    monkeypatch.setenv("NIGHTSHIFT_DUCKDB_PATH", str(tmp_path / "test.duckdb"))
    dbt_profile.target.cache_clear()
    yield
    dbt_profile.target.cache_clear()
