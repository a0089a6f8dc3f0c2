"""A mart as a LookML view: primary key, dimensions, dimension groups and measures.

Dates and timestamps are UTC, as in the marts. Looker does not convert them to another
time zone, so that a session agrees with its session date.
"""

import csv
from functools import cache
from typing import Any

from loaders.config.settings import PROJECT
from loaders.errors import ConfigError
from looker.generate.marts import Column, Mart, Measure

DATE_TIMEFRAMES = ("raw", "date", "week", "month", "quarter", "year")
TIMESTAMP_TIMEFRAMES = ("raw", "time", "hour_of_day", "date", "week", "month")
TIMEFRAMES = {"date": DATE_TIMEFRAMES, "timestamp": TIMESTAMP_TIMEFRAMES}
FIELD_TYPES = {
    "bigint": "number",
    "boolean": "yesno",
    "double precision": "number",
    "integer": "number",
    "numeric": "number",
    "varchar": "string",
}
# Looker appends the timeframe to a group's name, so trial_start_date becomes the group
# trial_start with the field trial_start_date.
TIME_SUFFIXES = ("_date", "_week", "_at", "_on")
SALESFORCE_SUFFIX = "__c"
KEY_FIELD = "primary_key"
DETAIL_SET = "detail"
UPPERCASE_WORDS = {"id": "ID", "p25": "P25", "p75": "P75", "url": "URL"}
METRIC_CATALOG = PROJECT / "seeds" / "metric_catalog.csv"


def view(mart: Mart) -> dict[str, Any]:
    """Return a mart's view in lkml's format; `ConfigError` for duplicate fields."""
    time_columns = [column for column in mart.columns if is_time(column)]
    other_columns = [column for column in mart.columns if not is_time(column)]
    lookml: dict[str, Any] = {
        "name": mart.name,
        "label": mart.label or label(mart.name),
        "sql_table_name": f"@{{MARTS_SCHEMA}}.{mart.relation}",
        "dimensions": [
            *_composite_key(mart),
            *(_dimension(column, mart) for column in other_columns),
        ],
        "dimension_groups": [_dimension_group(column) for column in time_columns],
        "measures": [_count(mart), *(_measure(each, mart) for each in mart.measures)],
        "sets": [{"name": DETAIL_SET, "fields": _detail_fields(mart)}],
    }
    _reject_duplicate_fields(mart, lookml)
    return {key: value for key, value in lookml.items() if value}


def is_time(column: Column) -> bool:
    """Return whether a column becomes a dimension group."""
    return column.data_type in TIMEFRAMES


def field_name(column: Column) -> str:
    """Return the name of the field with a column's unchanged value."""
    return f"{group_name(column.name)}_raw" if is_time(column) else column.name


def group_name(column: str) -> str:
    """Return a time column's dimension group, such as trial_start or started."""
    name = column.removesuffix(SALESFORCE_SUFFIX)
    for suffix in TIME_SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def label(name: str) -> str:
    """Return a name as a label; metrics have the label of the metric catalog."""
    words = name.removesuffix(SALESFORCE_SUFFIX).split("_")
    return " ".join(
        _metric_labels().get(word) or UPPERCASE_WORDS.get(word) or word.capitalize()
        for word in words
    )


def field_type(column: Column, mart: Mart) -> str:
    """Return a column's LookML type; `ConfigError` for an unsupported data type."""
    base_type = column.data_type.partition("(")[0].strip()
    if base_type not in FIELD_TYPES:
        supported = ", ".join(sorted({*FIELD_TYPES, *TIMEFRAMES}))
        raise ConfigError(
            f"Column {mart.name}.{column.name} has data type {column.data_type!r}, "
            f"which has no LookML type. Use one of {supported}."
        )
    return FIELD_TYPES[base_type]


@cache
def _metric_labels() -> dict[str, str]:
    with METRIC_CATALOG.open(encoding="utf-8", newline="") as file:
        return {
            row["metric_name"]: row["label"].title() for row in csv.DictReader(file)
        }


