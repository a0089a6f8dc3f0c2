"""Pictures of the dashboards, drawn from their own queries: `make images`.

Looker itself is not needed: each tile's query is built from the LookML, run on the
demo's warehouse, and drawn by matplotlib where the dashboard places it.
"""

import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tests.emulators.demo import WORLD
from tests.emulators.demo_setup import PROJECT
from tests.looker import query
from tests.looker.lookml import Field, Lookml, LookmlProject, read_project
from tests.looker.value_formats import label, shown

IMAGES = PROJECT / "docs" / "images"
COLUMNS = 24
INCHES_PER_COLUMN = 0.68
INCHES_PER_ROW = 0.46
COLORS = ("#3366cc", "#e67300", "#109618", "#990099", "#0099c6", "#dd4477")
TEXT, MUTED, GRID, CARD, PAGE = "#262d33", "#707781", "#e4e7eb", "#ffffff", "#f3f5f7"
HEADER_INCHES = 1.0
MARGIN = 0.14
INCHES_PER_TICK = 1.0
CHARACTERS_PER_INCH = 14
LABEL_LENGTH = 36


def main() -> int:
    """Draw all dashboards on the demo's data; exit code 3 if the demo has not run."""
    file = PROJECT / "var" / "nightshift.duckdb"
    if not file.exists():
        print("The demo has not run. Run it first: make demo", file=sys.stderr)
        return 3
    project = read_project()
    with duckdb.connect(str(file), read_only=True) as warehouse:
        for name, dashboard in project.dashboards.items():
            path = IMAGES / f"looker-{name.replace('_', '-')}.png"
            draw(project, dashboard, warehouse, day=WORLD.until, path=path)
    return 0


def draw(
    project: LookmlProject,
    dashboard: Lookml,
    warehouse: duckdb.DuckDBPyConnection,
    *,
    day: date,
    path: Path,
) -> None:
    """Write a PNG of a dashboard as of the morning after `day`."""
    mpl.rcParams.update({"font.size": 8, "text.parse_math": False})
    tiles = dashboard["elements"]
    rows = max(tile["row"] + tile["height"] for tile in tiles)
    width = COLUMNS * INCHES_PER_COLUMN
    height = rows * INCHES_PER_ROW + HEADER_INCHES
    figure = Figure(figsize=(width, height), facecolor=PAGE)
    _draw_header(figure, dashboard, width, height)
    for tile in tiles:
        built = query.of_tile(dashboard, tile)
        text = query.sql(project, built, today=day + timedelta(days=1))
        result = warehouse.execute(text).fetchall()
        fields = [project.field(tile["explore"], name) for name in tile["fields"]]
        _draw_tile(figure, tile, fields, result, height)
    figure.savefig(path, dpi=100, facecolor=PAGE)


def _draw_header(
    figure: Figure, dashboard: Lookml, width: float, height: float
) -> None:
    left = MARGIN / width
    figure.text(left, 1 - 0.32 / height, dashboard["title"], fontsize=16, color=TEXT)
    filters = "     ".join(
        f"{each['name']}: {each['default_value'] or 'any'}"
        for each in dashboard["filters"]
    )
    figure.text(left, 1 - 0.62 / height, dashboard["description"], color=MUTED)
    figure.text(left, 1 - 0.86 / height, filters, color=TEXT, weight="bold")


def _draw_tile(
    figure: Figure,
    tile: Lookml,
    fields: Sequence[Field],
    rows: list[tuple[Any, ...]],
    height: float,
) -> None:
    """Draw a card and, inside it, the title and the visualization."""
    width = COLUMNS * INCHES_PER_COLUMN
    left = tile["col"] * INCHES_PER_COLUMN + MARGIN / 2
    top = height - HEADER_INCHES - tile["row"] * INCHES_PER_ROW - MARGIN / 2
    card_width = tile["width"] * INCHES_PER_COLUMN - MARGIN
    card_height = tile["height"] * INCHES_PER_ROW - MARGIN
    figure.patches.append(
        FancyBboxPatch(
            (left / width, (top - card_height) / height),
            card_width / width,
            card_height / height,
            boxstyle="square,pad=0",
            facecolor=CARD,
            edgecolor=GRID,
            zorder=-1,
            transform=figure.transFigure,
            figure=figure,
        )
    )
    is_number = tile["type"] == "single_value"
    is_plot = tile["type"] not in ("single_value", "looker_grid")
    inner_left = left + (0.6 if is_plot else 0.12)
    bottom = top - card_height + (0.45 if is_plot else 0.1)
    axes = figure.add_axes(
        (
            inner_left / width,
            bottom / height,
            (left + card_width - 0.35 - inner_left) / width,
            (top - (0.75 if is_plot else 0.42) - bottom) / height,
        )
    )
    figure.text(
        (left + 0.12) / width,
        (top - 0.26) / height,
        tile["title"],
        color=TEXT,
        fontsize=10,
        weight="bold",
    )
    axes.set_facecolor(CARD)
    if not rows:
        axes.axis("off")
        axes.text(0.5, 0.5, "No results", ha="center", color=MUTED)
    elif is_number:
        axes.axis("off")
        axes.text(0.5, 0.45, shown(rows[0][0], fields[0]), ha="center", fontsize=24)
    elif tile["type"] == "looker_grid":
        _draw_grid(axes, fields, rows, tile)
    else:
        _draw_plot(axes, tile, fields, rows)


