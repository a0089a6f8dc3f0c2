"""An embedded warehouse of its own for each test that asks for one."""

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
def embedded_warehouse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Turn the loaders, and processes that a test starts, to a file not made yet."""
    (tmp_path / "profiles.yml").write_text(json.dumps(PROFILE), encoding="utf-8")
    monkeypatch.setenv("DBT_PROFILES_DIR", str(tmp_path))
    monkeypatch.setenv("DBT_TARGET", "local")
    monkeypatch.setenv("NIGHTSHIFT_DUCKDB_PATH", str(tmp_path / "test.duckdb"))
    dbt_profile.target.cache_clear()
    yield
    dbt_profile.target.cache_clear()
