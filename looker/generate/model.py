"""The LookML model: an explore per mart, joins by whole keys, how long answers last.

Answers are kept until a night has finished: the datagroup asks `ops.runs` for the end
of the latest run that built the marts, whether or not Salesforce took every row.
"""

from collections.abc import Sequence
from typing import Any

from looker.generate.marts import Join, Mart
from looker.generate.views import label, reference

FINISHED_NIGHT = "finished_night"
# A night that never comes must not leave old answers in place for ever.
MAX_CACHE_AGE = "26 hours"
CONSTANTS = (
    ("CONNECTION_NAME", "nightshift", "override_required"),
    ("MARTS_SCHEMA", "marts", "override_optional"),
    ("OPS_SCHEMA", "ops", "override_optional"),
)


def manifest() -> dict[str, Any]:
    """Return the project manifest: what differs between one Looker and another."""
    return {
        "project_name": "nightshift",
        "constants": [
            {"name": name, "value": value, "export": export}
            for name, value, export in CONSTANTS
        ],
    }


def model(marts: Sequence[Mart]) -> dict[str, Any]:
    """Return the model file in lkml's terms."""
    by_name = {mart.name: mart for mart in marts}
    return {
        "connection": "@{CONNECTION_NAME}",
        "label": "Nightshift",
        "includes": ["views/*.view.lkml"],
        "week_start_day": "monday",
        "datagroups": [
            {
                "name": FINISHED_NIGHT,
                "label": "Finished night",
                "description": "Changes when a night has built the marts.",
                "sql_trigger": "select max(finished_at) from @{OPS_SCHEMA}.runs "
                "where status in ('done', 'rejected')",
                "max_cache_age": MAX_CACHE_AGE,
            }
        ],
        "persist_with": FINISHED_NIGHT,
        "explores": [_explore(mart, by_name) for mart in marts],
    }


def relationship(mart: Mart, join: Join, other: Mart) -> str:
    """Say how many rows meet how many; the other side's key is always whole."""
    is_whole = set(join.by) == set(mart.key) and len(join.by) == len(other.key)
    return "one_to_one" if is_whole else "many_to_one"


def _explore(mart: Mart, marts: dict[str, Mart]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": mart.name,
        "label": mart.label or label(mart.name),
        "description": mart.description,
    }
    joins = [_join(mart, join, marts[join.to]) for join in mart.joins]
    return told | ({"joins": joins} if joins else {})


def _join(mart: Mart, join: Join, other: Mart) -> dict[str, Any]:
    conditions = (
        f"${{{mart.name}.{reference(mart.column(own))}}} = "
        f"${{{other.name}.{reference(other.column(theirs))}}}"
        for own, theirs in join.by.items()
    )
    return {
        "name": other.name,
        "type": "left_outer",
        "relationship": relationship(mart, join, other),
        "sql_on": " and ".join(conditions),
    }
