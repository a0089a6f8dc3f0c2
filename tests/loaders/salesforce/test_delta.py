"""Only rows that may have changed leave the warehouse, and they are rendered alike."""

from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from loaders import warehouse
from loaders.config.salesforce_mapping import Field, Mapping
from loaders.salesforce import compare, mart_sql, plan
from loaders.salesforce.ledger import Scope
from loaders.salesforce.staging_db import StagingDb
from tests.loaders.salesforce.fixtures import (
    BULK,
    DATA_DATE,
    FAST,
    MAPPING,
    REJECTED_PLAN,
    Mart,
    SalesforceOrg,
    org_row,
)

TYPED = Mapping(
    "typed_mart",
    "O",
    "key__c",
    (
        Field("name__c", "name__c", "text", length=5, too_long="truncate"),
        Field("plan__c", "plan__c", "text", length=5, nulls="ignore"),
        Field("key__c", "key__c", "text", length=8),
        Field("day__c", "day__c", "date"),
        Field("count__c", "count__c", "number", precision=4),
        Field("median__c", "median__c", "number", precision=6, scale=2),
        Field("share__c", "share__c", "percent", precision=5, scale=1),
        Field("paid__c", "paid__c", "checkbox"),
    ),
)
COLUMN_TYPES = ("varchar", "varchar", "varchar", "date", "bigint")
COLUMN_TYPES += ("numeric(38, 2)", "numeric(38, 1)", "boolean")
PLAIN: tuple[Any, ...] = ("n", "p", "k", date(2026, 11, 24), 1, Decimal(1), 1, True)
# One row is PLAIN with another value of one column.
OTHERS: tuple[tuple[Any, ...], ...] = (
    (
        *(None, "", " ", "\t", "\u00a0", "\u2003 ", "a,b", 'a"b', "a\\b", "a\nb"),
        *("a\r\nb", "a\0b", "\x1c", "éèêëē", "\N{ROCKET}" * 6, "123456", "12345\n"),
        *("#N/A", "#N/Ax"),
    ),
    (None, "", "123456", "12345", "#N/A", " x ", "a,b", "\u0085", "\x7f"),
    (None, "", " ", "a,b", 'a"', "é", "a b", "123456789", "12345678", "k\t", "#N/A"),
    (None, date(1699, 12, 31), date(1700, 1, 1), date(4000, 12, 31), date(4001, 1, 1)),
    (None, 0, -5, 9999, 10_000, -10_000, 2**62),
    (None, 0, Decimal("0.50"), Decimal("-0.10"), Decimal(100), 9999, 10_000, -9999),
    (None, 0, Decimal("99.9"), 10, 9_999, 10_000),
    (None, False),
)


def _rows() -> list[tuple[Any, ...]]:
    rows = [PLAIN]
    for position, values in enumerate(OTHERS):
        rows += [(*PLAIN[:position], v, *PLAIN[position + 1 :]) for v in values]
    key = 2
    return [
        (*row[:key], f"{n}" if row[key] == "k" else row[key], *row[key + 1 :])
        for n, row in enumerate(rows)
    ]


def _fill_typed_mart() -> None:
    columns = [field.column for field in TYPED.fields]
    types = ", ".join(
        f'"{c}" {kind}' for c, kind in zip(columns, COLUMN_TYPES, strict=True)
    )
    with warehouse.transaction() as connection:
        table = connection.table("marts", TYPED.model)
        connection.execute(f"create or replace table {table} ({types})")
        connection.insert(table, columns, _rows())


def _staged(path: Path, *, in_sql: bool) -> list[tuple[Any, ...]]:
    context = SimpleNamespace(
        sync=SimpleNamespace(mapping_version="org/v"),
        destination=SimpleNamespace(is_key_case_sensitive=False),
    )
    with (
        closing(StagingDb.create(path, identity={})) as staging_db,
        warehouse.session() as connection,
    ):
        mart = mart_sql.read_mart(connection, TYPED)
        with staging_db.attached_to(connection):
            rows = compare._MartRows(connection, mart, context, staging_db)
            assert rows.stage(is_delta=False, in_sql=in_sql)
            if in_sql:
                plain = mart_sql.plain_condition(mart)
                query = f"select count(*) from {mart.table} where {plain}"
                assert connection.fetch_all(query)[0][0] > len(_rows()) / 2
        columns = ", ".join(compare.ROW_COLUMNS[:-1])
        return staging_db.query(
            f"select {columns}, coalesce(action, '') from local.rows order by 2, 1"
        )


