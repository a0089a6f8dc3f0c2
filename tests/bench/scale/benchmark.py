"""Benchmark of one date of a company with many orgs.

The days before it are written straight into staging. The date itself is loaded from S3.
The marts are compared with those that a script written by hand computes, row by row.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import duckdb

from tests.bench.measurement import BUILD, LOAD, Measurement, measure, measure_python
from tests.bench.report import Comparison
from tests.emulators import up
from tests.nightly.project import Project, copy_to
from tests.nightly.s3_objects import upload_partitions

DATA_DATE = date(2026, 11, 24)
HISTORY_DAYS = 30
OBJECTS = 8
DBT = (sys.executable, "-m", "dbt.cli.main", "--quiet")
HERE = Path(__file__).parent
SOURCES = {
    "raw_orgs": "company_org_records",
    "raw_metrics": "company_samples",
    "raw_app_logs": "company_events",
    "raw_web_logs": "company_requests",
}
ENSURE_TABLES = """
from loaders import warehouse
warehouse.run_in_transaction(warehouse.ensure_tables)
"""
RUN_SCRIPT = """
import sys, time
import duckdb
connection = duckdb.connect(sys.argv[1])
connection.execute(f"set variable first_day = date '{sys.argv[2]}'")
connection.execute(f"set variable last_day = date '{sys.argv[3]}'")
for script in sys.argv[4:]:
    connection.execute(open(script).read())
"""
# Objects as the product writes them: times are text, a request is a line.
JSON_LINES = """
copy (
    select columns(* exclude (dt)) from (
        select * replace ({times}) from {macro}({orgs}, '{day}', '{day}', '{day}')
    ) where org_id % {objects} = {number}
) to '{path}' (format json, compression gzip)
"""
TIMES = {
    "company_org_records": ("created_at", "trial_started_at", "updated_at"),
    "company_samples": ("sampled_at",),
    "company_events": ("ts",),
}
LOG_LINES = """
copy (
    select client_address || ' - ' || coalesce(cast(user_id as varchar), '-')
        || strftime(requested_at, ' [%d/%b/%Y:%H:%M:%S +0000] "')
        || method || ' ' || path || ' HTTP/1.1" ' || status || ' ' || response_bytes
        || ' "-" "' || user_agent || '"'
    from company_requests({orgs}, '{day}', '{day}', '{day}')
    where response_bytes % {objects} = {number}
) to '{path}' (format csv, header false, quote '', escape '', delimiter '\x01',
    compression gzip)
"""


def scale(sizes: Sequence[int]) -> Iterator[Comparison]:
    """Measure one date after 30 days of history for each number of orgs."""
    first: dict[str, float] = {}
    for orgs in sizes:
        for name, unit, ours, baseline, goal in _measure_date(orgs):
            yield Comparison(
                f"{name}, {orgs:,} orgs",
                unit,
                ours,
                baseline,
                "SQL by hand" if baseline else "",
                goal,
            )
            if unit == "s" and orgs > sizes[0]:
                yield Comparison(
                    f"{name}, {orgs:,} orgs, per org",
                    "ms",
                    ours / orgs * 1_000,
                    first[name] / sizes[0] * 1_000,
                    f"{sizes[0]:,} orgs",
                    "linear growth: at most 1.0x",
                )
            first.setdefault(name, ours)


def _measure_date(
    orgs: int,
) -> Iterator[tuple[str, str, float, float | None, str]]:
    """Yield name, unit, our value, the baseline's and the goal of each part."""
    with (
        tempfile.TemporaryDirectory(prefix="nightshift-bench-") as name,
        up.running("s3") as emulators,
    ):
        folder = Path(name)
        project = copy_to(folder / "project", emulators.environment)
        measure_python(project, ENSURE_TABLES)
        _write_history(project, orgs)
        _upload_date(project, orgs, folder / "raw")
        _dbt(project, "seed")
        _dbt(project, "run", DATA_DATE - timedelta(days=1))
        load = measure_python(project, LOAD, DATA_DATE, DATA_DATE)
        by_hand = _copy_warehouse(project)
        script = _run_script(project, by_hand)
        models = _dbt(project, "run", DATA_DATE)
        _assert_equal(project, by_hand)
        by_hand.unlink()
        build = measure_python(project, BUILD, DATA_DATE, DATA_DATE)
    goal = "at most 1.3x"
    yield "load of one date", "s", load.seconds, None, ""
    yield "load of one date, peak memory", "MB", load.megabytes, None, ""
    yield "models as `dbt run`", "s", models.seconds, script.seconds, goal
    yield "models, peak memory", "MB", models.megabytes, script.megabytes, ""
    yield "models with tests and ledger", "s", build.seconds, script.seconds, ""


