"""A run that failed and one that recovered, as the ledgers record them."""

from datetime import date, datetime, timedelta

from loaders import ledger, warehouse
from loaders.ledger.run_outcomes import RunStart, record_run_start
from loaders.warehouse import Connection
from reports.history.data import History

DAY = date(2026, 11, 24)
SCOPE = {"env": "local", "version": "v1"}
START = ledger.now() - timedelta(hours=1)


def insert(connection: Connection, table: str, **row: object) -> None:
    connection.insert(connection.table("ops", table), list(row), [list(row.values())])


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def record() -> None:
    """Record both runs with a load, models, an archive and an alert."""
    with warehouse.transaction() as connection:
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
                finished_at=at(begin + 90),
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


def assert_history(history: History) -> None:
    """Check the history of both runs."""
    assert [run.outcome for run in history.runs] == ["done", "failed"]
    latest, earlier = history.charts
    assert [(bar.kind, bar.name, bar.start, bar.seconds) for bar in latest.bars] == [
        ("load", f"orgs {DAY}", 0.0, 10.0),
        ("model", "model_1", 10.0, 5.0),
        ("model", "model_2", 10.0, 60.0),
        ("archive", f"org_day {DAY}", 90.0, 0.0),
    ]
    assert [bar.name for bar in earlier.bars if bar.has_failed] == ["model_1"]
    assert earlier.run.first_error == "It <b>failed</b>."
    slowest = history.models[0]
    assert (slowest.model, slowest.seconds, slowest.ratio) == ("model_2", 60.0, 3.0)
    assert (history.models[1].median_seconds, history.models[1].builds) == (None, 1)
    [(source, [volume])] = history.volumes
    assert (source, volume.lines, volume.rejects) == ("orgs", 11, 1)
    assert [alert.subject for alert in history.alerts] == ["The run failed"]
