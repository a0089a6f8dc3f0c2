"""Values of 64 bits in tables that an earlier version of the project built."""

import json
import shutil
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tests.dbt_project.manifest import run_dbt
from tests.reference.trials import MEDIAN, quantile

MIN_INT, MAX_INT = -(2**63), 2**63 - 1
DATA_DATE, EARLIER = "2026-11-20", "2026-11-01"
# Hosts of one org's trial days.
TRIALS = {
    1: [MAX_INT],
    2: [MAX_INT, MAX_INT - 1],
    3: [MIN_INT, MAX_INT],
    4: [MIN_INT, MIN_INT + 1, MAX_INT, MAX_INT],
    5: [3, MAX_INT, MAX_INT - 2, MAX_INT],
    6: [-1, 0],
    7: [2**53 + 1, 2**53 + 2],
}


@pytest.mark.slow
def test_narrow_column_is_widened_and_holds_exact_medians(
    dbt_folder: Path, tmp_path: Path
) -> None:
    shutil.copy(dbt_folder / "empty.duckdb", tmp_path)
    with duckdb.connect(str(tmp_path / "empty.duckdb")) as connection:
        connection.execute(
            "alter table intermediate.int_org_trial_medians "
            "alter column median_value type numeric(18, 2)"
        )
        connection.execute(
            "insert into intermediate.int_org_trial_medians "
            "(org_id, metric_name, median_value, generated_date) "
            f"values (1, 'hosts', 12.5, date '{EARLIER}')"
        )
        for org_id, hosts in TRIALS.items():
            connection.execute(
                "insert into intermediate.int_org_trial_spine "
                "(org_id, generated_date, trial_start_date) "
                f"values ({org_id}, date '{DATA_DATE}', date '{EARLIER}')"
            )
            for number, value in enumerate(hosts):
                _insert_org_day(connection, org_id, number, value)

    dates = {"data_date_from": DATA_DATE, "data_date": DATA_DATE}
    variables = json.dumps(dates)
    command = ("run", "--select", "int_org_trial_medians", "--vars", variables)
    process = run_dbt(tmp_path, *command)
    assert process.returncode == 0, process.stdout + process.stderr
    assert "Changed column median_value" in process.stdout
    with duckdb.connect(str(tmp_path / "empty.duckdb")) as connection:
        rows = connection.execute(
            "select org_id, median_value from intermediate.int_org_trial_medians "
            f"where metric_name = 'hosts' and generated_date = date '{DATA_DATE}'"
        ).fetchall()
        kept = connection.execute(
            "select typeof(median_value), median_value "
            "from intermediate.int_org_trial_medians "
            f"where generated_date = date '{EARLIER}'"
        ).fetchall()
    assert dict(rows) == {
        org_id: quantile(hosts, MEDIAN) for org_id, hosts in TRIALS.items()
    }
    assert kept == [("DECIMAL(38,2)", Decimal("12.50"))]


def _insert_org_day(
    connection: duckdb.DuckDBPyConnection, org_id: int, number: int, hosts: int
) -> None:
    """Insert a trial day of an org, with `hosts` and zeros."""
    values = {
        "org_id": org_id,
        "billing_plan_id": 1,
        "org_day": number + 1,
        "hosts": hosts,
        **dict.fromkeys(("integrations", "dashboards", "metrics"), 0),
        **dict.fromkeys(("log_events", "active_users", "error_events"), 0),
        **dict.fromkeys(("sessions", "session_minutes"), 0),
        "is_in_trial": True,
        "metric_date": f"2026-11-{number + 1:02}",
        "trial_start_date": EARLIER,
    }
    placeholders = ", ".join("?" for _ in values)
    connection.execute(
        "insert into intermediate.int_org_trial_days_joined "
        f"({', '.join(values)}) values ({placeholders})",
        list(values.values()),
    )
