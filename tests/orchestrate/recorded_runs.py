"""A run that failed and one that recovered, as the ledgers record them."""

from dataclasses import replace
from datetime import date, datetime, timedelta

from loaders import ledger, warehouse
from loaders.ledger import ArchiveResult, record_archives, reports
from loaders.ledger.run_outcomes import RunStart, record_run_start
from loaders.warehouse import Connection, create_tables
from reports.history.data import History, read_history

DAY = date(2026, 11, 24)
SCOPE = {"env": "local", "version": "v1"}
START = ledger.now() - timedelta(hours=1)


def insert(connection: Connection, table: str, **row: object) -> None:
    connection.insert(connection.table("ops", table), list(row), [list(row.values())])


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def _record_loads_of_earlier_weeks(connection: Connection) -> None:
    """Record loads of the same weekday; the later load of a partition counts."""
    for weeks, lines, rejects in ((1, 99, 9), (1, 4, 0), (2, 6, 1), (3, 2, 5)):
        insert(
            connection,
            "loads",
            source="orgs",
            dt=DAY - timedelta(weeks=weeks),
            lines=lines,
            rejects=rejects,
            finished_at=START - timedelta(days=7 * weeks, seconds=lines),
            run_id="earlier",
            status="success",
        )


def _record_rejects(connection: Connection) -> None:
    """Record a reject of the earlier load, and two of the later one."""
    for load, reason in (("l0", "blank"), ("l1", "invalid UTF-8"), ("l1", "a\tb")):
        insert(
            connection,
            "load_rejects",
            load_id=load,
            source="orgs",
            dt=DAY,
            object_key="k" if reason == "a\tb" else None,
            reason=reason,
            line="x",
        )


def record() -> None:
    """Record both runs with a load, models, an archive and an alert."""
    with warehouse.transaction() as connection:
        _record_loads_of_earlier_weeks(connection)
        _record_rejects(connection)
        for number, (status, message) in enumerate(
            [("failed", "It <b>failed</b>."), ("done", None)]
        ):
            run = f"r{number}"
            begin = 1000 * number
            record_run_start(
                connection,
                RunStart(run, "run", DAY, DAY, **SCOPE, target="x", started_at=START),
            )
            keys = {"run_id": run, **SCOPE}
            insert(
                connection,
                "runs",
                **keys,
                command="run",
                data_date_from=DAY,
                data_date=DAY,
                status=status,
                exit_code=1 - number,
                tasks_done=2,
                tasks_failed=1 - number,
                started_at=at(begin),
                finished_at=at(begin + 100),
                message=message,
            )
            insert(
                connection,
                "loads",
                load_id=f"l{number}",
                source="orgs",
                dt=DAY,
                fingerprint="f",
                lines=10 + number,
                rows_loaded=9 + number,
                rejects=1,
                bytes=100,
                started_at=at(begin),
                finished_at=at(begin + 10),
                run_id=run,
                status="success",
            )
            for seconds, days in ((20.0 + 40 * number, 2), (5.0, 1)):
                for age in range(days):  # one row per data date of a build
                    insert(
                        connection,
                        "model_runs",
                        **keys,
                        model=f"model_{days}",
                        data_date=DAY - timedelta(days=age),
                        input_fingerprint="f",
                        status="success" if number or days == 2 else "failed",
                        seconds=seconds,
                        finished_at=at(begin + 10 + seconds),
                    )
            insert(
                connection,
                "archives",
                **keys,
                dataset="org_day",
                dt=DAY,
                fingerprint="f",
                # Of the first run as an earlier version recorded it.
                started_at=at(begin + 80) if number else None,
                finished_at=at(begin + 90),
            )
            for status, begin_page, seconds in (
                ("pending", 91, 95),
                ("sent", None, 99),
            ):
                insert(
                    connection,
                    "reports",
                    **keys,
                    report=reports.REPORT_NAME,
                    data_date=DAY,
                    fingerprint="f",
                    mail_status=status,
                    started_at=at(begin + begin_page)
                    if begin_page and number
                    else None,
                    finished_at=at(begin + seconds),
                )
        insert(
            connection,
            "alerts",
            alert="failed.r0",
            data_date=DAY,
            **SCOPE,
            subject="The run failed",
            message="",
            run_id="r0",
            finished_at=at(110),
        )


