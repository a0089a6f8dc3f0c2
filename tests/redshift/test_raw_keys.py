"""New, changed and removed keys of raw tables on Redshift."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redshift_connector

from loaders import warehouse
from loaders.raw import unknown_keys
from loaders.warehouse import create_tables
from loaders.warehouse.declared_tables import raw_tables
from orchestrate.run_id import RUN_ID
from orchestrate.tasks.load import load_partitions
from tests.loaders import raw_key_cases
from tests.loaders.raw_key_cases import BASE, STEPS, TYPE_CHANGES
from tests.nightly.project import copy_to
from tests.redshift.conftest import RedshiftEmulator
from tests.redshift.dirty_records import ORG
from tests.redshift.loading import DATA_DATE, WAREHOUSES, read_rows, upload_partition
from tests.redshift.project import RedshiftProject

WAIT_SECONDS = 60
SOURCES = "models/staging/app/_app__sources.yml"
HOSTS = """          - name: hosts
            data_type: bigint
"""
NEW_KEY = """          - name: labels
            data_type: json
            description: Labels of the sample.
"""


def test_declared_columns_are_added_and_others_kept(
    use_warehouse: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    use_warehouse("redshift")
    for steps in STEPS.values():
        raw_key_cases.check_steps(monkeypatch, steps)


def test_changed_type_is_an_error_with_the_statement_to_run(
    use_warehouse: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    use_warehouse("redshift")
    longer = ("'x'", "varchar(9)", "varchar(65535)", "x")
    for change in (*TYPE_CHANGES, longer):
        raw_key_cases.check_type_change(monkeypatch, change, names={"json": "super"})


def test_two_runs_at_once_add_a_column_once(
    use_warehouse: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    use_warehouse("redshift")
    raw_key_cases.declare(monkeypatch, BASE)
    warehouse.create_missing_tables()
    create_tables._complete.clear()
    raw_key_cases.declare(monkeypatch, BASE | {"n": "bigint", "m": "bigint"})
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(warehouse.create_missing_tables, ["one", "two"]))
    with warehouse.session() as connection:
        rows = connection.fetch_all(
            "-- test\nselect distinct run_id, count(*) "
            f"from {connection.table('ops', 'schema_changes')} group by 1"
        )
    assert rows in ([("one", 2)], [("two", 2)])


@pytest.mark.slow
def test_dbt_adds_columns_and_refuses_changed_types(
    tmp_path: Path, redshift_emulator: RedshiftEmulator
) -> None:
    environment = {**redshift_emulator.environment, "DBT_TARGET": "dev"}
    environment["NIGHTSHIFT_REDSHIFT_SCHEMA"] = "raw_keys"
    project = RedshiftProject(copy_to(tmp_path / "p", {}).folder, environment)
    command = ("run", "--select", "stg_app__usage_samples")
    project.dbt(*command).expect(0)
    project.replace_text(SOURCES, HOSTS, NEW_KEY + HOSTS)
    with ThreadPoolExecutor(2) as pool, project.cursor() as third:
        third.execute("begin")
        third.execute("lock table raw_keys_staging.raw_metrics")
        # dbt cannot build the same model twice at once.
        commands = [command, ("run", "--select", "stg_app__orgs")]
        runs = [pool.submit(project.dbt, *arguments) for arguments in commands]
        _wait_for_locks(third, len(runs))
        third.execute("commit")
        for run in runs:
            run.result().expect(0)
    project.replace_text(SOURCES, HOSTS, HOSTS.replace("bigint", "boolean"))
    refused = project.dbt(*command)
    assert refused.code != 0
    message = " ".join(refused.out.split())
    assert "Column hosts of raw_keys_staging.raw_metrics has the type bigint" in message
    assert 'rename column "hosts" to "hosts_bigint"' in message
    changes = project.rows(
        "select table_name, column_name, change, data_type from ops.schema_changes"
    )
    assert [tuple(row.values()) for row in changes] == [
        ("staging.raw_metrics", "labels", "added", "super")
    ]


def _wait_for_locks(cursor: redshift_connector.Cursor, sessions: int) -> None:
    """Return once this many sessions wait for the lock that the cursor holds."""
    deadline = time.monotonic() + WAIT_SECONDS
    waiting = 0
    while waiting < sessions:
        assert time.monotonic() < deadline, f"{waiting} sessions wait"
        time.sleep(0.05)
        cursor.execute("select count(*) from pg_locks where not granted")
        ((waiting,),) = cursor.fetchall()


@pytest.mark.parametrize("warehouse_name", WAREHOUSES)
def test_unknown_keys_are_recorded_once(
    use_warehouse: Callable[..., None],
    warehouse_name: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    use_warehouse(warehouse_name)
    lines: list[dict[str, object]] = [
        {"tier": None, "n": None},
        {"tier": "gold"},
        {"tier": 7, "Tier": True, "o": {"mail": "a@example.com"}},
        {"tier": "caf\u00e9", "a b'c": ["x" * 99]},  # not an ordinary line
        {},
    ]
    text = "\n".join(json.dumps(ORG | line) for line in lines)
    upload_partition("orgs", {"a.json": text.encode()})
    load_partitions("orgs", [DATA_DATE])
    columns = ["column_name", "data_type", "records", "dt", "change", "run_id"]
    assert read_rows("ops", "schema_changes", columns) == [
        (*row, DATA_DATE, "unknown key", RUN_ID)
        for row in (
            ("a b'c", "array", 1),
            ("Tier", "boolean", 1),
            ("n", "null", 1),
            ("o", "object", 1),
            ("tier", "number", 4),
        )
    ]
    with warehouse.session() as connection:
        examples = unknown_keys.read_examples(
            connection, raw_tables()["orgs"], [DATA_DATE]
        )
    assert json.loads(examples["o"]) == {"mail": "a@example.com"}
    assert examples["a b'c"] == '["' + "x" * 38
    assert (examples["Tier"], examples["n"]) == ("true", "null")
    assert "example.com" not in caplog.text
    later = {"tier": "gold", "o": 1, "new": 1}
    upload_partition("orgs", {"a.json": json.dumps(ORG | later).encode()})
    load_partitions("orgs", [DATA_DATE])
    names = read_rows("ops", "schema_changes", ["column_name"])
    assert names == [("a b'c",), ("Tier",), ("n",), ("new",), ("o",), ("tier",)]
