"""Records at the edge of what is valid go through a whole run, with exact results."""

import io
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet
import pytest

from tests.nightly.assertions import (
    assert_marts_match_reference,
    assert_same_marts,
    read_marts,
)
from tests.nightly.extreme_world import (
    CUSTOMER,
    DATES,
    FAR_AHEAD,
    LONG_BEFORE,
    MAX_INT,
    MIN_INT,
    ORDINARY_DATES,
    ORGS,
    RUNNING,
    UNTIL,
    write_extreme_world,
)
from tests.nightly.project import Project
from tests.nightly.s3_objects import list_etags, s3_client, split_url, upload_partitions
from tests.nightly.salesforce_records import read_records

pytestmark = pytest.mark.slow

WHOLE_DIGITS = {
    "org_id__c": 18,
    **{f"{name}__c": 18 for name in ("hosts", "dashboards", "metrics")},
    **{f"median_{name}__c": 16 for name in ("hosts", "dashboards", "metrics")},
    "target_attainment__c": 4,
}
"""The digits that Salesforce's fields allow before the decimal point."""


def test_extreme_values_go_through_every_step(project: Project, tmp_path: Path) -> None:
    raw = write_extreme_world(tmp_path / "raw")
    run_dates_of_two_versions(project, raw)
    assert_extreme_values_are_exact(project, raw)
    before = read_marts(project)
    project.dbt("build", "--full-refresh").expect(0)
    assert_same_marts(before, read_marts(project))


def run_dates_of_two_versions(project: Project, raw: Path) -> None:
    """Run the ordinary dates with the number types of an earlier version, then all."""
    upload_partitions(project, raw)
    _backfill(project, ORDINARY_DATES[0], ORDINARY_DATES[-1])
    narrowed = narrow_number_columns(project)
    assert {"fct_org_trial_metrics", "int_org_trial_medians"} <= narrowed
    assert {"big_customer_usage", "trial_target_curve"} <= narrowed
    _backfill(project, DATES[len(ORDINARY_DATES)], DATES[-2])
    _run("run", project, "--date", UNTIL)
    assert _number_types(project, 18) == {}


def _backfill(project: Project, first: object, last: object) -> None:
    _run("backfill", project, "--from", first, "--to", last)


def _run(command: str, project: Project, *dates: object) -> None:
    """Run a command that must finish; code 2 means that Salesforce rejected rows."""
    result = project.nightshift(command, *dates)
    assert result.code in (0, 2), result.out + result.err


def narrow_number_columns(project: Project) -> set[str]:
    """Give all decimal columns the types of an earlier version; return the tables."""
    tables = _number_types(project, 38)
    for (schema, table), scales in tables.items():
        columns = project.rows(
            "select column_name from information_schema.columns where "
            f"table_schema = '{schema}' and table_name = '{table}' "
            "order by ordinal_position"
        )
        names = [row["column_name"] for row in columns]
        old_types = {0: "bigint", 2: "numeric(18, 2)", 1: "numeric(5, 1)"}
        selected = ", ".join(
            f"cast({name} as {old_types[scales[name]]}) as {name}"
            if name in scales
            else name
            for name in names
        )
        old, new = f"{schema}.{table}", f"{schema}.{table}_narrow"
        project.execute(f"create table {new} as select {selected} from {old}")
        project.execute(f"drop table {old}")
        project.execute(f"alter table {new} rename to {table}")
    return {table for _, table in tables}


def _number_types(
    project: Project, precision: int
) -> dict[tuple[str, str], dict[str, int]]:
    """Return the scale of each table's decimal columns of a precision."""
    tables: dict[tuple[str, str], dict[str, int]] = {}
    for row in project.rows(
        "select columns.table_schema, columns.table_name, columns.column_name, "
        "columns.numeric_scale from information_schema.columns as columns "
        "inner join information_schema.tables as tables "
        "on columns.table_schema = tables.table_schema "
        "and columns.table_name = tables.table_name "
        "where tables.table_type = 'BASE TABLE' "
        "and (lower(columns.data_type) like 'decimal%' "
        "or lower(columns.data_type) like 'numeric%') "
        "and (columns.table_schema like '%marts' "
        "or columns.table_schema like '%intermediate') "
        f"and columns.numeric_precision = {precision}"
    ):
        key = (row["table_schema"], row["table_name"])
        tables.setdefault(key, {})[row["column_name"]] = row["numeric_scale"]
    return tables


