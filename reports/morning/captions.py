"""What each picture shows, in words: for who does not see it."""

from reports.morning.data import METRICS, Report


def trials(report: Report) -> str:
    """Tell of the trials' picture."""
    first, today = report.trial_days[0], report.today
    return (
        f"Bars: trials in progress a day, from {first['in_trial']} on {first['day']} "
        f"to {today['in_trial']} on {today['day']}, of which {today['active']} were "
        f"active and {today['at_risk']} are at risk; below, trials started "
        f"({today['started']} today) and converting ({today['converting']} today)."
    )


def curve(report: Report) -> str:
    """Tell of the target curves."""
    last: dict[tuple[str, str], tuple[int, float]] = {}
    for row in report.curve:
        if row["median_value"] is not None:
            point = (row["org_day"], float(row["median_value"]))
            key = (row["metric_name"], row["cohort"])
            last[key] = max(last.get(key, point), point)
    told = [
        f"{metric} {last[metric, 'converted'][1]:g} against "
        f"{last[metric, 'not_converted'][1]:g}"
        for metric in METRICS
        if (metric, "converted") in last and (metric, "not_converted") in last
    ]
    return (
        "Curves of the median by day of the trial, converted against not converted; "
        f"at the end: {', '.join(told) or 'too few trials to compare'}."
    )


def flow(report: Report) -> str:
    """Tell of the paid account flow's picture."""
    return (
        f"Bars a day of the week: {report.flow.gained} accounts began to pay, "
        f"{report.flow.lost} stopped paying."
    )
