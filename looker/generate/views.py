"""A mart as a LookML view: dimensions, dimension groups, a primary key, measures.

Days are those of the marts (UTC): no time is converted to another zone, so that a
session and its session date agree.
"""

import csv
from functools import cache
from typing import Any

from loaders.config.settings import PROJECT
from loaders.errors import ConfigError
from looker.generate.marts import Column, Mart, Measure

DATE_FRAMES = ("raw", "date", "week", "month", "quarter", "year")
TIMESTAMP_FRAMES = ("raw", "time", "hour_of_day", "date", "week", "month")
FRAMES = {"date": DATE_FRAMES, "timestamp": TIMESTAMP_FRAMES}
FIELD_TYPES = {
    "bigint": "number",
    "boolean": "yesno",
    "double precision": "number",
    "integer": "number",
    "numeric": "number",
    "varchar": "string",
}
# What a group's timeframes would say once more: trial_start_date is trial_start.
TIME_SUFFIXES = ("_date", "_week", "_at", "_on")
SALESFORCE_SUFFIX = "__c"
KEY_FIELD = "primary_key"
DETAIL = "detail"
INITIALS = {"id": "ID", "p25": "P25", "p75": "P75", "url": "URL"}
METRIC_LABELS = PROJECT / "seeds" / "metric_catalog.csv"


def view(mart: Mart) -> dict[str, Any]:
    """Return a mart's view in lkml's terms; `ConfigError` when two fields collide."""
    groups = [column for column in mart.columns if is_time(column)]
    plain = [column for column in mart.columns if not is_time(column)]
    told: dict[str, Any] = {
        "name": mart.name,
        "label": mart.label or label(mart.name),
        "sql_table_name": f"@{{MARTS_SCHEMA}}.{mart.relation}",
        "dimensions": [
            *_composite_key(mart),
            *(_dimension(column, mart) for column in plain),
        ],
        "dimension_groups": [_dimension_group(column) for column in groups],
        "measures": [_count(mart), *(_measure(each, mart) for each in mart.measures)],
        "sets": [{"name": DETAIL, "fields": _detail(mart)}],
    }
    _refuse_twins(mart, told)
    return {key: value for key, value in told.items() if value}


def is_time(column: Column) -> bool:
    """Say whether a column becomes a dimension group."""
    return column.data_type in FRAMES


def reference(column: Column) -> str:
    """Return the field that holds a column's value as it is."""
    return f"{group_name(column.name)}_raw" if is_time(column) else column.name


def group_name(column: str) -> str:
    """Return what a date's or time's fields are named after: trial_start, started."""
    name = column.removesuffix(SALESFORCE_SUFFIX)
    for suffix in TIME_SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def label(name: str) -> str:
    """Return a name in words; the four metrics are called as the catalog calls them."""
    words = name.removesuffix(SALESFORCE_SUFFIX).split("_")
    told = (
        _metric_labels().get(word) or INITIALS.get(word) or word.capitalize()
        for word in words
    )
    return " ".join(told)


def field_type(column: Column, mart: Mart) -> str:
    """Return LookML's type for a column; `ConfigError` for one that it has none for."""
    plain = column.data_type.partition("(")[0].strip()
    if plain not in FIELD_TYPES:
        raise ConfigError(
            f"{mart.name}.{column.name} has type {column.data_type!r}, which has no "
            f"LookML type. Choose one of {', '.join(sorted({*FIELD_TYPES, *FRAMES}))}."
        )
    return FIELD_TYPES[plain]


@cache
def _metric_labels() -> dict[str, str]:
    with METRIC_LABELS.open(encoding="utf-8", newline="") as file:
        return {
            row["metric_name"]: row["label"].title() for row in csv.DictReader(file)
        }


def _dimension(column: Column, mart: Mart) -> dict[str, Any]:
    kind = field_type(column, mart)
    told: dict[str, Any] = {"name": column.name}
    if mart.key == (column.name,):
        told["primary_key"] = "yes"
    if column.is_hidden:
        told["hidden"] = "yes"
    told |= {
        "label": column.label or label(column.name),
        "description": column.description,
        "type": kind,
    }
    if column.format:
        told["value_format_name"] = column.format
    elif kind == "number" and column.name.endswith("_id"):
        told["value_format_name"] = "id"
    return told | {"sql": f"${{TABLE}}.{column.name}"}


def _dimension_group(column: Column) -> dict[str, Any]:
    name = group_name(column.name)
    told: dict[str, Any] = {"name": name}
    if column.is_hidden:
        told["hidden"] = "yes"
    return told | {
        "label": column.label or label(name),
        "description": column.description,
        "type": "time",
        "timeframes": list(FRAMES[column.data_type]),
        "datatype": column.data_type,
        "convert_tz": "no",
        "sql": f"${{TABLE}}.{column.name}",
    }


def _composite_key(mart: Mart) -> list[dict[str, Any]]:
    """Make one field of a key of several columns; Looker sums rightly only with it."""
    if len(mart.key) == 1 and not is_time(mart.column(mart.key[0])):
        return []
    parts = (f"coalesce(cast(${{TABLE}}.{name} as varchar), '')" for name in mart.key)
    return [
        {
            "name": KEY_FIELD,
            "primary_key": "yes",
            "hidden": "yes",
            "description": f"What makes a row unique: {', '.join(mart.key)}.",
            "type": "string",
            "sql": " || '|' || ".join(parts),
        }
    ]


def _count(mart: Mart) -> dict[str, Any]:
    grain = mart.description.partition(".")[0].partition(":")[0]
    return {
        "name": "count",
        "label": "Rows",
        "description": f"Number of rows. {grain}.",
        "type": "count",
        "drill_fields": [f"{DETAIL}*"],
    }


def _measure(measure: Measure, mart: Mart) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": measure.name,
        "label": measure.label or label(measure.name),
        "description": measure.description,
        "type": measure.type,
    }
    if measure.column:
        column = mart.column(measure.column)
        _require_number(measure, column, mart)
        told["sql"] = f"${{{reference(column)}}}"
    else:
        told["sql"] = measure.sql
    if measure.where:
        told["filters__all"] = [
            [
                {reference(mart.column(name)): str(value)}
                for name, value in measure.where.items()
            ]
        ]
    if measure.format:
        told["value_format_name"] = measure.format
    if measure.column:
        told["drill_fields"] = [f"{DETAIL}*"]
    return told


def _require_number(measure: Measure, column: Column, mart: Mart) -> None:
    if measure.type == "count_distinct":
        return
    if is_time(column) or field_type(column, mart) != "number":
        raise ConfigError(
            f"Measure {measure.name} of {mart.name}: {measure.type} needs a number, "
            f"{column.name} is {column.data_type}. Mend it in the YAML."
        )


def _detail(mart: Mart) -> list[str]:
    """Return the fields that tell rows apart, for whoever clicks on a figure."""
    names = [*mart.key, *(column.name for column in mart.columns)]
    shown = [name for name in names if name in mart.key or name.startswith("org_name")]
    fields = []
    for name in dict.fromkeys(shown):
        column = mart.column(name)
        if not column.is_hidden:
            is_group = is_time(column)
            fields.append(f"{group_name(name)}_date" if is_group else name)
    return fields


def _refuse_twins(mart: Mart, told: dict[str, Any]) -> None:
    names = [each["name"] for each in (*told["dimensions"], *told["measures"])]
    for group in told["dimension_groups"]:
        names += [f"{group['name']}_{frame}" for frame in group["timeframes"]]
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise ConfigError(
            f"The view of {mart.name} would have two fields named "
            f"{' and '.join(twins)}. Rename the measure in the YAML."
        )
