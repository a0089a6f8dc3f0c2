"""What one process that keeps the embedded engine's file open must not keep."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from loaders import archive, copy, embedded, profile, warehouse

DATASET = archive.Dataset("org_day", "marts", "fct_org_day", "metric_date", ("org_id",))


@pytest.fixture(autouse=True)
def kept_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep an embedded warehouse's file open, as a night does."""
    local = {"type": "duckdb", "path": str(tmp_path / "test.duckdb"), "schema": "main"}
    outputs = {"nightshift": {"target": "local", "outputs": {"local": local}}}
    (tmp_path / "profiles.yml").write_text(json.dumps(outputs), encoding="utf-8")
    monkeypatch.setenv("DBT_PROFILES_DIR", str(tmp_path))
    monkeypatch.setenv("DBT_TARGET", "local")
    profile.target.cache_clear()
    with warehouse.kept_open():
        yield
    profile.target.cache_clear()


def _memory_limit() -> str:
    with warehouse.session() as connection:
        (told,) = connection.fetch_all("select current_setting('memory_limit')")
    return str(told[0])


def test_a_failed_load_leaves_no_limit_behind() -> None:
    before = _memory_limit()
    with (
        pytest.raises(embedded.Error, match="broken"),
        warehouse.session() as connection,
        warehouse.limited(connection, copy.LIMITS),
        warehouse.begun(connection),
    ):
        assert _memory_limit() != before
        connection.execute("select error('broken')")
    assert _memory_limit() == before


def test_an_archive_of_no_days_asks_nobody() -> None:
    with warehouse.session() as connection:
        asked = archive.replace_partitions(
            connection, DATASET, days=[], root="s3://nowhere/archive"
        )
        assert list(asked) == []