def test_rows_rendered_in_sql_are_those_rendered_in_python(
    mart: Mart, tmp_path: Path
) -> None:
    _fill_typed_mart()
    in_sql = _staged(tmp_path / "sql" / "staging.duckdb", in_sql=True)
    in_python = _staged(tmp_path / "python" / "staging.duckdb", in_sql=False)
    assert in_sql == in_python
    assert len(in_sql) == len(_rows())


def test_rows_with_different_values_have_different_hashes(mart: Mart) -> None:
    texts = [None, "", "1:", ",", "h", "0:", "x" * 251, "x" * 252]
    rows = [(a, b, *PLAIN[2:]) for a, b in product(texts, texts)]
    rows += [(*PLAIN[:4], None, 1, *PLAIN[6:]), (*PLAIN[:4], 1, None, *PLAIN[6:])]
    rows += [(*PLAIN[:7], value) for value in (None, False)]
    columns = [field.column for field in TYPED.fields]
    _fill_typed_mart()
    with warehouse.session() as connection:
        described = mart_sql.read_mart(connection, TYPED)
        connection.execute(f"delete from {described.table}")
        connection.insert(described.table, columns, rows)
        hashes = connection.fetch_all(
            f"select distinct {mart_sql.source_hash(described, 'org/v')} "
            f"from {described.table}"
        )
    assert len(hashes) == len(rows)


def _delta(salesforce: SalesforceOrg) -> set[str | None]:
    """Return the keys of the rows that may have to be sent."""
    (version,) = {
        version
        for (version,) in Mart().read_ledger("salesforce_rows", "mapping_version")
    }
    scope = Scope(MAPPING.object, version.partition("/")[0])
    sync = SimpleNamespace(mapping_version=version)
    with warehouse.session() as connection:
        mart = mart_sql.read_mart(connection, MAPPING)
        with mart_sql.delta(connection, mart, sync, scope):
            rows = connection.fetch_all(f"select key from {mart_sql.DELTA}")
    return {key for (key,) in rows}


