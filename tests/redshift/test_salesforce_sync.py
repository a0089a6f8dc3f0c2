"""A sync from Redshift: hashes are those of DuckDB, and only changed rows are read."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from loaders import warehouse
from loaders.errors import TransientError
from loaders.ledger.salesforce import count_open_rejects, open_rejects
from loaders.salesforce import mart_sql
from loaders.salesforce.ledger import Scope
from loaders.salesforce.safety_check import SafetyCheckError
from loaders.salesforce.staging_db import StagingDb
from loaders.warehouse import Connection
from tests.loaders.salesforce import other_user
from tests.loaders.salesforce.conftest import certificate_folder, salesforce
from tests.loaders.salesforce.fixtures import (
    BULK,
    COLUMNS,
    DATA_DATE,
    FAST,
    MAPPING,
    REJECTED_PLAN,
    Mart,
    SalesforceOrg,
    org_row,
)

__all__ = ["certificate_folder", "salesforce"]
TYPES = {
    "text": "varchar(65535)",
    "date": "date",
    "checkbox": "boolean",
    "number": "numeric(38, 2)",
    "percent": "numeric(38, 1)",
}
ROWS = 250  # more than are written with INSERT statements
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def _fill(rows: list[dict[str, Any]]) -> None:
    types = [
        "bigint" if field.is_numeric and not field.scale else TYPES[field.type]
        for field in MAPPING.fields
    ]
    columns = ", ".join(
        f'"{name}" {kind}' for name, kind in zip(COLUMNS, types, strict=True)
    )
    with warehouse.transaction() as connection:
        table = connection.table("marts", MAPPING.model)
        connection.execute(f"drop table if exists {table}")
        connection.execute(f"create table {table} ({columns})")
        values = [[row[name] for name in COLUMNS] for row in rows]
        connection.insert(table, COLUMNS, values)


def _hashes() -> dict[str, str]:
    with warehouse.session() as connection:
        mart = mart_sql.read_mart(connection, MAPPING)
        return dict(
            connection.fetch_all(
                f"select {mart.key}, {mart_sql.source_hash(mart, 'org/v')} "
                f"from {mart.table}"
            )
        )


def _delta(version: str) -> set[str]:
    scope = Scope(MAPPING.object, version.partition("/")[0])
    sync = SimpleNamespace(mapping_version=version)
    with warehouse.session() as connection:
        mart = mart_sql.read_mart(connection, MAPPING)
        with mart_sql.delta(connection, mart, sync, scope):
            rows = connection.fetch_all(f"select key from {mart_sql.DELTA}")
    return {key for (key,) in rows}


def test_hashes_are_equal_on_both_warehouses(
    use_warehouse: Callable[..., None],
) -> None:
    rows = [
        org_row("1"),
        org_row("2", is_paid=True, hosts=None, median_hosts=None, org_name=None),
        org_row("3", org_name="é, \N{ROCKET}", last_active_date=None),
        org_row("4", org_name="x" * 300, hosts=-(10**17)),
    ]
    found = []
    for engine in ("duckdb", "redshift"):
        use_warehouse(engine)
        with warehouse.transaction() as connection:
            warehouse.ensure_tables(connection)
        _fill(rows)
        found.append(_hashes())
    assert found[0] == found[1]
    assert len(set(found[0].values())) == len(rows)


def test_only_changed_rows_are_sent_and_the_state_is_taken_over(
    use_warehouse: Callable[..., None], salesforce: SalesforceOrg
) -> None:
    use_warehouse("redshift")
    with warehouse.transaction() as connection:
        warehouse.ensure_tables(connection)
    rows = [org_row(f"k{n}", hosts=n) for n in range(ROWS)]
    _fill([*rows, org_row("bad", billing_plan=REJECTED_PLAN)])
    assert salesforce.sync(BULK).accepted == ROWS
    (version,) = set(Mart().read_ledger("salesforce_rows", "mapping_version"))
    assert _delta(*version) == {"bad"}
    rows[0]["hosts__c"] = 777
    rows[1:3] = [org_row("a"), org_row("A")]
    _fill([*rows, org_row("bad")])
    assert _delta(*version) == {"k0", "a", "A", "bad"}
    result = salesforce.sync(FAST)
    assert (result.accepted, result.rejected, result.unchanged) == (2, 2, ROWS - 3)
    assert salesforce.field_value("k0", "hosts") == 777
    for row in rows:
        row["org_day__c"] = 6
    _fill([*rows, org_row("bad")])
    assert salesforce.sync(BULK).accepted == ROWS - 2
    with warehouse.transaction() as connection:
        connection.execute(f"delete from {connection.table('ops', 'salesforce_state')}")
    result = salesforce.sync(FAST)
    assert (result.sent, result.unchanged) == (0, ROWS - 1)
    assert _delta(*version) == {"a", "A"}
    for row in rows[: ROWS // 10]:
        row["hosts__c"] = 9_999
    _fill([*rows, org_row("bad")])
    limits = replace(FAST.safety_thresholds, min_rows=10, max_median_factor=1.001)
    limited = replace(FAST, safety_thresholds=limits)
    with pytest.raises(
        SafetyCheckError, match=r"median of hosts__c changes from "
    ) as stopped:
        salesforce.sync(limited)
    other_user.edit(salesforce, "k30", hosts__c=1.0)
    other_user.delete(salesforce, "k31")
    result = salesforce.sync(limited, approved_plan_id=stopped.value.plan_id)
    assert result.accepted == ROWS // 10 - 2
    assert result.drift and (result.drift.edited, result.drift.deleted) == (1, 1)
    repaired = salesforce.sync(FAST, repair_drift=True)
    assert (repaired.accepted, repaired.drift and repaired.drift.count) == (2, 0)
    kinds = Mart().read_ledger("salesforce_drift", "key", "kind")
    assert sorted(kinds) == [("k30", "edited"), ("k31", "deleted")]
    _check_known_rejects(salesforce, rows)


def _check_known_rejects(salesforce: SalesforceOrg, rows: list[dict[str, Any]]) -> None:
    """Check that the rejects of an earlier date do not count for later ones."""
    wrong = org_row("bad", billing_plan=REJECTED_PLAN)
    held = replace(BULK, retry_permanent="when_changed")
    for number, counts in ((1, (2, 3, 2, 0)), (2, (0, 3, 3, 1))):
        day = DATA_DATE + timedelta(days=number)
        _fill([{**row, "generated_date__c": day} for row in (*rows, wrong)])
        result = salesforce.sync(held, data_date=day)
        assert result.accepted == ROWS - 2
        found = (result.exit_code, result.rejected, result.known_rejects, result.held)
        assert found == counts
    rejects = {item.key: item.code for item in open_rejects(MAPPING.object)}
    rule = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    assert rejects == {"a": "DUPLICATE_KEY", "A": "DUPLICATE_KEY", "bad": rule}
    with warehouse.session() as connection:
        found_rejects = count_open_rejects(connection)
    assert [row[:3] for row in found_rejects] == [
        (MAPPING.object, "DUPLICATE_KEY", 2),
        (MAPPING.object, rule, 1),
    ]


def test_lost_session_of_a_comparison_is_a_transient_error(
    use_warehouse: Callable[..., None],
    salesforce: SalesforceOrg,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A new session would lack the temporary tables, which looks like bad data."""
    use_warehouse("redshift")
    with warehouse.transaction() as connection:
        warehouse.ensure_tables(connection)
    _fill([org_row("1")])
    fill = StagingDb.fill

    def lose_session(
        self: StagingDb, connection: Connection, *args: object, **options: object
    ) -> None:
        pid = connection.fetch_one("-- tests session id\nselect pg_backend_pid()")
        with warehouse.session() as other:
            other.fetch_one("-- tests end\nselect pg_terminate_backend(?)", pid or ())
        fill(self, connection, *args, **options)  # type: ignore[arg-type]  # as given

    monkeypatch.setattr(StagingDb, "fill", lose_session)
    with pytest.raises(TransientError):
        salesforce.sync(FAST)
