"""Alternative texts of the report's charts."""

from reports.morning.data import Report, metric_labels


def trials(report: Report) -> str:
    """Return the alternative text of the trials chart."""
    first, today = report.trial_days[0], report.today
    return (
        f"Bar chart: trials in progress per day, from {first['in_progress']} on "
        f"{first['day']} to {today['in_progress']} on {today['day']}, of which "
        f"{today['active']} were active and {today['stalled']} are stalled. "
        f"Below: trials started ({today['started']} today) and converted "
        f"({today['converted']} today)."
    )


def target_curve(report: Report) -> str:
    """Return the alternative text of the usage chart."""
    latest: dict[tuple[str, str], tuple[int, float]] = {}
    for row in report.target_curve:
        if row["median_value"] is not None:
            point = (row["org_day"], float(row["median_value"]))
            key = (row["metric_name"], row["cohort"])
            latest[key] = max(latest.get(key, point), point)
    comparisons = [
        f"{label} {latest[metric, 'converted'][1]:g} and "
        f"{latest[metric, 'not_converted'][1]:g}"
        for metric, label in metric_labels().items()
        if (metric, "converted") in latest and (metric, "not_converted") in latest
    ]
    return (
        "Line charts: median usage by trial day, converted and not converted trials. "
        f"On the last day: {', '.join(comparisons) or 'too few trials to compare'}."
    )


def paid_account_flow(report: Report) -> str:
    """Return the alternative text of the paid accounts chart."""
    return (
        f"Bar chart by day of this week: {report.paid_flow.gained} new paid accounts, "
        f"{report.paid_flow.lost} lost."
    )
