"""The LookML model: explores, joins by whole primary keys, and the cache policy.

Looker caches query results until a run has finished: the datagroup queries `ops.runs`
for the end of the latest run that built the marts, including runs with rejects.
"""

from collections.abc import Sequence
from typing import Any

from looker.generate.marts import Join, Mart
from looker.generate.views import field_name, label

FINISHED_RUN = "finished_run"
# Limits how long results stay cached when no run finishes.
MAX_CACHE_AGE = "26 hours"
CONSTANTS = (
    ("CONNECTION_NAME", "nightshift", "override_required"),
    ("MARTS_SCHEMA", "marts", "override_optional"),
    ("OPS_SCHEMA", "ops", "override_optional"),
)


def manifest() -> dict[str, Any]:
    """Return the project manifest with the constants of a Looker instance."""
    return {
        "project_name": "nightshift",
        "constants": [
            {"name": name, "value": value, "export": export}
            for name, value, export in CONSTANTS
        ],
    }


def model(marts: Sequence[Mart]) -> dict[str, Any]:
    """Return the model file in lkml's format."""
    by_name = {mart.name: mart for mart in marts}
    return {
        "connection": "@{CONNECTION_NAME}",
        "label": "Nightshift",
        "includes": ["views/*.view.lkml"],
        "week_start_day": "monday",
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
        "explores": [_explore(mart, by_name) for mart in marts],
    }


def relationship(mart: Mart, join: Join, other: Mart) -> str:
    """Return LookML's relationship of a join to the other mart's whole key."""
    is_own_key = set(join.by) == set(mart.key) and len(join.by) == len(other.key)
    return "one_to_one" if is_own_key else "many_to_one"


def _explore(mart: Mart, marts: dict[str, Mart]) -> dict[str, Any]:
    explore: dict[str, Any] = {
        "name": mart.name,
        "label": mart.label or label(mart.name),
        "description": mart.description,
    }
    joins = [_join(mart, join, marts[join.to]) for join in mart.joins]
    return explore | ({"joins": joins} if joins else {})


def _join(mart: Mart, join: Join, other: Mart) -> dict[str, Any]:
    conditions = (
        f"${{{mart.name}.{field_name(mart.column(own))}}} = "
        f"${{{other.name}.{field_name(other.column(theirs))}}}"
        for own, theirs in join.by.items()
    )
    return {
        "name": other.name,
        "type": "left_outer",
        "relationship": relationship(mart, join, other),
        "sql_on": " and ".join(conditions),
    }
