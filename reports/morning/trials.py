"""The trials of each day: in progress, active, stalled, started and converted."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from loaders.warehouse import Connection

TRIAL_HISTORY_DAYS = 14
WEEK = timedelta(days=7)
COUNTS = ("started", "in_progress", "active", "stalled", "converted")

Row = dict[str, Any]


def read_trial_days(connection: Connection, data_date: date) -> list[Row]:
    """Count the trials on each recent day that has a snapshot, in order.

    A trial is in progress while its account is in state `trial`, as in
    `paid_account_flow`. It is stalled when `interesting_trials` says so.
    """
    is_trial = "activity.account_state = 'trial'"
    conditions = {
        "started": "snapshots.trial_start_date = snapshots.generated_date",
        "in_progress": is_trial,
        "active": f"{is_trial} and activity.log_events > 0",
        "stalled": "position('stalled' in interesting.reasons) > 0",
        "converted": "snapshots.converted_on = snapshots.generated_date",
    }
    counts = ", ".join(
        f"sum(case when {conditions[name]} then 1 else 0 end) as {name}"
        for name in COUNTS
    )
    rows = connection.fetch_all(
        "-- reports.morning.trials trial days\n"
        f"select snapshots.generated_date, {counts} "
        f"from {connection.table('marts', 'fct_org_trial_metrics')} as snapshots "
        f"inner join {connection.table('marts', 'org_activity')} as activity "
        "on snapshots.org_id = activity.org_id "
        "and snapshots.generated_date = activity.metric_date "
        f"left join {connection.table('marts', 'interesting_trials')} as interesting "
        "on snapshots.org_id = interesting.org_id "
        "and snapshots.generated_date = interesting.generated_date "
        "where snapshots.generated_date between ? and ? group by 1 order by 1",
        [data_date - timedelta(days=TRIAL_HISTORY_DAYS - 1), data_date],
    )
    return [
        {"day": day, **dict(zip(COUNTS, map(int, values), strict=True))}
        for day, *values in rows
    ]


def trials_of(trial_days: Sequence[Row], day: date) -> Row:
    """Return the counts of a day; zeros when it has no snapshot."""
    found = (row for row in trial_days if row["day"] == day)
    return next(found, {"day": day, **dict.fromkeys(COUNTS, 0)})


def weekly_changes(trial_days: Sequence[Row], day: date) -> dict[str, int | None]:
    """Return the change of each count since the week before.

    All are None when the day a week before has no snapshot.
    """
    today, before = trials_of(trial_days, day), trials_of(trial_days, day - WEEK)
    is_known = any(row["day"] == day - WEEK for row in trial_days)
    return {name: today[name] - before[name] if is_known else None for name in COUNTS}
