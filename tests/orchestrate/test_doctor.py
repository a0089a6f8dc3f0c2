"""`nightshift doctor`: the check for relations of retired models."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from loaders import ledger, warehouse
from loaders.config import dbt_profile
from loaders.ledger.models import ModelRun
from orchestrate.cli import doctor
from orchestrate.dbt import graph
from orchestrate.dbt.graph import Graph, Node

CURRENT = Node(
    name="fct_org_day",
    unique_id="model.nightshift.fct_org_day",
    schema="marts",
    relation="fct_org_day",
    parents=(),
    own_sources=frozenset(),
    sources=frozenset(),
    tests=frozenset(),
    code_checksum="",
)


@pytest.fixture
def empty_warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Use a DuckDB file that does not exist, and a project with one model."""
    monkeypatch.setenv("DBT_TARGET", "local")
    monkeypatch.setenv("NIGHTSHIFT_DUCKDB_PATH", str(tmp_path / "test.duckdb"))
    monkeypatch.setattr(graph, "load", lambda: Graph({CURRENT.name: CURRENT}))
    dbt_profile.target.cache_clear()
    yield
    dbt_profile.target.cache_clear()


def _record_build(connection: warehouse.Connection, model: str, status: str) -> None:
    run = ModelRun(
        model=model,
        data_date=date(2026, 11, 24),
        data_date_from=date(2026, 11, 24),
        code_checksum="",
        input_fingerprint="",
        rows=0,
        tests=0,
        tests_warned=0,
        status=status,
        seconds=0.0,
    )
    ledger.record_model_runs(connection, [run], env="local", version="v1", run_id="r")


@pytest.mark.usefixtures("empty_warehouse")
def test_retired_models_check_passes_without_a_warehouse() -> None:
    check = doctor.check_retired_models()
    assert check.passed
    assert check.message == "no relation of a removed model exists"


@pytest.mark.usefixtures("empty_warehouse")
def test_retired_models_check_names_only_relations_of_removed_models() -> None:
    with warehouse.transaction() as connection:
        warehouse.ensure_tables(connection)
        for model, status in (
            ("old_mart", "success"),
            ("old_view", "success"),
            ("dropped_mart", "success"),
            ("failed_mart", "failed"),
            ("fct_org_day", "success"),
            ("raw_orgs", "success"),
        ):
            _record_build(connection, model, status)
        for name in ("old_mart", "failed_mart", "fct_org_day", "analyst_table"):
            connection.execute(f"create table marts.{name} (id integer)")
        connection.execute("create view staging.old_view as select 1 as id")
        connection.execute("create schema elsewhere")
        connection.execute("create table elsewhere.old_mart (id integer)")
    check = doctor.check_retired_models()
    assert check.passed
    assert check.message == (
        "relations of removed models exist: marts.old_mart, staging.old_view. "
        "Drop them: dbt run-operation drop_retired_models --target local"
    )


@pytest.mark.usefixtures("empty_warehouse")
def test_retired_models_check_passes_if_the_warehouse_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "test.duckdb").write_bytes(b"not a database")
    check = doctor.check_retired_models()
    assert check.passed
    assert check.message.startswith("not checked: ")
