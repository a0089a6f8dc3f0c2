"""A backfill on Redshift has the same results as on DuckDB, value by value."""

import io
import json
from collections.abc import Sequence
from typing import Any

import pyarrow.parquet
import pytest
import yaml

from tests.nightly.project import Project
from tests.nightly.s3_objects import list_etags, s3_client, split_url
from tests.redshift.conftest import WORLD, Backfills, RedshiftClient
from tests.reference import MART_KEYS, differences, expected_marts, read_raw_data

# The columns of each ledger that must be equal. Timestamps and run ids differ. Failures
# are left out, because other tests cause some.
LEDGERS = {
    "loads": "source, dt, fingerprint, objects, lines, rows_loaded, rejects, bytes",
    "load_objects": "source, dt, object_key, size_bytes, etag, lines, rejects",
    "load_rejects": "source, dt, object_key, line_number, reason, line",
    "model_runs": "model, data_date, input_fingerprint, status",
    "archives": 'dataset, dt, version, files, "rows"',
    "salesforce_syncs": "data_date, sent, accepted, rejected, unchanged, status",
}
MAX_SHOWN = 10

# The first test also runs both backfills.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def assert_same_rows(
    name: str, expected: list[dict[str, Any]], actual: list[dict[str, Any]]
) -> None:
    """Fail with the first rows that are missing on either side."""
    duckdb, redshift = _sorted(expected), _sorted(actual)
    only_duckdb = [row for row in duckdb if row not in redshift][:MAX_SHOWN]
    only_redshift = [row for row in redshift if row not in duckdb][:MAX_SHOWN]
    assert duckdb == redshift, (
        f"{name}\nonly DuckDB: {only_duckdb}\nonly Redshift: {only_redshift}"
    )


def _sorted(rows: Sequence[dict[str, Any]]) -> list[str]:
    return sorted(
        json.dumps({key: _comparable(row[key]) for key in sorted(row)}, default=str)
        for row in rows
    )