def test_unchanged_rows_do_not_leave_the_warehouse(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    rows = [org_row(str(n), hosts=n) for n in range(30)]
    mart.fill([*rows, org_row("é"), org_row("bad", billing_plan=REJECTED_PLAN)])
    salesforce.sync()
    rows[3] = org_row("3", hosts=99)
    # Rendered alike, so it is not sent; the second time it is not even rendered.
    rows[4] = org_row("4", hosts=4, org_name="Org 4\0")
    rows[5:7] = [org_row("a"), org_row("A")]
    mart.fill([*rows, org_row("é"), org_row("bad", billing_plan=REJECTED_PLAN)])
    assert _delta(salesforce) == {"3", "4", "a", "A", "é", "bad"}
    result = salesforce.sync()
    assert (result.sent, result.accepted, result.unchanged) == (2, 1, 28)
    assert _delta(salesforce) == {"a", "A", "é", "bad"}
    assert salesforce.sync().sent == 1


@pytest.mark.parametrize(
    ("added", "rejected"),
    [("k7", 0), ("K1", 2), ("k1\0", 2), ("\u212a1", 2), ("\u212a7", 0), ("K1" * 20, 1)],
)
def test_new_key_is_compared_with_the_keys_of_unchanged_rows(
    mart: Mart, salesforce: SalesforceOrg, *, added: str, rejected: int
) -> None:
    rows = [org_row(f"k{n}") for n in range(4)]
    mart.fill_and_sync(rows, salesforce)
    mart.fill([*rows, org_row(added)])
    result = salesforce.sync()
    assert result.rejected == rejected
    assert result.accepted + result.unchanged + result.rejected == 5


def test_state_of_an_earlier_version_is_taken_over(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    rows = [org_row(str(n), hosts=n) for n in range(6)]
    mart.fill_and_sync(rows, salesforce)
    rows[0]["hosts__c"] = 7
    mart.fill_and_sync(rows, salesforce)
    with warehouse.transaction() as connection:
        connection.execute(f"drop table {connection.table('ops', 'salesforce_state')}")
        # Hashes of earlier versions were shorter; rejects had no org.
        connection.execute(
            f"update {connection.table('ops', 'salesforce_rows')} "
            "set payload_hash = left(payload_hash, 32)"
        )
        connection.execute(
            f"alter table {connection.table('ops', 'salesforce_rejects')} "
            "drop column salesforce_org_id"
        )
    result = salesforce.sync()
    assert (result.sent, result.unchanged) == (0, 6)
    assert _delta(salesforce) == set()
    rows[1]["hosts__c"] = 8
    mart.fill(rows)
    assert salesforce.sync().accepted == 1


def test_state_catches_up_with_rows_that_an_earlier_version_appended(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    rows = [org_row(str(n), hosts=n) for n in range(3)]
    mart.fill_and_sync(rows, salesforce)
    state = "ops", "salesforce_state"
    with warehouse.session() as connection:
        connection.execute(
            f"create temp table before as select * from {connection.table(*state)}"
        )
        rows[0]["hosts__c"] = 70
        mart.fill_and_sync(rows, salesforce)
        connection.execute(f"delete from {connection.table(*state)}")
        connection.execute(
            f"insert into {connection.table(*state)} select * from before"
        )
    result = salesforce.sync()
    assert (result.sent, result.unchanged) == (0, 3)


def test_state_agrees_with_the_log(mart: Mart, salesforce: SalesforceOrg) -> None:
    for step in range(4):
        rows = [org_row(f"k{n}", hosts=step * (n % 2)) for n in range(20)]
        mart.fill(rows)
        salesforce.sync(BULK if step % 2 else FAST)
    columns = ("key", "payload_hash", "salesforce_id", "sync_id", "accepted_at")
    log = sorted(mart.read_ledger("salesforce_rows", *columns), key=lambda row: row[4])
    latest = {row[0]: row for row in log}
    assert sorted(mart.read_ledger("salesforce_state", *columns)) == sorted(
        latest.values()
    )


def test_old_values_are_deleted_except_the_latest_of_each_key(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    for hosts in range(3):
        mart.fill_and_sync([org_row("1", hosts=hosts), org_row("2")], salesforce)
    with warehouse.transaction() as connection:
        for table in ("salesforce_rows", "salesforce_state"):
            connection.execute(
                f"update {connection.table('ops', table)} "
                "set accepted_at = accepted_at - interval '401 days'"
            )
    mart.fill([org_row("1", hosts=2), org_row("2")])
    assert salesforce.sync().unchanged == 2
    assert sorted(mart.read_ledger("salesforce_rows", "key")) == [("1",), ("2",)]
    assert salesforce.sync(as_of=DATA_DATE).unchanged == 2
    mart.fill([org_row("1", hosts=9), org_row("2")])
    plan_of_change = plan.make_plan(salesforce.request(), salesforce.settings)
    assert plan_of_change.changes[0].fields == {"hosts__c": ("2", "9")}


def test_medians_count_rows_that_are_not_staged(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    policy = replace(
        FAST, safety_thresholds=replace(FAST.safety_thresholds, min_rows=10)
    )
    rows = [org_row(f"{n:03}", hosts=n // 10) for n in range(99)]
    mart.fill(rows)
    salesforce.sync(policy)
    for row in rows[:30]:
        row["hosts__c"] = 9
    mart.fill(rows)
    assert salesforce.sync(policy).accepted == 30  # the median changes from 4 to 7
    for row in rows[30:55]:
        row["hosts__c"] = 90
    mart.fill(rows)
    with pytest.raises(Exception, match=r"median of hosts__c changes from 7 to 9 "):
        salesforce.sync(
            replace(
                policy,
                safety_thresholds=replace(
                    policy.safety_thresholds, max_median_factor=1.2
                ),
            )
        )


def test_rows_of_two_days_are_compared_by_value(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    day = DATA_DATE + timedelta(days=1)
    mart.fill_and_sync([org_row("1"), org_row("2")], salesforce)
    mart.fill([org_row(key, generated_date=day) for key in ("1", "2")])
    assert salesforce.sync(data_date=day).accepted == 2
