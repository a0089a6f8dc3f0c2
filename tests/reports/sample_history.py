"""A history with hostile names and errors, and every kind of task and outcome."""

from datetime import date, datetime, timedelta

from loaders.ledger.run_outcomes import OUTCOMES, RunOutcome
from reports.history.data import (
    Alert,
    History,
    ModelTime,
    RunChart,
    TaskBar,
    Volume,
)
from reports.history.latest_date import LatestDate

START = datetime(2026, 11, 25, 3, 0)
HOSTILE = "<script>document.title='hacked'</script>\x1b[31m\u202e" + "very_long_" * 30
KINDS = ("load", "model", "archive", "sync", "report")


def _run(number: int, outcome: str) -> RunOutcome:
    start = START - timedelta(days=number)
    day = start.date() - timedelta(days=1)
    has_ended = outcome not in ("running", "killed")
    return RunOutcome(
        run_id=f"20261125T0300{number:02}-4711-abcdef",
        command="luigi",
        data_date_from=day - timedelta(days=number % 2),
        data_date=day,
        outcome=outcome,
        started_at=start,
        finished_at=start + timedelta(seconds=3900) if has_ended else None,
        seconds=None if outcome == "killed" else 3900.0,
        first_error=HOSTILE if outcome in ("failed", "killed") else "",
        exit_code=0 if has_ended else None,
        tasks_done=65 if has_ended else None,
        tasks_failed=1 if has_ended else None,
    )


def _latest_date() -> LatestDate:
    load = {"source": HOSTILE, "lines": 10**12, "rows": 10**12 - 5, "rejects": 5}
    return LatestDate(
        data_date=date(2026, 11, 24),
        baseline="median of the last four Tuesdays",
        sources=[load | {"ratio": 12.5, "rejects_word": "more than usual"}],
        reject_reasons=[
            {
                "source": "web_logs",
                "reason": f"{HOSTILE} {'is not in combined log format' * 9}",
                "records": 5,
                "not_located": 3,
            }
        ],
        reloads=[
            {
                "source": "app_logs",
                "dt": date(2026, 11, 23),
                "records": 900,
                "records_before": 880,
            }
        ],
        salesforce_rejects=[
            {"code": "FIELD_CUSTOM_VALIDATION_EXCEPTION" * 2, "orgs": 3}
        ],
    )


def history() -> History:
    """Return the history."""
    runs = [_run(number, outcome) for number, outcome in enumerate(OUTCOMES * 5)]
    bars = [
        TaskBar(kind, f"{kind}_{HOSTILE}", 60.0 * number, 600.0 * (number % 2), False)
        for number, kind in enumerate(KINDS * 4)
    ]
    bars.append(TaskBar("model", "int_failed", 3000.0, 900.0, True))
    volumes = [
        Volume("app_logs", date(2026, 11, day), 10**day, 10**day - day, day, 10**day)
        for day in range(1, 19)
    ]
    return History(
        env="prod",
        version="v1",
        read_at=START,
        runs=runs,
        charts=[RunChart(run, bars, 3900.0) for run in runs[:3]],
        models=[
            ModelTime(f"int_{HOSTILE}", 99.0, 20.0, 30),
            ModelTime("fct_org_day", 12.0, None, 1),
        ],
        volumes=[("app_logs", volumes), (HOSTILE, volumes[:1])],
        alerts=[Alert(START, HOSTILE, "r1")],
        report_dates=frozenset({date(2026, 11, 24)}),
        latest_date=_latest_date(),
    )