def _write_history(project: Project, orgs: int) -> None:
    """Write the partitions of the days before the date into staging, day by day."""
    with duckdb.connect(str(project.warehouse)) as connection:
        connection.execute((HERE / "history.sql").read_text())
        for days_before in range(HISTORY_DAYS, 0, -1):
            day = DATA_DATE - timedelta(days=days_before)
            for table, macro in SOURCES.items():
                connection.execute(
                    f"insert into staging.{table} by name "
                    f"from {macro}({orgs}, '{DATA_DATE}', '{day}', '{day}')"
                )
        for macro in ("orgs", "org_days", "org_records", "samples", "events"):
            connection.execute(f"drop macro table company_{macro}")
        connection.execute("drop macro table company_requests")


def _upload_date(project: Project, orgs: int, raw: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute((HERE / "history.sql").read_text())
        for table, macro in SOURCES.items():
            partition = raw / table.removeprefix("raw_") / f"dt={DATA_DATE}"
            partition.mkdir(parents=True)
            template = JSON_LINES if macro in TIMES else LOG_LINES
            times = ", ".join(
                f"strftime({column}, '%Y-%m-%dT%H:%M:%SZ') as {column}"
                for column in TIMES.get(macro, ())
            )
            for number in range(OBJECTS):
                connection.execute(
                    template.format(
                        macro=macro,
                        orgs=orgs,
                        day=DATA_DATE,
                        times=times,
                        objects=OBJECTS,
                        number=number,
                        path=partition / f"part-{number}.gz",
                    )
                )
            (partition / "_SUCCESS").touch()
    upload_partitions(project, raw)
    shutil.rmtree(raw)


def _copy_warehouse(project: Project) -> Path:
    """Return a copy with the marts, and what the script keeps, in schema `plain`."""
    by_hand = project.warehouse.with_name("by_hand.duckdb")
    shutil.copy(project.warehouse, by_hand)
    with duckdb.connect(str(by_hand)) as connection:
        connection.execute("create schema plain")
        for mart in _marts(connection, "main"):
            connection.execute(f"create table plain.{mart} as from marts.{mart}")
        connection.execute(
            "create table plain.event_ids as select event_id, event_date "
            "from intermediate.int_app_events_deduplicated"
        )
        connection.execute(
            "create table plain.user_orgs as select user_id, event_date, org_id, "
            "(last_event_at, last_event_id) as last_event "
            "from intermediate.int_user_orgs_daily"
        )
    return by_hand


def _run_script(project: Project, by_hand: Path) -> Measurement:
    """Run the scripts for the days that a run of the date computes again."""
    first = DATA_DATE - timedelta(days=3)
    scripts = sorted((HERE / "by_hand").glob("*.sql"))
    return measure_python(project, RUN_SCRIPT, by_hand, first, DATA_DATE, *scripts)


def _assert_equal(project: Project, by_hand: Path) -> None:
    """Raise AssertionError unless both computed the same marts."""
    with duckdb.connect(str(project.warehouse)) as connection:
        connection.execute(f"attach '{by_hand}' as by_hand (read_only)")
        for mart in _marts(connection, "by_hand"):
            columns = connection.execute(f"describe marts.{mart}").fetchall()
            # The order of addition decides the last digits of a floating-point number.
            names = ", ".join(
                f"round(cast({name} as double), 9)" if kind == "DOUBLE" else name
                for name, kind, *_ in columns
            )
            ours = f"select {names} from marts.{mart}"
            theirs = f"select {names} from by_hand.plain.{mart}"
            different = connection.execute(
                f"(({ours}) except all ({theirs})) union all "
                f"(({theirs}) except all ({ours})) limit 5"
            ).fetchall()
            assert not different, f"{mart} differs: {different}"


def _marts(connection: duckdb.DuckDBPyConnection, database: str) -> list[str]:
    """Return the tables that the script computes too."""
    schema, column = ("plain", "table_catalog = 'by_hand'")
    if database == "main":
        schema, column = ("marts", "table_type = 'BASE TABLE'")
    rows = connection.execute(
        "select table_name from information_schema.tables "
        f"where table_schema = '{schema}' and {column} order by 1"
    ).fetchall()
    return [name for (name,) in rows if name not in ("event_ids", "user_orgs")]


def _dbt(project: Project, command: str, day: date = DATA_DATE) -> Measurement:
    variables = json.dumps({"data_date_from": str(day), "data_date": str(day)})
    return measure(
        [*DBT, command, "--vars", variables, "--target-path", "var/dbt"],
        folder=project.folder,
        environment=project.environment_with(),
    )