def _dimension(column: Column, mart: Mart) -> dict[str, Any]:
    type_name = field_type(column, mart)
    dimension: dict[str, Any] = {"name": column.name}
    if mart.key == (column.name,):
        dimension["primary_key"] = "yes"
    if column.is_hidden:
        dimension["hidden"] = "yes"
    dimension |= {
        "label": column.label or label(column.name),
        "description": column.description,
        "type": type_name,
    }
    if column.format:
        dimension["value_format_name"] = column.format
    elif type_name == "number" and column.name.endswith("_id"):
        dimension["value_format_name"] = "id"
    return dimension | {"sql": f"${{TABLE}}.{column.name}"}


def _dimension_group(column: Column) -> dict[str, Any]:
    name = group_name(column.name)
    group: dict[str, Any] = {"name": name}
    if column.is_hidden:
        group["hidden"] = "yes"
    return group | {
        "label": column.label or label(name),
        "description": column.description,
        "type": "time",
        "timeframes": list(TIMEFRAMES[column.data_type]),
        "datatype": column.data_type,
        "convert_tz": "no",
        "sql": f"${{TABLE}}.{column.name}",
    }


def _composite_key(mart: Mart) -> list[dict[str, Any]]:
    """Return one field for a key of several columns.

    Looker computes correct sums across joins only with a single primary key field.
    """
    if len(mart.key) == 1 and not is_time(mart.column(mart.key[0])):
        return []
    parts = (f"coalesce(cast(${{TABLE}}.{name} as varchar), '')" for name in mart.key)
    return [
        {
            "name": KEY_FIELD,
            "primary_key": "yes",
            "hidden": "yes",
            "description": f"Unique key of a row: {', '.join(mart.key)}.",
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
        "drill_fields": [f"{DETAIL_SET}*"],
    }


def _measure(measure: Measure, mart: Mart) -> dict[str, Any]:
    lookml: dict[str, Any] = {
        "name": measure.name,
        "label": measure.label or label(measure.name),
        "description": measure.description,
        "type": measure.type,
    }
    if measure.column:
        column = mart.column(measure.column)
        _require_number(measure, column, mart)
        lookml["sql"] = f"${{{field_name(column)}}}"
    else:
        lookml["sql"] = measure.sql
    if measure.where:
        lookml["filters__all"] = [
            [
                {field_name(mart.column(name)): str(value)}
                for name, value in measure.where.items()
            ]
        ]
    if measure.format:
        lookml["value_format_name"] = measure.format
    if measure.column:
        lookml["drill_fields"] = [f"{DETAIL_SET}*"]
    return lookml


def _require_number(measure: Measure, column: Column, mart: Mart) -> None:
    if measure.type == "count_distinct":
        return
    if is_time(column) or field_type(column, mart) != "number":
        raise ConfigError(
            f"Measure {measure.name} of {mart.name} is invalid: {measure.type} needs a "
            f"number, but {column.name} is {column.data_type}. Correct it in the YAML."
        )


def _detail_fields(mart: Mart) -> list[str]:
    """Return the fields to show when a user drills into a measure: key and org name."""
    names = [*mart.key, *(column.name for column in mart.columns)]
    shown = [name for name in names if name in mart.key or name.startswith("org_name")]
    fields = []
    for name in dict.fromkeys(shown):
        column = mart.column(name)
        if not column.is_hidden:
            fields.append(f"{group_name(name)}_date" if is_time(column) else name)
    return fields


def _reject_duplicate_fields(mart: Mart, lookml: dict[str, Any]) -> None:
    names = [each["name"] for each in (*lookml["dimensions"], *lookml["measures"])]
    for group in lookml["dimension_groups"]:
        names += [f"{group['name']}_{frame}" for frame in group["timeframes"]]
    duplicates = sorted({name for name in names if names.count(name) > 1})
    if duplicates:
        raise ConfigError(
            f"The view of {mart.name} would have two fields named "
            f"{' and '.join(duplicates)}. Rename the measure in the YAML."
        )
