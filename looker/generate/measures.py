"""The measures of a table's view.

A sum over a snapshot's rows would count every night again. There it is the sum per day,
averaged over the selected days; for one day it is that day's sum.
"""

from typing import Any

from loaders.errors import ConfigError
from looker.generate.catalog import label
from looker.generate.fields import (
    base_type,
    field_name,
    field_type,
    group_name,
    is_time,
    number_format,
    require_known_format,
)
from looker.generate.tables import Column, Measure, Table

DETAIL_SET = "detail"
DAYS = "days"
SUM_SUFFIX = "_over_days"
COUNT_FORMAT = "decimal_0"
AVERAGE_FORMAT = "decimal_1"


def measures(table: Table) -> list[dict[str, Any]]:
    """Return the count of rows and the declared measures."""
    rendered = [_count(table)]
    for measure in table.measures:
        if table.newest and measure.type == "sum" and not measure.adds_up:
            rendered += _average_of_days(measure, table)
        else:
            rendered.append(_measure(measure, table))
    if any(each["name"].endswith(SUM_SUFFIX) for each in rendered):
        rendered.append(_days(table))
    return rendered


def _count(table: Table) -> dict[str, Any]:
    return {
        "name": "count",
        "label": table.rows.title(),
        "description": f"Number of {table.rows}.",
        "type": "count",
        "value_format_name": COUNT_FORMAT,
        "drill_fields": [f"{DETAIL_SET}*"],
    }


def _measure(measure: Measure, table: Table) -> dict[str, Any]:
    lookml: dict[str, Any] = {
        "name": measure.name,
        "label": measure.label or label(measure.name),
        "description": measure.description,
        "type": measure.type,
    }
    if measure.column:
        column = table.column(measure.column)
        _require_number(measure, column, table)
        # Redshift's average of whole numbers is a whole number.
        factor = "1.0 * " if measure.type == "average" else ""
        lookml["sql"] = factor + _reference(column)
    else:
        lookml["sql"] = measure.sql
    if measure.where:
        filters = [
            {field_name(table.column(name)): str(value)}
            for name, value in measure.where.items()
        ]
        lookml["filters__all"] = [filters]
    lookml["value_format_name"] = _format(measure, table)
    return lookml | {"drill_fields": [f"{DETAIL_SET}*"]}


def _reference(column: Column) -> str:
    """Return the SQL of a measure's column.

    A measure over a field with an access grant is missing for users without the grant.
    A number of users is no personal data, so the column is read directly.
    """
    if column.is_personal:
        return f"${{TABLE}}.{column.name}"
    return f"${{{field_name(column)}}}"


def _average_of_days(measure: Measure, table: Table) -> list[dict[str, Any]]:
    """Return the sum per day, averaged over the selected days, and its hidden sum."""
    total = _measure(measure, table)
    hidden = {"name": measure.name + SUM_SUFFIX, "hidden": "yes"}
    description = f"{measure.description} Over several days it is their average."
    return [
        hidden | {key: value for key, value in total.items() if key != "name"},
        total
        | {
            "description": description,
            "type": "number",
            "sql": f"1.0 * ${{{hidden['name']}}} / nullif(${{{DAYS}}}, 0)",
        },
    ]


def _days(table: Table) -> dict[str, Any]:
    name = group_name(table.newest)
    return {
        "name": DAYS,
        "label": "Days",
        "description": "Number of selected days that have rows.",
        "type": "count_distinct",
        "sql": f"${{{name}_raw}}",
        "value_format_name": COUNT_FORMAT,
        "drill_fields": [f"{DETAIL_SET}*"],
    }


def _format(measure: Measure, table: Table) -> str:
    if measure.format:
        return require_known_format(measure.format, f"{table.name}.{measure.name}")
    if measure.type == "count_distinct":
        return COUNT_FORMAT
    column = table.column(measure.column)
    if measure.type in ("average", "median") and not number_format(column).startswith(
        "percent"
    ):
        return AVERAGE_FORMAT
    name = number_format(column)
    if not name:
        raise ConfigError(
            f"Measure {measure.name} of {table.name} needs a format, because "
            f"{column.name} is {base_type(column)}. Add it in the YAML."
        )
    return name


def _require_number(measure: Measure, column: Column, table: Table) -> None:
    if measure.type == "count_distinct":
        return
    if is_time(column) or field_type(column, table) != "number":
        raise ConfigError(
            f"Measure {measure.name} of {table.name} is invalid: {measure.type} needs "
            f"a number, but {column.name} is {column.data_type}. Correct it in the "
            "YAML."
        )
