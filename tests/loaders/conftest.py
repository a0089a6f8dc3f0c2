"""Fixtures that give a test its own DuckDB warehouse and its own prefix on S3."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from loaders import aws
from loaders.config import dbt_profile, settings

OTHER_AWS_VARIABLES = ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE")
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


@pytest.fixture
def s3_url(
    shared_emulators: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Connect this process to the emulator; yield a raw URL without objects."""
    for name in OTHER_AWS_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in shared_emulators.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    aws.client_of_process.cache_clear()
    yield f"{shared_emulators['NIGHTSHIFT_RAW_URL']}/{uuid4().hex}"
    aws.client_of_process.cache_clear()


@pytest.fixture
def secret_stores(
    shared_emulators: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """Connect this process to the emulators of both stores; no settings are set."""
    for name in list(os.environ):
        if name.startswith(("NIGHTSHIFT_", "AWS_", "OPENLINEAGE_")):
            monkeypatch.delenv(name)
    endpoint = shared_emulators["AWS_ENDPOINT_URL_S3"]
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        monkeypatch.setenv(name, shared_emulators[name])
    monkeypatch.setenv("AWS_DEFAULT_REGION", shared_emulators["AWS_REGION"])
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    aws.client_of_process.cache_clear()
    settings.load.cache_clear()
    yield {"AWS_ENDPOINT_URL": endpoint}
    aws.client_of_process.cache_clear()
    settings.load.cache_clear()