def assert_earlier_ledgers_are_migrated() -> None:
    """Check that ledgers without the start of a task are read, then get it."""
    with warehouse.transaction() as connection:
        for table in ("archives", "reports"):
            name = connection.table("ops", table)
            connection.execute(f"alter table {name} drop column started_at")
    create_tables._complete.clear()
    create_tables._complete_tables.clear()
    with warehouse.session() as connection:
        charts = read_history(connection, **SCOPE).charts
        assert all(chart.bars[-2].seconds == 0.0 for chart in charts)
        assert charts[0].bars[-1].seconds == 4.0
    times = {"started_at": at(1080), "finished_at": at(1090)}
    archive = ArchiveResult("org_day", DAY, "s3://a/", 1, 1, 1, **times)
    report = reports.ReportRecord(
        DAY, **SCOPE, url="s3://a/", fingerprint="f", mail_status="sent", run_id="r1"
    )
    reports.record(replace(report, started_at=at(1091)))
    with warehouse.transaction() as connection:
        record_archives(
            connection, [archive], fingerprints={DAY: "f"}, **SCOPE, run_id="r1"
        )
    with warehouse.session() as connection:
        bars = read_history(connection, **SCOPE).charts[0].bars
    latest = [(bar.name, bar.start, bar.seconds) for bar in bars if bar.seconds]
    assert (f"org_day {DAY}", 80.0, 10.0) in latest
    assert (bars[-1].name, bars[-1].start) == (f"night {DAY}", 91.0)


def assert_history(history: History) -> None:
    """Check the history of both runs."""
    assert [run.outcome for run in history.runs] == ["done", "failed"]
    latest, earlier = history.charts
    assert [(bar.kind, bar.name, bar.start, bar.seconds) for bar in latest.bars] == [
        ("load", f"orgs {DAY}", 0.0, 10.0),
        ("model", "model_1", 10.0, 5.0),
        ("model", "model_2", 10.0, 60.0),
        ("archive", f"org_day {DAY}", 80.0, 10.0),
        ("report", f"night {DAY}", 91.0, 8.0),
    ]
    assert [(bar.start, bar.seconds) for bar in earlier.bars[-2:]] == [
        (90.0, 0.0),
        (95.0, 4.0),  # the mail
    ]
    assert [bar.name for bar in earlier.bars if bar.has_failed] == ["model_1"]
    assert earlier.run.first_error == "It <b>failed</b>."
    slowest = history.models[0]
    assert (slowest.model, slowest.seconds, slowest.ratio) == ("model_2", 60.0, 3.0)
    assert (history.models[1].median_seconds, history.models[1].builds) == (None, 1)
    [(source, [*_, volume])] = history.volumes
    assert (source, volume.lines, volume.rejects) == ("orgs", 11, 1)
    assert [alert.subject for alert in history.alerts] == ["The run failed"]
    data = history.latest_date
    assert data is not None
    assert (data.data_date, data.baseline) == (
        DAY,
        "median of the last three Tuesdays",
    )
    (load,) = data.sources
    assert (load["lines"], load["rejects"], load["ratio"]) == (11, 1, 11 / 4)
    assert load["rejects_word"] == "as usual"
    assert [tuple(reject.values()) for reject in data.reject_reasons] == [
        ("orgs", "a\tb", 1, 1),
        ("orgs", "invalid UTF-8", 1, 1),
    ]
    assert data.not_located == 1
    assert not data.reloads and not data.salesforce_rejects
