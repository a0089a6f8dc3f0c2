"""The columns of a table as LookML dimensions and dimension groups.

Dates and timestamps are UTC, as in the marts. Looker does not convert them to another
time zone, so that a session agrees with its session date.
"""

import re
from typing import Any

from loaders.errors import ConfigError
from looker.generate.catalog import (
    SALESFORCE_SUFFIX,
    USAGE,
    is_about_a_metric,
    label,
)
from looker.generate.tables import Column, Table

DATE_TIMEFRAMES = ("raw", "date", "week", "month", "quarter", "year")
TIMESTAMP_TIMEFRAMES = ("raw", "time", "hour_of_day", "date", "week", "month")
TIMEFRAMES = {"date": DATE_TIMEFRAMES, "timestamp": TIMESTAMP_TIMEFRAMES}
INTEGERS = ("bigint", "integer")
# The project's value formats beside those of Looker: a change with its sign, and a
# duration in seconds.
VALUE_FORMATS = {"signed_0": "+#,##0;-#,##0;0", "seconds_1": '#,##0.0 \\"s\\"'}
BUILT_IN_FORMATS = re.compile(r"id|(decimal|percent)_[0-4]|(usd|eur|gbp)(_0)?")
# Differences are shown with their sign.
SIGNED = re.compile(r"_(change|above)(_|$)")
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
KEY_FIELD = "primary_key"
NEWEST_FIELD = "is_newest"
TIER_SUFFIX = "_tier"
PERSONAL_DATA_GRANT = "can_see_personal_data"


def is_time(column: Column) -> bool:
    """Return whether a column becomes a dimension group."""
    return column.data_type in TIMEFRAMES


def field_name(column: Column) -> str:
    """Return the name of the field with a column's unchanged value."""
    return f"{group_name(column.name)}_raw" if is_time(column) else column.name


def shown_name(column: Column) -> str:
    """Return the name of the field that shows a column's value to a user."""
    frames = {"date": "_date", "timestamp": "_time"}
    if is_time(column):
        return group_name(column.name) + frames[column.data_type]
    return column.name


def group_name(column: str) -> str:
    """Return a time column's dimension group, such as trial_start or started."""
    name = column.removesuffix(SALESFORCE_SUFFIX)
    for suffix in TIME_SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def field_type(column: Column, table: Table) -> str:
    """Return a column's LookML type; `ConfigError` for an unsupported data type."""
    if base_type(column) not in FIELD_TYPES:
        supported = ", ".join(sorted({*FIELD_TYPES, *TIMEFRAMES}))
        raise ConfigError(
            f"Column {table.name}.{column.name} has data type {column.data_type!r}, "
            f"which has no LookML type. Use one of {supported}."
        )
    return FIELD_TYPES[base_type(column)]


def base_type(column: Column) -> str:
    """Return a column's data type without precision or length."""
    return column.data_type.partition("(")[0].strip()


def number_format(column: Column) -> str:
    """Return the value format of a number; '' if the YAML must state one."""
    if column.format:
        return column.format
    if column.name.endswith("_id"):
        return "id"
    if SIGNED.search(column.name):
        return "signed_0"
    if base_type(column) in INTEGERS:
        return "decimal_0"
    if base_type(column) == "numeric":
        scale = column.data_type.rpartition(",")[2].strip(" )")
        return f"decimal_{scale}"
    return ""


def require_known_format(name: str, owner: str) -> str:
    """Return a value format's name; `ConfigError` when Looker does not know it."""
    if BUILT_IN_FORMATS.fullmatch(name) or name in VALUE_FORMATS:
        return name
    raise ConfigError(
        f"The looker meta of {owner} has the unknown format {name}. Use one of "
        "Looker's, such as decimal_1 or percent_1, or "
        f"{' or '.join(sorted(VALUE_FORMATS))}."
    )


def dimensions(table: Table) -> list[dict[str, Any]]:
    """Return the key and all dimensions; the primary key is the first."""
    others = [column for column in table.columns if not is_time(column)]
    ordered = sorted(others, key=lambda column: table.key != (column.name,))
    return [
        *_composite_key(table),
        *(_dimension(column, table) for column in ordered),
        *(_tier(column, table) for column in others if column.tiers),
        *_newest(table),
    ]