def _draw_grid(
    axes: Axes, fields: Sequence[Field], rows: list[tuple[Any, ...]], tile: Lookml
) -> None:
    axes.axis("off")
    lines = int(tile["height"] * INCHES_PER_ROW / 0.2) - 3
    texts = [
        [shown(value, field) for value, field in zip(row, fields, strict=True)]
        for row in rows
    ]
    heads = [label(field) for field in fields]
    widths = [
        min(max(len(head), *(len(row[i]) for row in texts[:lines])), 60) + 2
        for i, head in enumerate(heads)
    ]
    total = sum(widths)
    characters = tile["width"] * INCHES_PER_COLUMN * CHARACTERS_PER_INCH
    x = 0.0
    for i, (head, each) in enumerate(zip(heads, widths, strict=True)):
        share = each / total
        room = int(share * characters)
        is_number = fields[i].lookml["type"] not in ("string", "time", "tier", "yesno")
        at, align = (x + share - 0.01, "right") if is_number else (x, "left")
        for line, text in enumerate([head, *(row[i] for row in texts[:lines])]):
            cut = text if len(text) <= room else text[: room - 1] + "…"
            weight = "normal" if line else "bold"
            axes.text(at, 1 - (line + 0.8) / (lines + 1), cut, ha=align, weight=weight)
        x += share
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)


def _draw_plot(
    axes: Axes, tile: Lookml, fields: Sequence[Field], rows: list[tuple[Any, ...]]
) -> None:
    labels, series = _series(tile, fields, rows)
    positions = range(len(labels))
    kind = tile["type"]
    is_stacked = tile.get("stacking") == "normal"
    bars = 1 if is_stacked else len(series)
    heights = [0.0] * len(labels)
    for number, (name, values) in enumerate(series.items()):
        color = COLORS[number % len(COLORS)]
        plain = [0.0 if value is None else float(value) for value in values]
        if kind == "looker_bar":
            axes.barh(positions, plain, color=color, label=name)
        elif kind == "looker_column":
            shift = 0 if is_stacked else (number - (bars - 1) / 2) * 0.8 / bars
            at = [position + shift for position in positions]
            axes.bar(
                at,
                plain,
                0.8 / bars,
                bottom=heights if is_stacked else None,
                color=color,
                label=name,
            )
        elif kind == "looker_area":
            top = [low + value for low, value in zip(heights, plain, strict=True)]
            axes.fill_between(positions, heights, top, color=color, label=name)
        else:
            gaps = [float("nan") if value is None else float(value) for value in values]
            axes.plot(positions, gaps, color=color, label=name, marker=".")
        if is_stacked:
            heights = [low + v for low, v in zip(heights, plain, strict=True)]
    _label_axes(axes, labels, fields, is_horizontal=kind == "looker_bar")
    if len(series) > 1:
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=6,
            frameon=False,
            borderaxespad=0.1,
            fontsize=7.5,
        )


def _series(
    tile: Lookml, fields: Sequence[Field], rows: list[tuple[Any, ...]]
) -> tuple[list[str], dict[str, list[Any]]]:
    """Return the labels of the first axis, and the values of each series."""
    labels = list(dict.fromkeys(shown(row[0], fields[0]) for row in rows))
    if not tile.get("pivots"):
        names = [label(field) for field in fields[1:]]
        return labels, {
            name: [row[i] for row in rows] for i, name in enumerate(names, start=1)
        }
    values = {
        (shown(row[0], fields[0]), shown(row[1], fields[1])): row[2] for row in rows
    }
    pivots = list(dict.fromkeys(shown(row[1], fields[1]) for row in rows))
    return labels, {
        pivot: [values.get((label, pivot)) for label in labels] for pivot in pivots
    }


def _label_axes(
    axes: Axes, labels: list[str], fields: Sequence[Field], *, is_horizontal: bool
) -> None:
    box = axes.get_position()
    inches = axes.figure.get_figwidth() if axes.figure else 0
    most = max(1, int(box.width * inches / INCHES_PER_TICK))
    step = 1 if is_horizontal else max(1, -(-len(labels) // most))
    ticks = list(range(0, len(labels), step))
    names = [labels[tick] for tick in ticks]
    formatter = FuncFormatter(lambda value, _: shown(value, fields[-1]))
    if is_horizontal:
        axes.set_yticks(ticks, [name[:LABEL_LENGTH] for name in names])
        axes.invert_yaxis()
        axes.xaxis.set_major_formatter(formatter)
        if fields[-1].lookml["value_format_name"].endswith("_0"):
            axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        longest = max(len(name[:LABEL_LENGTH]) for name in names)
        shift = longest * 0.062 / inches
        axes.set_position((box.x0 + shift, box.y0, box.width - shift, box.height))
    else:
        axes.set_xticks(ticks, names)
        axes.yaxis.set_major_formatter(formatter)
        if "percent" not in fields[-1].lookml["value_format_name"]:
            axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.grid(axis="x" if is_horizontal else "y", color=GRID)
    axes.set_axisbelow(True)
    axes.tick_params(colors=MUTED, length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


if __name__ == "__main__":
    sys.exit(main())
