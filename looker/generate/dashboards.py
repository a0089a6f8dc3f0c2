"""Dashboards as LookML, and the aggregate tables for their tiles."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from loaders.errors import ConfigError
from looker.generate.dashboard_spec import Dashboard, Filter, Tile
from looker.generate.model import FINISHED_RUN, NAME

# Aggregates that Looker computes from those of finer groups; for the others it uses an
# aggregate table only for exactly its own query.
ADDITIVE_TYPES = frozenset({"average", "count", "max", "min", "sum"})
KIND_OPTIONS: dict[str, dict[str, Any]] = {
    "looker_area": {"show_null_points": False},
    "looker_bar": {"show_value_labels": True},
    "looker_column": {"show_value_labels": False},
    "looker_grid": {"show_row_numbers": False, "size_to_fit": True},
    "looker_line": {"show_null_points": False},
    "single_value": {"show_single_value_title": True},
}

# The fields of every explore: type by `view.field`. Measures have the types of LookML,
# everything else is `dimension`.
Fields = Mapping[str, Mapping[str, str]]


def render(dashboard: Dashboard, fields: Fields) -> str:
    """Return a dashboard's LookML, which is YAML; `ConfigError` for unknown fields."""
    for tile in dashboard.tiles:
        _require_fields(dashboard, tile, fields)
    content = {
        "dashboard": dashboard.name,
        "title": dashboard.title,
        "description": dashboard.description,
        "layout": "newspaper",
        "preferred_viewer": "dashboards-next",
        "crossfilter_enabled": True,
        "filters": [_filter(each, dashboard) for each in dashboard.filters],
        "elements": [_element(tile) for tile in dashboard.tiles],
    }
    return yaml.safe_dump([content], sort_keys=False, allow_unicode=True, width=88)


def aggregate_tables(
    dashboards: Sequence[Dashboard], fields: Fields
) -> dict[str, list[dict[str, Any]]]:
    """Return the aggregate tables of each explore, one per tile that aggregates."""
    tables: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for dashboard in dashboards:
        for tile in dashboard.tiles:
            types = fields[tile.explore]
            measures = [name for name in tile.fields if types[name] != "dimension"]
            if measures and tile.kind != "looker_grid":
                name = f"{dashboard.name}__{_identifier(tile.title)}"
                query = _aggregate_query(dashboard, tile, measures, types)
                tables[tile.explore].append(
                    {
                        "name": name,
                        "query": query,
                        "materialization": {"datagroup_trigger": FINISHED_RUN},
                    }
                )
    return tables


def _aggregate_query(
    dashboard: Dashboard, tile: Tile, measures: list[str], types: Mapping[str, str]
) -> dict[str, Any]:
    """Return the query of a tile's aggregate table.

    Additive measures are kept per value of the filters, so that the table also serves
    other choices. Other measures are kept for the dashboard's defaults.
    """
    dimensions = [name for name in tile.fields if types[name] == "dimension"]
    filters = dict(tile.where)
    if all(types[name] in ADDITIVE_TYPES for name in measures):
        dimensions += tile.listens.values()
    else:
        defaults = {each.name: each.default for each in dashboard.filters}
        filters |= {
            own: defaults[name] for name, own in tile.listens.items() if defaults[name]
        }
    query: dict[str, Any] = {
        "dimensions": list(dict.fromkeys(dimensions)),
        "measures": measures,
    }
    if filters:
        query["filters__all"] = [[{name: each} for name, each in filters.items()]]
    return {key: value for key, value in query.items() if value} | {"timezone": "UTC"}


def _filter(each: Filter, dashboard: Dashboard) -> dict[str, Any]:
    field = each.fields[0]
    listening = [tile for tile in dashboard.tiles if each.name in tile.listens]
    if not listening:
        raise ConfigError(
            f"The dashboard {dashboard.name} is invalid: no tile has a field of the "
            f"filter {each.name}. Correct it in looker/dashboards/."
        )
    is_date = field.endswith("_date")
    return {
        "name": each.name,
        "title": each.name,
        "type": "field_filter",
        "default_value": each.default,
        "allow_multiple_values": True,
        "required": False,
        "ui_config": {
            "type": "relative_timeframes" if is_date else "tag_list",
            "display": "inline" if is_date else "popover",
        },
        "model": NAME,
        "explore": _suggesting_explore(field, listening),
        "listens_to_filters": [],
        "field": field,
    }


def _suggesting_explore(field: str, listening: Sequence[Tile]) -> str:
    view = field.partition(".")[0]
    explores = [tile.explore for tile in listening]
    return view if view in explores else explores[0]


def _element(tile: Tile) -> dict[str, Any]:
    element: dict[str, Any] = {
        "title": tile.title,
        "name": tile.title,
        "model": NAME,
        "explore": tile.explore,
        "type": tile.kind,
        "fields": list(tile.fields),
        "pivots": list(tile.pivots),
        "filters": dict(tile.where),
        "sorts": list(tile.sorts),
        "limit": tile.limit,
        **KIND_OPTIONS[tile.kind],
        **tile.options,
        "note_state": "collapsed",
        "note_display": "hover",
        "note_text": tile.note,
        "listen": dict(tile.listens),
        "row": tile.row,
        "col": tile.column,
        "width": tile.width,
        "height": tile.height,
    }
    return {key: value for key, value in element.items() if value not in ([], {})}


def _require_fields(dashboard: Dashboard, tile: Tile, fields: Fields) -> None:
    known = fields[tile.explore]
    used = [*tile.fields, *tile.pivots, *tile.where, *tile.listens.values()]
    used += [sort.split()[0] for sort in tile.sorts]
    unknown = sorted({name for name in used if name not in known})
    unknown += [name for name in tile.pivots if name not in tile.fields]
    if unknown:
        raise ConfigError(
            f"The dashboard {dashboard.name} is invalid: the tile {tile.title} uses "
            f"{', '.join(unknown)}, which the explore {tile.explore} or the tile's "
            "fields do not have. Correct it in looker/dashboards/."
        )


def _identifier(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