def dimension_groups(table: Table) -> list[dict[str, Any]]:
    """Return a dimension group per date or timestamp."""
    return [_dimension_group(each) for each in table.columns if is_time(each)]


def _dimension(column: Column, table: Table) -> dict[str, Any]:
    type_name = field_type(column, table)
    dimension: dict[str, Any] = {"name": column.name}
    if table.key == (column.name,):
        dimension["primary_key"] = "yes"
    dimension |= _visibility(column)
    dimension |= {"label": column.label or label(column.name)}
    if heading := _heading(column):
        dimension["group_label"] = heading
    dimension |= {"description": column.description, "type": type_name}
    if type_name == "number":
        dimension["value_format_name"] = _required_format(column, table)
    return dimension | {"sql": f"${{TABLE}}.{column.name}"}


def _heading(column: Column) -> str:
    return column.group or (USAGE if is_about_a_metric(column.name) else "")


def _visibility(column: Column) -> dict[str, Any]:
    visibility: dict[str, Any] = {"hidden": "yes"} if column.is_hidden else {}
    if column.is_personal:
        visibility["required_access_grants"] = [PERSONAL_DATA_GRANT]
    return visibility


def _required_format(column: Column, table: Table) -> str:
    name = number_format(column)
    if not name:
        raise ConfigError(
            f"Column {table.name}.{column.name} has data type {column.data_type}, so "
            "its looker meta needs a format, such as percent_1. Add it in the YAML."
        )
    return require_known_format(name, f"{table.name}.{column.name}")


def _tier(column: Column, table: Table) -> dict[str, Any]:
    """Return the classes of a number, for histograms."""
    if field_type(column, table) != "number":
        raise ConfigError(
            f"Column {table.name}.{column.name} has tiers, but is not a number. Remove "
            "them in the YAML."
        )
    text = column.label or label(column.name)
    tier: dict[str, Any] = {"name": column.name + TIER_SUFFIX, "label": f"{text} Tier"}
    if heading := _heading(column):
        tier["group_label"] = heading
    return tier | {
        "description": f"Classes of {text.lower()}, for histograms.",
        "type": "tier",
        "tiers": [str(limit) for limit in column.tiers],
        "style": "integer",
        "sql": f"${{{column.name}}}",
    }


def _newest(table: Table) -> list[dict[str, Any]]:
    """Return the field that selects a snapshot's newest date."""
    if not table.newest:
        return []
    text = table.column(table.newest).label or label(group_name(table.newest))
    source = f"@{{{table.schema}}}.{table.relation}"
    return [
        {
            "name": NEWEST_FIELD,
            "label": f"Is Newest {text} Date",
            "description": "Whether the row is of the newest date in the table.",
            "type": "yesno",
            "sql": f"${{TABLE}}.{table.newest} = "
            f"(select max({table.newest}) from {source})",
        }
    ]


def _dimension_group(column: Column) -> dict[str, Any]:
    name = group_name(column.name)
    return {
        "name": name,
        **_visibility(column),
        "label": column.label or label(name),
        "description": column.description,
        "type": "time",
        "timeframes": list(TIMEFRAMES[column.data_type]),
        "datatype": column.data_type,
        "convert_tz": "no",
        "sql": f"${{TABLE}}.{column.name}",
    }


def _composite_key(table: Table) -> list[dict[str, Any]]:
    """Return one field for a key of several columns.

    Looker computes correct sums across joins only with a single primary key field.
    """
    if len(table.key) == 1 and not is_time(table.column(table.key[0])):
        return []
    parts = (f"coalesce(cast(${{TABLE}}.{name} as varchar), '')" for name in table.key)
    return [
        {
            "name": KEY_FIELD,
            "primary_key": "yes",
            "hidden": "yes",
            "description": f"Unique key of the {table.rows}.",
            "type": "string",
            "sql": " || '|' || ".join(parts),
        }
    ]
