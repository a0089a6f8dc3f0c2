"""The report's charts, drawn with matplotlib in a light and a dark theme.

Series differ in shape or hatching as well as in colour. Importing this module takes a
second, so import it only to draw.
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
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from reports.morning import captions
from reports.morning.data import Report, metric_labels
from reports.morning.paid_flow import FLOW_DAYS
from reports.morning.themes import THEMES, Theme, rc_settings
from reports.morning.trials import TRIAL_HISTORY_DAYS

DOTS_PER_INCH = 200
CSS_PIXELS_PER_INCH = 100
WIDTH_INCHES = 5.6
MARGIN_INCHES = 0.08
STATES = ("trial", "free", "expired", None)
NO_STATE = "new or removed"
MINUS = "\u2212"
# The range of a count's axis is at least this, so that one is not a whole axis.
MIN_COUNT_RANGE = 4
HATCHES = {"trial": "", "free": "////", "expired": "....", None: "xxxx"}


@dataclass(frozen=True)
class Chart:
    """A chart: its alternative text, PNG bytes by theme, and size in CSS pixels."""

    name: str
    alt: str
    png: Mapping[str, bytes]
    width: int
    height: int


def draw_charts(report: Report) -> dict[str, Chart]:
    """Return the charts by name; a chart without data is left out."""
    charts: dict[str, Chart] = {}
    if report.trial_days:
        charts["trials"] = _draw_chart(
            "trials", captions.trials(report), _draw_trials, report
        )
    if report.target_curve:
        charts["targets"] = _draw_chart(
            "targets", captions.target_curve(report), _draw_target_curve, report
        )
    if report.paid_flow.gained or report.paid_flow.lost:
        charts["flow"] = _draw_chart(
            "flow", captions.paid_account_flow(report), _draw_paid_flow, report
        )
    return charts


def _draw_chart(
    name: str,
    alt: str,
    draw: Callable[[Report, Theme], Figure],
    report: Report,
) -> Chart:
    png = {}
    for theme_name, theme in THEMES.items():
        with mpl.rc_context(rc_settings(theme)):
            figure = draw(report, theme)
            FigureCanvasAgg(figure)
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
        png[theme_name] = buffer.getvalue()
    width, height = (
        int(inches * CSS_PIXELS_PER_INCH) for inches in figure.get_size_inches()
    )
    return Chart(name=name, alt=alt, png=png, width=width, height=height)


def _new_figure(
    height: float,
    **subplots: Any,  # noqa: ANN401 - matplotlib's options
) -> tuple[Figure, Any]:
    figure = Figure(
        figsize=(WIDTH_INCHES, height),
        layout=ConstrainedLayoutEngine(w_pad=MARGIN_INCHES, h_pad=MARGIN_INCHES),
    )
    return figure, figure.subplots(**subplots)


def _draw_trials(report: Report, theme: Theme) -> Figure:
    """Draw trials in progress above, trials started and converted below."""
    figure, (upper, lower) = _new_figure(
        3.1, nrows=2, sharex=True, gridspec_kw={"height_ratios": [2, 1]}
    )
    by_day = {row["day"]: row for row in report.trial_days}
    days = [day for day in _last_days(report, TRIAL_HISTORY_DAYS) if day >= min(by_day)]
    counts = {
        name: [by_day.get(day, {}).get(name, 0) for day in days]
        for name in ("in_progress", "active", "started", "converted")
    }
    # A day without a snapshot has no bar, and the line has a gap.
    stalled = [by_day.get(day, {}).get("stalled", float("nan")) for day in days]
    positions = range(len(days))
    both = zip(counts["in_progress"], counts["active"], strict=True)
    inactive = [in_progress - active for in_progress, active in both]
    upper.bar(positions, counts["active"], 0.7, color=theme.first, label="active")
    upper.bar(
        positions,
        inactive,
        0.7,
        bottom=counts["active"],
        color=theme.faint,
        label="inactive",
    )
    upper.plot(
        positions,
        stalled,
        color=theme.second,
        marker="o",
        markersize=3,
        linewidth=1.4,
        markeredgecolor=theme.background,
        markeredgewidth=0.5,
        label="stalled",
    )
    upper.set_title("Trials in progress")
    _place_legend_beside_title(upper)
    lower.bar(
        [position - 0.18 for position in positions],
        counts["started"],
        0.34,
        color=theme.first,
        label="started",
    )
    lower.bar(
        [position + 0.18 for position in positions],
        counts["converted"],
        0.34,
        color=theme.third,
        hatch="////",
        edgecolor=theme.background,
        linewidth=0,
        label="converted",
    )
    lower.set_title("Started and converted")
    _place_legend_beside_title(lower)
    _label_days(lower, days)
    for axes in (upper, lower):
        _use_count_axis(axes)
    return figure


def _draw_target_curve(report: Report, theme: Theme) -> Figure:
    """Draw one small line chart per metric: medians by trial day and cohort."""
    labels = metric_labels()
    rows = (len(labels) + 1) // 2
    shape = {"nrows": rows, "ncols": 2, "squeeze": False}
    figure, grid = _new_figure(1.75 * rows, sharex=True, **shape)
    styles = {
        "converted": (theme.first, "-", "o"),
        "not_converted": (theme.second, "--", "s"),
    }
    for axes, (metric, label) in zip(grid.flat, labels.items(), strict=False):
        for cohort, (colour, line_style, marker) in styles.items():
            points = sorted(
                (row["org_day"], float(row["median_value"]))
                for row in report.target_curve
                if (row["cohort"], row["metric_name"]) == (cohort, metric)
                and row["median_value"] is not None
            )
            axes.plot(
                [day for day, _ in points],
                [value for _, value in points],
                color=colour,
                linestyle=line_style,
                marker=marker,
                markersize=2.6,
                linewidth=1.5,
                label=cohort.replace("_", " "),
            )
            if points:
                axes.annotate(
                    _compact(points[-1][1]),
                    points[-1],
                    xytext=(4, 0),
                    textcoords="offset points",
                    va="bottom" if cohort == "converted" else "top",
                    color=colour,
                )
        axes.set_title(label)
        if axes.dataLim.ymin >= 0:
            # Leave room below zero for the lower half of a marker at zero.
            axes.set_ylim(bottom=-0.04 * axes.get_ylim()[1])
        axes.set_xlim(0.5, max(row["org_day"] for row in report.target_curve) + 0.5)
        _use_integer_ticks(axes)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
    for axes in grid.flat[len(labels) :]:
        axes.remove()
    for axes in grid.flat[: len(labels)][-2:]:  # the lowest of each column
        axes.set_xlabel("trial day")
        axes.xaxis.set_tick_params(labelbottom=True)
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2)
    return figure


def _draw_paid_flow(report: Report, theme: Theme) -> Figure:
    """Draw new paid accounts upwards and lost ones downwards, by other state."""
    figure, axes = _new_figure(1.9)
    first_day = report.paid_flow.since or report.data_date
    days = [day for day in _last_days(report, FLOW_DAYS) if day >= first_day]
    colours = dict(
        zip(STATES, (theme.first, theme.third, theme.second, theme.fourth), strict=True)
    )
    labelled: set[str | None] = set()
    for sign, paid_column, other_column in (
        (1, "to_state", "from_state"),
        (-1, "from_state", "to_state"),
    ):
        bottoms = dict.fromkeys(days, 0)
        for state in STATES:
            orgs_by_day = {
                change["day"]: change["orgs"]
                for change in report.paid_flow.changes
                if change[paid_column] == "paid" and change[other_column] == state
            }
            heights = [sign * orgs_by_day.get(day, 0) for day in days]
            if not any(heights):
                continue
            axes.bar(
                range(len(days)),
                heights,
                0.6,
                bottom=[bottoms[day] for day in days],
                color=colours[state],
                hatch=HATCHES[state],
                edgecolor=theme.background,
                linewidth=0,
                label=None if state in labelled else state or NO_STATE,
            )
            labelled.add(state)
            for day, height in zip(days, heights, strict=True):
                bottoms[day] += height
    axes.axhline(0, color=theme.ink, linewidth=0.8)
    low, high = axes.get_ylim()
    half = MIN_COUNT_RANGE / 2
    axes.set_ylim(min(1.08 * low, -half), max(1.08 * high, half))
    axes.set_title("▲ new, from …   ▼ lost, to …")
    _place_legend_beside_title(axes)
    _label_days(axes, days)
    _use_integer_ticks(axes)
    # With signs: without them the axis of one new and one lost reads 1, 0, 1.
    axes.yaxis.set_major_formatter(
        lambda value, _: f"{value:+,.0f}".replace("-", MINUS) if value else "0"
    )
    return figure


def _last_days(report: Report, count: int) -> list[date]:
    """Return `count` days in order, the data date last."""
    return [report.data_date - timedelta(days=ago) for ago in range(count)][::-1]


def _place_legend_beside_title(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="lower right", bbox_to_anchor=(1, 0.96), ncols=5, borderaxespad=0.2
        )


def _label_days(axes: Axes, days: Sequence[date]) -> None:
    axes.set_xticks(range(len(days)), [f"{day:%b} {day.day}" for day in days])
    if len(days) > FLOW_DAYS:
        for label in axes.get_xticklabels()[-2::-2]:
            label.set_visible(False)


def _compact(value: float) -> str:
    """Return a number in at most seven characters."""
    if abs(value) >= 100_000:
        return f"{value:.1e}"
    return f"{value:,.0f}" if value.is_integer() else f"{value:,.1f}"


def _use_count_axis(axes: Axes) -> None:
    axes.set_ylim(0, max(axes.get_ylim()[1], MIN_COUNT_RANGE))
    _use_integer_ticks(axes)


def _use_integer_ticks(axes: Axes) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