def assert_extreme_values_are_exact(project: Project, raw: Path) -> None:
    """Check marts, Salesforce, archive, report and `explain-org` of the last date."""
    assert_marts_match_reference(project, raw, data_date=UNTIL, data_dates=DATES)
    customer = _row(project, "big_customer_usage", "metric_date", CUSTOMER)
    assert abs(customer["hosts_day_change"]) == 2**64 - 1
    assert abs(customer["hosts_week_change"]) == 2**64 - 1
    running = _row(project, "fct_org_trial_metrics", "generated_date", RUNNING)
    assert running["median_hosts"] == Decimal(MAX_INT) - 2 + Decimal("0.5")
    _assert_salesforce_rejects_only_rows_beyond_its_limits(project)
    _assert_archive_is_exact(project)
    project.nightshift("report", "--date", UNTIL).expect(0)
    for org_id in (CUSTOMER, RUNNING, LONG_BEFORE, FAR_AHEAD, MIN_INT, MAX_INT):
        _assert_org_is_explained(project, org_id)


def _row(project: Project, mart: str, date_column: str, org_id: int) -> dict:
    (row,) = project.rows(
        f"select * from marts.{mart} where org_id = {org_id} "
        f"and {date_column} = date '{UNTIL}'"
    )
    return row


def _assert_salesforce_rejects_only_rows_beyond_its_limits(project: Project) -> None:
    rows = project.rows("select * from marts.sf_trial_metrics")
    beyond = {
        row["org_id__c"]
        for row in rows
        if any(
            row[name] is not None
            and len(str(row[name]).partition(".")[0].lstrip("-")) > digits
            for name, digits in WHOLE_DIGITS.items()
        )
    }
    assert {str(MIN_INT), str(MAX_INT), str(10**18), str(RUNNING)} <= beyond
    accepted = {row["org_id__c"] for row in rows} - beyond
    assert len(accepted) > len(beyond)
    rejects = project.rows(
        "select distinct rejects.key, rejects.code "
        "from ops.salesforce_rejects as rejects "
        "inner join ops.salesforce_syncs as syncs on rejects.sync_id = syncs.sync_id "
        f"where syncs.data_date = date '{UNTIL}'"
    )
    assert {row["key"] for row in rejects} == beyond
    assert {row["code"] for row in rejects} <= {"TOO_LARGE", "TOO_LONG"}
    records = read_records(project)
    assert accepted <= records.keys()
    for row in rows:
        if row["org_id__c"] in accepted:
            record = records[row["org_id__c"]]
            assert record["generated_date__c"] == str(UNTIL)
            assert record["metrics__c"] == row["metrics__c"]


def _assert_archive_is_exact(project: Project) -> None:
    s3 = s3_client(project)
    bucket, prefix = split_url(project.archive_url)
    rows: dict[str, list[dict]] = {}
    for name in list_etags(project, f"{project.archive_url}/"):
        if name.endswith(".parquet") and f"dt={UNTIL}" in name:
            body = s3.get_object(Bucket=bucket, Key=f"{prefix}/{name}")["Body"].read()
            table = pyarrow.parquet.read_table(io.BytesIO(body))
            rows.setdefault(name.split("/")[-3], []).extend(table.to_pylist())
    archived = {row["org_id"]: row for row in rows["org_trial_metrics"]}
    mart = project.rows(
        "select * from marts.fct_org_trial_metrics "
        f"where generated_date = date '{UNTIL}'"
    )
    assert {row["org_id"]: row for row in mart} == archived
    dates = {row["org_id"]: row["trial_start_date"] for row in rows["org_activity"]}
    assert str(dates[LONG_BEFORE]) == "0001-01-01"
    assert str(dates[FAR_AHEAD]) == "9999-12-31"
    assert len(dates) == len(ORGS) + 1


def _assert_org_is_explained(project: Project, org_id: int) -> None:
    command = ("explain-org", "--date", UNTIL)
    trace = project.nightshift(*command, "--json", "--", org_id).expect(0).json
    assert trace["activity"]["org_id"] == org_id
    output = project.nightshift(*command, "--", org_id).expect(0).out
    if org_id in (LONG_BEFORE, FAR_AHEAD):
        start = "0001-01-01 00:00" if org_id == LONG_BEFORE else "9999-12-31 23:59"
        assert f"trial started {start}" in output
    if org_id == RUNNING:
        assert trace["trial_metrics"]["max_dashboards"] == MAX_INT
        assert f"{MAX_INT - 1:,}" in output and f"{MIN_INT:,}" in output
        assert f"{Decimal(MAX_INT) - 2 + Decimal('0.5'):,}" in output
