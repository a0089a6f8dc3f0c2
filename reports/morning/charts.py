"""The report's pictures: matplotlib without a display, once light and once dark.

Every series differs in shape or hatching, not in colour alone. Importing this costs a
second: do it when drawing.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from reports.morning import captions
from reports.morning.data import FLOW_DAYS, METRICS, SERIES_DAYS, Report
from reports.morning.themes import THEMES, Theme, settings

DOTS_PER_INCH = 200
WIDTH_INCHES = 5.6
MARGIN_INCHES = 0.08
STATES = ("trial", "free", "expired", None)
NO_STATE = "new or gone"
HATCHES = {"trial": "", "free": "////", "expired": "....", None: "xxxx"}


@dataclass(frozen=True)
class Picture:
    """A drawn picture: its name, what it shows in words, and PNG bytes by theme."""

    name: str
    alt: str
    png: Mapping[str, bytes]
    width: int
    height: int


def draw(report: Report) -> dict[str, Picture]:
    """Draw every picture that the report has figures for, by name."""
    drawn: dict[str, Picture] = {}
    if report.trial_days:
        drawn["trials"] = _picture("trials", captions.trials(report), _trials, report)
    if report.curve:
        drawn["targets"] = _picture("targets", captions.curve(report), _curve, report)
    if report.flow.moves:
        drawn["flow"] = _picture("flow", captions.flow(report), _flow, report)
    return drawn


def _picture(
    name: str,
    alt: str,
    paint: Callable[[Report, Theme], Figure],
    report: Report,
) -> Picture:
    png = {}
    for key, theme in THEMES.items():
        with mpl.rc_context(settings(theme)):
            figure = paint(report, theme)
            FigureCanvasAgg(figure)
            kept = io.BytesIO()
            figure.savefig(kept, format="png", dpi=DOTS_PER_INCH)
        png[key] = kept.getvalue()
    width, height = (int(inches * 100) for inches in figure.get_size_inches())
    return Picture(name=name, alt=alt, png=png, width=width, height=height)


def _figure(height: float, **axes: Any) -> tuple[Figure, Any]:  # noqa: ANN401 - matplotlib's
    figure = Figure(
        figsize=(WIDTH_INCHES, height),
        layout=ConstrainedLayoutEngine(w_pad=MARGIN_INCHES, h_pad=MARGIN_INCHES),
    )
    return figure, figure.subplots(**axes)


def _trials(report: Report, theme: Theme) -> Figure:
    """Draw trials in progress above, those that start and convert below."""
    figure, (upper, lower) = _figure(
        3.1, nrows=2, sharex=True, gridspec_kw={"height_ratios": [2, 1]}
    )
    by_day = {row["day"]: row for row in report.trial_days}
    days = [day for day in _days(report, SERIES_DAYS) if day >= min(by_day)]
    counts = {
        name: [by_day.get(day, {}).get(name, 0) for day in days]
        for name in ("in_trial", "active", "started", "converting")
    }
    # A day without a night has no bar, and a gap in the line.
    at_risk = [by_day.get(day, {}).get("at_risk", float("nan")) for day in days]
    places = range(len(days))
    quiet = [
        whole - part
        for whole, part in zip(counts["in_trial"], counts["active"], strict=True)
    ]
    upper.bar(places, counts["active"], 0.7, color=theme.first, label="active that day")
    upper.bar(
        places, quiet, 0.7, bottom=counts["active"], color=theme.faint, label="quiet"
    )
    upper.plot(
        places,
        at_risk,
        color=theme.second,
        marker="o",
        markersize=3,
        linewidth=1.4,
        markeredgecolor=theme.background,
        markeredgewidth=0.5,
        label="at risk",
    )
    upper.set_title("Trials in progress")
    _legend_beside_title(upper)
    beside = [place - 0.18 for place in places], [place + 0.18 for place in places]
    lower.bar(beside[0], counts["started"], 0.34, color=theme.first, label="started")
    lower.bar(
        beside[1],
        counts["converting"],
        0.34,
        color=theme.third,
        hatch="////",
        edgecolor=theme.background,
        linewidth=0,
        label="converting",
    )
    lower.set_title("Started and converting")
    _legend_beside_title(lower)
    _day_axis(lower, days)
    for axes in (upper, lower):
        _whole_numbers(axes)
    return figure


def _curve(report: Report, theme: Theme) -> Figure:
    """Draw a small curve for each metric: medians a trial day, by cohort."""
    figure, grid = _figure(3.5, nrows=2, ncols=2, sharex=True)
    styles = {
        "converted": (theme.first, "-", "o"),
        "not_converted": (theme.second, "--", "s"),
    }
    for axes, metric in zip(grid.flat, METRICS, strict=True):
        for cohort, (colour, line, marker) in styles.items():
            points = sorted(
                (row["org_day"], float(row["median_value"]))
                for row in report.curve
                if (row["cohort"], row["metric_name"]) == (cohort, metric)
                and row["median_value"] is not None
            )
            axes.plot(
                [day for day, _ in points],
                [value for _, value in points],
                color=colour,
                linestyle=line,
                marker=marker,
                markersize=2.6,
                linewidth=1.5,
                label=cohort.replace("_", " "),
            )
        axes.set_title(metric)
        # Room below zero for the lower half of a marker on it.
        axes.set_ylim(bottom=-0.04 * axes.get_ylim()[1])
        axes.set_xlim(0.5, max(row["org_day"] for row in report.curve) + 0.5)
        _whole_numbers(axes)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
    for axes in grid[1]:
        axes.set_xlabel("day of the trial")
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2)
    return figure


def _flow(report: Report, theme: Theme) -> Figure:
    """Draw accounts that came to pay upwards, those that stopped downwards."""
    figure, axes = _figure(2.4)
    first = report.flow.since or report.data_date
    days = [day for day in _days(report, FLOW_DAYS) if day >= first]
    colours = dict(
        zip(STATES, (theme.first, theme.third, theme.second, theme.fourth), strict=True)
    )
    named: set[str | None] = set()
    for sign, here, there in (
        (1, "to_state", "from_state"),
        (-1, "from_state", "to_state"),
    ):
        heights = dict.fromkeys(days, 0)
        for state in STATES:
            orgs = _moves(report.flow.moves, here, there, state)
            sizes = [sign * orgs.get(day, 0) for day in days]
            if not any(sizes):
                continue
            axes.bar(
                range(len(days)),
                sizes,
                0.6,
                bottom=[heights[day] for day in days],
                color=colours[state],
                hatch=HATCHES[state],
                edgecolor=theme.background,
                linewidth=0,
                label=None if state in named else state or NO_STATE,
            )
            named.add(state)
            heights = {
                day: heights[day] + size for day, size in zip(days, sizes, strict=True)
            }
    axes.axhline(0, color=theme.ink, linewidth=0.8)
    axes.margins(y=0.08)
    axes.set_title("▲ began to pay, from …   ▼ stopped paying, to …")
    _legend_beside_title(axes)
    _day_axis(axes, days)
    _whole_numbers(axes)
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):.0f}")
    return figure


def _days(report: Report, count: int) -> list[date]:
    """Return the last days up to the data date, in order."""
    return [report.data_date - timedelta(days=n) for n in range(count)][::-1]


def _moves(
    moves: Sequence[Mapping[str, Any]], here: str, there: str, state: str | None
) -> dict[date, int]:
    return {
        move["day"]: move["orgs"]
        for move in moves
        if move[here] == "paid" and move[there] == state
    }


def _legend_beside_title(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="lower right", bbox_to_anchor=(1, 0.96), ncols=5, borderaxespad=0.2
        )


def _day_axis(axes: Axes, days: Sequence[date]) -> None:
    axes.set_xticks(range(len(days)), [f"{day:%b} {day.day}" for day in days])
    if len(days) > FLOW_DAYS:
        for label in axes.get_xticklabels()[-2::-2]:
            label.set_visible(False)


def _whole_numbers(axes: Axes) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
