"""The LookML model: explores, joins by whole primary keys, and the cache policy.

Looker caches query results until a run has finished: the datagroup queries `ops.runs`
for the end of the latest run that built the marts, including runs with rejects.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from looker.generate import salesforce
from looker.generate.fields import (
    NEWEST_FIELD,
    PERSONAL_DATA_GRANT,
    TIMEFRAMES,
    VALUE_FORMATS,
    field_name,
    group_name,
)
from looker.generate.tables import Join, Table

NAME = "nightshift"
FINISHED_RUN = "finished_run"
# Limits how long results stay cached when no run finishes.
MAX_CACHE_AGE = "26 hours"
CONSTANTS = (
    ("CONNECTION_NAME", "nightshift", "override_required"),
    ("SALESFORCE_URL", "https://example.my.salesforce.com", "override_required"),
    ("MARTS_SCHEMA", "marts", "override_optional"),
    ("OPS_SCHEMA", "ops", "override_optional"),
)
INCLUDES = (
    "views/*.view.lkml",
    "data_tests.lkml",
    "dashboards/*.dashboard.lookml",
)


def manifest() -> dict[str, Any]:
    """Return the project manifest with the constants of a Looker instance."""
    return {
        "project_name": NAME,
        "constants": [
            {"name": name, "value": value, "export": export}
            for name, value, export in CONSTANTS
        ],
    }


def model(
    tables: Sequence[Table],
    aggregates: Mapping[str, Sequence[dict[str, Any]]] | None = None,
) -> dict[str, Any]:
    """Return the model file in lkml's format; `aggregates` are tables by explore."""
    by_name = {table.name: table for table in tables}
    kinds = salesforce.records(tables)
    return {
        "connection": "@{CONNECTION_NAME}",
        "label": "Nightshift",
        "includes": list(INCLUDES),
        "week_start_day": "monday",
        "access_grants": [
            {
                "name": PERSONAL_DATA_GRANT,
                "user_attribute": PERSONAL_DATA_GRANT,
                "allowed_values": ["yes"],
            }
        ],
        "named_value_formats": [
            {"name": name, "value_format": value}
            for name, value in VALUE_FORMATS.items()
        ],
        "datagroups": [
            {
                "name": FINISHED_RUN,
                "label": "Finished run",
                "description": "Changes when a run has built the marts.",
                "sql_trigger": "select max(finished_at) from @{OPS_SCHEMA}.runs "
                "where status in ('done', 'rejected')",
                "max_cache_age": MAX_CACHE_AGE,
            }
        ],
        "persist_with": FINISHED_RUN,
        "explores": [
            _explore(table, by_name, kinds) | _aggregates(table, aggregates or {})
            for table in tables
        ],
    }


def relationship(table: Table, join: Join, other: Table) -> str:
    """Return LookML's relationship of a join to the other table's whole key."""
    is_own_key = set(join.by) == set(table.key) and len(join.by) == len(other.key)
    return "one_to_one" if is_own_key else "many_to_one"


def _explore(
    table: Table, tables: dict[str, Table], kinds: Sequence[salesforce.Record]
) -> dict[str, Any]:
    explore: dict[str, Any] = {"name": table.name}
    if not table.is_explore:
        explore["hidden"] = "yes"
    explore |= {"label": table.label, "description": table.description}
    if table.newest:
        explore["conditionally_filter"] = _newest_unless_dated(table)
    joined = [tables[join.to] for join in table.joins]
    joins = [_join(table, join, tables[join.to]) for join in table.joins]
    joins += salesforce.joins(table, joined, kinds)
    return explore | ({"joins": joins} if joins else {})


def _newest_unless_dated(table: Table) -> dict[str, Any]:
    """Return the filter for the newest snapshot, unless the user chooses dates."""
    column = table.column(table.newest)
    name = group_name(column.name)
    frames = [frame for frame in TIMEFRAMES[column.data_type] if frame != "raw"]
    return {
        "filters__all": [[{f"{table.name}.{NEWEST_FIELD}": "yes"}]],
        "unless": [f"{table.name}.{name}_{frame}" for frame in frames],
    }


def _aggregates(
    table: Table, aggregates: Mapping[str, Sequence[dict[str, Any]]]
) -> dict[str, Any]:
    own = aggregates.get(table.name)
    return {"aggregate_tables": list(own)} if own else {}


def _join(table: Table, join: Join, other: Table) -> dict[str, Any]:
    conditions = (
        f"${{{table.name}.{field_name(table.column(own))}}} = "
        f"${{{other.name}.{field_name(other.column(theirs))}}}"
        for own, theirs in join.by.items()
    )
    return {
        "name": other.name,
        "type": "left_outer",
        "relationship": relationship(table, join, other),
        "sql_on": " and ".join(conditions),
    }