def _comparable(value: object) -> object:
    """Return numbers of all types as text with nine significant digits."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    try:
        return f"{float(value):.9g}"  # type: ignore[arg-type]
    except TypeError:
        return str(value)


def test_marts_match_the_reference_implementation(
    backfills: Backfills, redshift_client: RedshiftClient
) -> None:
    expected = expected_marts(
        read_raw_data(backfills.raw), data_date=WORLD.until, data_dates=WORLD.dates
    )
    actual = [
        f"{mart}: {line}"
        for mart, key in MART_KEYS.items()
        for line in differences(
            getattr(expected, mart),
            redshift_client.rows(f"select * from {{}}marts.{mart}"),
            key=key,
        )[:MAX_SHOWN]
    ]
    assert not actual, "\n".join(actual)
    assert expected.fct_org_day


def test_every_relation_is_equal_on_both_warehouses(
    backfills: Backfills, redshift_client: RedshiftClient
) -> None:
    duckdb = backfills.duckdb
    names = duckdb.rows(
        "select table_schema, table_name from information_schema.tables "
        "where table_schema in ('marts', 'intermediate', 'staging') "
        "and table_name not like 'raw_%' and table_name not like '%__dbt_tmp'"
    )
    assert len(names) > 30
    for name in names:
        schema, table = name["table_schema"], name["table_name"]
        assert_same_rows(
            table,
            duckdb.rows(f"select * from {schema}.{table}"),
            redshift_client.rows(f"select * from {{}}{schema}.{table}"),
        )


def test_columns_have_the_types_and_lengths_of_the_model_contracts(
    backfills: Backfills, redshift_client: RedshiftClient
) -> None:
    actual = {
        (row["table_name"], row["column_name"]): _type_with_length(row)
        for row in redshift_client.rows(
            "select table_name, column_name, data_type, character_maximum_length, "
            "numeric_precision, numeric_scale from information_schema.columns "
            "where table_schema = '{}marts'"
        )
    }
    models = backfills.redshift.folder / "models"
    expected = {
        (model["name"], column["name"]): column["data_type"]
        for path in sorted(models.rglob("_*__models.yml"))
        for model in yaml.safe_load(path.read_text(encoding="utf-8"))["models"]
        for column in model.get("columns", ())
        if "data_type" in column and (model["name"], column["name"]) in actual
    }
    assert len(expected) > 100
    assert {key: actual[key] for key in expected} == expected


def _type_with_length(row: dict[str, Any]) -> str:
    kind = row["data_type"].removesuffix(" without time zone")
    if kind == "character varying":
        return f"varchar({row['character_maximum_length']})"
    if kind == "numeric":
        return f"numeric({row['numeric_precision']}, {row['numeric_scale']})"
    return str(kind)


@pytest.mark.parametrize("ledger", sorted(LEDGERS))
def test_ledgers_are_equal_on_both_warehouses(
    backfills: Backfills, redshift_client: RedshiftClient, ledger: str
) -> None:
    columns = LEDGERS[ledger]
    select = "select distinct" if ledger == "model_runs" else "select"
    condition = "where status = 'success'" if ledger == "model_runs" else ""
    expected = backfills.duckdb.rows(
        f"{select} {columns} from ops.{ledger} {condition}"
    )
    actual = redshift_client.rows(
        f"{select} {columns} from {{}}ops.{ledger} {condition}"
    )
    assert expected
    assert_same_rows(ledger, expected, actual)


def test_archives_contain_the_same_rows(backfills: Backfills) -> None:
    archives = [_archive(project) for project in (backfills.duckdb, backfills.redshift)]
    assert archives[0].keys() == archives[1].keys()
    assert len(archives[0]) == 4 * len(WORLD.dates)
    for partition, rows in archives[0].items():
        assert_same_rows(partition, rows, archives[1][partition])


def test_plan_of_finished_run_is_empty(backfills: Backfills) -> None:
    plan = backfills.redshift.nightshift("plan", "--date", WORLD.until)
    assert "Nothing to do" in plan.expect(0).out


def test_doctor_passes_on_redshift(backfills: Backfills) -> None:
    checks = backfills.redshift.nightshift("doctor", "--json").expect(0).json["checks"]
    messages = {check["name"]: check["message"] for check in checks}
    assert messages["warehouse"].startswith("127.0.0.1/dev")


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("explain-org", "{org}", "--date", WORLD.until),
        ("report", "--date", WORLD.until),
        ("salesforce", "diff"),
        ("salesforce", "history", "{org}"),
        ("salesforce", "rejects"),
    ],
)
def test_commands_exit_with_the_same_code_on_both_warehouses(
    backfills: Backfills, command: tuple[object, ...]
) -> None:
    org = backfills.duckdb.rows("select min(org_id) as org from marts.fct_org_day")[0]
    arguments = [str(word).format(**org) for word in command]
    duckdb, redshift = (
        project.nightshift(*arguments, "--json").code
        for project in (backfills.duckdb, backfills.redshift)
    )
    assert redshift == duckdb
    assert duckdb in (0, 2)


def _archive(project: Project) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of every partition by its path; all must have `_SUCCESS`."""
    s3 = s3_client(project)
    partitions: dict[str, list[dict[str, Any]]] = {}
    names = list_etags(project, f"{project.archive_url}/")
    bucket, prefix = split_url(project.archive_url)
    for name in names:
        folder, _, file = name.rpartition("/")
        if folder.endswith("/status"):
            continue  # the heartbeat, no dataset
        assert f"{folder}/_SUCCESS" in names, f"{folder} has no _SUCCESS."
        _, _, without_env = folder.strip("/").partition("/")
        if "/report/" in folder:
            continue  # an HTML page, not a dataset
        rows = partitions.setdefault(without_env, [])
        if file.endswith(".parquet"):
            body = s3.get_object(Bucket=bucket, Key=f"{prefix}/{name}")["Body"].read()
            rows += pyarrow.parquet.read_table(io.BytesIO(body)).to_pylist()
    return partitions
