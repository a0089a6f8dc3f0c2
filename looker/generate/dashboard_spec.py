"""The dashboards as declared in `looker/dashboards/*.yml`.

    title: Trials Today
    description: Whom sales should call this morning.
    filters:
      Plan: {fields: [fct_org_trial_metrics.billing_plan_name]}
      Period: {fields: [loads.dt_date, runs.data_date], default: 28 days}
    rows:                                  # from top to bottom
      - height: 4
        tiles:                             # from left to right; widths of 24 columns
          - title: Trials running
            kind: single_value             # a visualization type of Looker
            width: 6
            explore: fct_org_trial_metrics
            fields: [orgs]                 # of the explore's view, or view.field
            where: {is_newest: "yes"}
            sorts: [orgs desc]             # also: pivots, limit, note, options

A filter applies to every tile whose explore has one of its fields, except to tiles that
name it under `ignores`. The first field offers the values.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loaders.config import yaml_files
from loaders.errors import ConfigError
from looker.generate import shapes

COLUMNS = 24
PATTERN = "*.yml"
KINDS = frozenset(
    {"looker_area", "looker_bar", "looker_column", "looker_grid", "looker_line"}
    | {"single_value"}
)
REQUIRED = {
    "dashboard": ("title", "description", "filters", "rows"),
    "filter": ("fields",),
    "row": ("height", "tiles"),
    "tile": ("title", "kind", "width", "explore", "fields", "note"),
}
KEYS: dict[str, dict[str, type]] = {
    "dashboard": {"title": str, "description": str, "filters": dict, "rows": list},
    "filter": {"fields": list, "default": str},
    "row": {"height": int, "tiles": list},
    "tile": {
        **dict.fromkeys(("title", "kind", "explore", "note"), str),
        **dict.fromkeys(("fields", "sorts", "pivots", "ignores"), list),
        **dict.fromkeys(("where", "options"), dict),
        **dict.fromkeys(("width", "limit"), int),
    },
}


@dataclass(frozen=True)
class Filter:
    """A filter of a dashboard; `fields` has a `view.field` per explore."""

    name: str
    fields: tuple[str, ...]
    default: str = ""


@dataclass(frozen=True)
class Tile:
    """A query and its place on the grid; all fields are written `view.field`."""

    title: str
    kind: str
    explore: str
    fields: tuple[str, ...]
    note: str
    row: int
    column: int
    width: int
    height: int
    where: Mapping[str, str] = field(default_factory=dict)
    listens: Mapping[str, str] = field(default_factory=dict)
    sorts: tuple[str, ...] = ()
    pivots: tuple[str, ...] = ()
    limit: int = 500
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Dashboard:
    """A dashboard with its filters and tiles."""

    name: str
    title: str
    description: str
    filters: tuple[Filter, ...]
    tiles: tuple[Tile, ...]


def read_dashboards(
    folder: Path, views_by_explore: Mapping[str, list[str]]
) -> list[Dashboard]:
    """Return the dashboards of a folder; `ConfigError` for an invalid declaration.

    `views_by_explore` names the views of every explore, which decide about filters.
    """
    return [
        _parse_dashboard(path.stem, yaml_files.read_mapping(path), views_by_explore)
        for path in sorted(folder.glob(PATTERN))
    ]


def _parse_dashboard(
    name: str, content: dict[str, Any], views: Mapping[str, list[str]]
) -> Dashboard:
    _check_keys(name, "dashboard", content)
    filters = []
    for title, each in content["filters"].items():
        _check_keys(f"{name}, filter {title}", "filter", each)
        filters.append(Filter(title, tuple(each["fields"]), each.get("default", "")))
    tiles: list[Tile] = []
    top = 0
    for row in content["rows"]:
        _check_keys(f"{name}, row {top}", "row", row)
        tiles += _parse_row(name, row, top, filters, views)
        top += row["height"]
    _reject_duplicates(name, [tile.title for tile in tiles])
    description = " ".join(content["description"].split())
    return Dashboard(name, content["title"], description, tuple(filters), tuple(tiles))


def _parse_row(
    name: str,
    row: dict[str, Any],
    top: int,
    filters: list[Filter],
    views: Mapping[str, list[str]],
) -> list[Tile]:
    tiles = []
    left = 0
    for each in row["tiles"]:
        _check_keys(f"{name}, row {top}", "tile", each)
        place = {"row": top, "column": left, "height": row["height"]}
        tiles.append(_parse_tile(name, each, place, filters, views))
        left += each["width"]
    if left > COLUMNS:
        raise _invalid(name, f"the tiles of row {top} are {left} columns wide, not 24")
    return tiles


def _parse_tile(
    name: str,
    content: dict[str, Any],
    place: dict[str, int],
    filters: list[Filter],
    views: Mapping[str, list[str]],
) -> Tile:
    explore = content["explore"]
    if explore not in views:
        raise _invalid(name, f"there is no explore {explore}")
    if content["kind"] not in KINDS:
        raise _invalid(name, f"{content['kind']} is not one of {', '.join(KINDS)}")

    def full(name: object) -> str:
        text = str(name)
        return text if "." in text.split()[0] else f"{explore}.{text}"

    ignored = set(content.get("ignores", ()))
    listens = {
        each.name: own
        for each in filters
        if each.name not in ignored
        for own in [_own_field(each, explore, views[explore])]
        if own
    }
    return Tile(
        title=content["title"],
        kind=content["kind"],
        explore=explore,
        fields=tuple(full(each) for each in content["fields"]),
        note=" ".join(content["note"].split()),
        width=content["width"],
        where={
            full(key): shapes.filter_value(each)
            for key, each in content.get("where", {}).items()
        },
        listens=listens,
        sorts=tuple(full(each) for each in content.get("sorts", ())),
        pivots=tuple(full(each) for each in content.get("pivots", ())),
        limit=content.get("limit", 500),
        options=content.get("options", {}),
        **place,
    )


def _own_field(each: Filter, explore: str, views: list[str]) -> str:
    """Return the field of a filter in an explore, of its own view if possible."""
    by_view = {name.partition(".")[0]: name for name in each.fields}
    return next((by_view[view] for view in [explore, *views] if view in by_view), "")


def _check_keys(name: str, kind: str, content: object) -> None:
    cause = shapes.problem(content, KEYS[kind], REQUIRED[kind])
    if cause:
        raise _invalid(name, cause)


def _reject_duplicates(name: str, titles: list[str]) -> None:
    twice = sorted({title for title in titles if titles.count(title) > 1})
    if twice:
        raise _invalid(name, f"two tiles have the title {' and '.join(twice)}")


def _invalid(name: str, cause: str) -> ConfigError:
    return ConfigError(
        f"The dashboard {name} is invalid: {cause}. Correct it in looker/dashboards/."
    )
