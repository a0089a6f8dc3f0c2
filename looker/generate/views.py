"""A table as a LookML view: primary key, dimensions, measures, drill set and links."""

import re
from collections.abc import Sequence
from typing import Any

from loaders.errors import ConfigError
from looker.generate import fields, measures
from looker.generate.measures import DETAIL_SET
from looker.generate.tables import CurrentRows, GroupedRows, Table

ORG_NAME = "org_name"
REFERENCE = re.compile(r"\$\{([\w.]+)\}")


def view(table: Table, links: Sequence[dict[str, str]] = ()) -> dict[str, Any]:
    """Return a table's view in lkml's format; `ConfigError` for duplicate fields.

    `links` are added to the org's name, or to its id if the table has no name.
    """
    lookml: dict[str, Any] = {
        "name": table.name,
        "label": table.label,
        **_source(table),
        "dimensions": fields.dimensions(table),
        "dimension_groups": fields.dimension_groups(table),
        "measures": measures.measures(table),
        "sets": [{"name": DETAIL_SET, "fields": _detail_fields(table)}],
    }
    if table.org and links:
        _add_links(lookml["dimensions"], table, links)
    names = _reject_duplicate_fields(table, lookml)
    _reject_unknown_references(table, lookml["measures"], names)
    return {key: value for key, value in lookml.items() if value}


def _source(table: Table) -> dict[str, Any]:
    source = f"@{{{table.schema}}}.{table.relation}"
    if table.current:
        return {"derived_table": {"sql": _current_rows(source, table, table.current)}}
    if table.grouped:
        return {"derived_table": {"sql": _grouped_rows(source, table.grouped)}}
    return {"sql_table_name": source}


def _current_rows(source: str, table: Table, current: CurrentRows) -> str:
    conditions = [
        f"{name} in ({', '.join(repr(value) for value in values)})"
        for name, values in current.where.items()
    ]
    where = f" where {' and '.join(conditions)}" if conditions else ""
    names = ", ".join(column.name for column in table.columns)
    return (
        f"select {names} from (select {names}, row_number() over (partition by "
        f"{', '.join(current.by)} order by {current.newest} desc) as recency "
        f"from {source}{where}) as {table.name}_by_recency where recency = 1"
    )


def _grouped_rows(source: str, grouped: GroupedRows) -> str:
    names = ", ".join(grouped.by)
    return f"select {names}, count(*) as {grouped.count} from {source} group by {names}"


def _add_links(
    dimensions: list[dict[str, Any]], table: Table, links: Sequence[dict[str, str]]
) -> None:
    by_name = {each["name"]: each for each in dimensions}
    names = [name for name in by_name if name.startswith(ORG_NAME)]
    by_name[names[0] if names else table.org]["links"] = list(links)


def _detail_fields(table: Table) -> list[str]:
    """Return the fields to show when a user drills into a measure."""
    names = table.drill or (*table.key, *_org_names(table))
    columns = [table.column(name) for name in dict.fromkeys(names)]
    return [
        fields.shown_name(column)
        for column in columns
        if not column.is_hidden and not column.is_personal
    ]


def _org_names(table: Table) -> list[str]:
    return [each.name for each in table.columns if each.name.startswith(ORG_NAME)]


def _reject_unknown_references(
    table: Table, rendered: list[dict[str, Any]], names: list[str]
) -> None:
    for measure in rendered:
        for name in REFERENCE.findall(measure.get("sql", "")):
            if name not in names and name != "TABLE":
                raise ConfigError(
                    f"Measure {measure['name']} of {table.name} refers to {name}, "
                    "which is no field of the view. Correct it in the YAML."
                )


def _reject_duplicate_fields(table: Table, lookml: dict[str, Any]) -> list[str]:
    """Return the names of all fields; `ConfigError` when two are equal."""
    names = [each["name"] for each in (*lookml["dimensions"], *lookml["measures"])]
    for group in lookml["dimension_groups"]:
        names += [f"{group['name']}_{frame}" for frame in group["timeframes"]]
    duplicates = sorted({name for name in names if names.count(name) > 1})
    if duplicates:
        raise ConfigError(
            f"The view of {table.name} would have two fields named "
            f"{' and '.join(duplicates)}. Rename the measure in the YAML."
        )
    return names
