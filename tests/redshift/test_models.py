"""dbt on Redshift: models are retried, and views keep working during rebuilds."""

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlfluff
import yaml

from tests.emulators.redshift.admin import send_request
from tests.redshift.conftest import (
    SCHEMA_PREFIX,
    WORLD,
    Backfills,
    RedshiftClient,
    RedshiftEmulator,
)

MODELS = Path(__file__).resolve().parents[2] / "models"
REBUILDS = 2
READERS = 3

# The first test also runs both backfills.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture
def set_fault(redshift_emulator: RedshiftEmulator) -> Iterator[Callable[..., None]]:
    """Return a function that sets a fault; all faults are cleared afterwards."""

    def send_fault(**fault: object) -> None:
        send_request(redshift_emulator.admin, {"do": "fault", "fault": fault})

    yield send_fault
    send_request(redshift_emulator.admin, {"do": "clear"})


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "serialization"},
        {"fault": "drop", "when": "before_commit"},
    ],
)
def test_model_is_retried_after_a_transaction_conflict_or_a_lost_connection(
    backfills: Backfills,
    redshift_client: RedshiftClient,
    set_fault: Callable[..., None],
    redshift_emulator: RedshiftEmulator,
    fault: dict[str, str],
) -> None:
    model = "trial_target_curve"
    query = f"select * from {{}}marts.{model} order by 1, 2, 3, generated_date"
    before = redshift_client.rows(query)
    set_fault(table=f"{SCHEMA_PREFIX}_marts.{model}", **fault)
    result = backfills.redshift.nightshift(
        "rerun", "--date", WORLD.until, "--model", model
    )
    assert result.code in (0, 2), result.out + result.err
    (fault_state,) = send_request(redshift_emulator.admin, {"do": "faults"})["faults"]
    assert fault_state["seen"] > 1, "The model was not retried."
    assert redshift_client.rows(query) == before
    assert before


def test_view_can_be_queried_while_its_table_is_rebuilt(
    backfills: Backfills, redshift_client: RedshiftClient
) -> None:
    table = f"{SCHEMA_PREFIX}_marts.sf_trial_metrics"
    redshift_client.execute(
        "create or replace view {}marts.looker_trials as "
        f"select org_id__c from {table} with no schema binding"
    )
    query = "select count(*) as orgs from {}marts.looker_trials"
    expected = redshift_client.rows(query)
    results, failures, is_finished = [], [], threading.Event()

    def read() -> None:
        reader = RedshiftClient(dict(backfills.redshift.environment))
        while not is_finished.is_set():
            try:
                results.append(reader.rows(query))
            except Exception as error:
                failures.append(error)
        reader.close()

    readers = [threading.Thread(target=read) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(REBUILDS):
            backfills.redshift.dbt(
                "run", "--full-refresh", "--select", "sf_trial_metrics"
            ).expect(0)
    finally:
        is_finished.set()
        for reader in readers:
            reader.join()
    assert not failures
    assert len(results) > REBUILDS
    assert all(result == expected for result in results)
    assert expected[0]["orgs"]


def test_every_model_parses_and_runs_on_redshift_in_prod(
    backfills: Backfills, redshift_client: RedshiftClient
) -> None:
    project = backfills.redshift
    dates = f'{{"data_date": "{WORLD.until}", "data_date_from": "{WORLD.until}"}}'
    kinds = ("--resource-type", "seed", "--resource-type", "model")
    project.dbt("build", *kinds, "--target", "prod", "--vars", dates).expect(0)
    sql_files = _models(project.folder / "target" / "run")
    assert len(sql_files) > 30
    for path in sql_files:
        tree = sqlfluff.parse(path.read_text(encoding="utf-8"), dialect="redshift")
        assert "unparsable" not in str(tree), path.name
    relations = redshift_client.rows(
        "select table_schema from information_schema.tables "
        "where table_schema in ('staging', 'intermediate', 'marts') "
        "and table_name not like 'raw_%'"
    )
    assert len(relations) >= len(sql_files)


def test_tables_have_the_configured_distribution_and_sort_keys(
    redshift_client: RedshiftClient, backfills: Backfills
) -> None:
    layouts = {
        row["table"]: (row["diststyle"], row["sortkey1"])
        for row in redshift_client.rows(
            'select "table", diststyle, sortkey1 from svv_table_info '
            f"where \"schema\" like '{SCHEMA_PREFIX}_%'"
        )
    }
    assert layouts["fct_org_day"] == ("KEY(org_id)", "metric_date")
    assert layouts["fct_org_trial_metrics"] == ("KEY(org_id)", "generated_date")
    assert layouts["trial_target_metrics"] == ("ALL", "generated_date")
    assert layouts["billing_plans"][0] == "ALL"
    assert layouts["raw_web_logs"] == ("EVEN", "dt")


def test_every_view_is_late_binding(
    backfills: Backfills, redshift_client: RedshiftClient
) -> None:
    views = backfills.duckdb.rows(
        "select table_schema, table_name from information_schema.tables "
        "where table_type = 'VIEW' "
        "and table_schema in ('staging', 'intermediate', 'marts')"
    )
    rows = redshift_client.rows(
        "select distinct view_schema, view_name from pg_get_late_binding_view_cols() "
        "cols(view_schema name, view_name name, col_name name, col_type varchar,"
        " col_num int)"
    )
    late_binding = {(row["view_schema"], row["view_name"]) for row in rows}
    assert views
    for view in views:
        assert (
            f"{SCHEMA_PREFIX}_{view['table_schema']}",
            view["table_name"],
        ) in late_binding


def test_all_unit_tests_of_models_pass_on_redshift(backfills: Backfills) -> None:
    files = [yaml.safe_load(path.read_text()) for path in MODELS.rglob("*.yml")]
    unit_tests = sum(len(file.get("unit_tests", [])) for file in files)
    result = backfills.redshift.dbt("test", "--select", "test_type:unit").expect(0)
    assert len(re.findall(r" of \d+ PASS ", result.out)) == unit_tests
    assert unit_tests


def _models(folder: Path) -> list[Path]:
    """Return the files with the SQL that dbt ran for the models."""
    return sorted(
        path
        for path in folder.rglob("models/**/*.sql")
        if not path.parent.name.endswith(".yml")
    )
