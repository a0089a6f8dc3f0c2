"""The SQL of a Looker query, built from the LookML of its fields.

It covers what the dashboards use and raises `NotImplementedError` for anything else.
The SQL runs on DuckDB and on Redshift.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Any

from tests.looker.filter_expressions import condition
from tests.looker.lookml import (
    FIELD,
    LIQUID_FIELD,
    Field,
    Lookml,
    LookmlProject,
    filters_of,
    primary_key,
)

SCHEMAS = {"MARTS_SCHEMA": "marts", "OPS_SCHEMA": "ops"}
AGGREGATES = {
    "average": "avg({})",
    "count_distinct": "count(distinct {})",
    "max": "max({})",
    "median": "median({})",
    "min": "min({})",
    "sum": "sum({})",
}
TIMEFRAMES = {
    "raw": "{}",
    "time": "date_trunc('second', {})",
    "date": "cast({} as date)",
    "hour_of_day": "extract(hour from {})",
    "week": "cast(date_trunc('week', {}) as date)",
    "month": "cast(date_trunc('month', {}) as date)",
    "quarter": "cast(date_trunc('quarter', {}) as date)",
    "year": "extract(year from {})",
}


@dataclass(frozen=True)
class Query:
    """A query of an explore; fields are written `view.field`."""

    explore: str
    fields: tuple[str, ...]
    filters: Mapping[str, str] = field(default_factory=dict)
    sorts: tuple[str, ...] = ()
    limit: int | None = None


def of_tile(dashboard: Lookml, tile: Lookml) -> Query:
    """Return a tile's query with the defaults of the dashboard's filters."""
    defaults = {each["name"]: each["default_value"] for each in dashboard["filters"]}
    listened = {own: defaults[name] for name, own in tile.get("listen", {}).items()}
    return Query(
        explore=tile["explore"],
        fields=tuple(tile["fields"]),
        filters=listened | tile.get("filters", {}),
        sorts=tuple(tile.get("sorts", ())),
        limit=tile["limit"],
    )


def of_test(test: Lookml) -> Query:
    """Return the query of a data test."""
    source = test["explore_source"]
    sorts = [f"{name} {way}" for each in source["sorts"] for name, way in each.items()]
    return Query(
        explore=source["name"],
        fields=tuple(column["field"] for column in source["columns"]),
        filters=filters_of(source),
        sorts=tuple(sorts),
        limit=int(source["limit"]),
    )


def sql(project: LookmlProject, query: Query, *, today: date, prefix: str = "") -> str:
    """Return a query's SQL; relative dates in filters count from `today`.

    `prefix` is that of the schemas.
    """
    explore = _Explore(project, query.explore, prefix)
    dimensions = [each for each in query.fields if not explore.is_measure(each)]
    selected = [f'{explore.sql(name)} as "{name}"' for name in query.fields]
    conditions = []
    for name, expression in query.filters.items():
        if explore.is_measure(name):
            raise NotImplementedError(f"filter on measure {name}")
        kind = explore.type_of(name)
        conditions += condition(explore.sql(name), kind, expression, today)
    groups = [explore.sql(name) for name in dimensions]
    order = [explore.order(sort) for sort in query.sorts]
    return "\n".join(
        [
            f"select {', '.join(selected)}",
            *explore.from_clause(),
            *([f"where {' and '.join(conditions)}"] if conditions else []),
            *([f"group by {', '.join(groups)}"] if groups else []),
            *([f"order by {', '.join(order)}"] if order else []),
            *([f"limit {query.limit}"] if query.limit else []),
        ]
    )


def table_sql(view: Lookml, alias: str, prefix: str = "") -> str:
    """Return a view's table or subquery with its alias."""
    if "derived_table" in view:
        subquery = replace_constants(view["derived_table"]["sql"], prefix)
        return f"({subquery}) as {alias}"
    return f"{replace_constants(view['sql_table_name'], prefix)} as {alias}"


def replace_constants(text: str, prefix: str = "") -> str:
    """Return text with the values of the manifest's schema constants."""
    return re.sub(r"@\{(\w+)\}", lambda match: prefix + SCHEMAS[match[1]], text)


class _Explore:
    """The SQL of one explore's fields; remembers which joins they need."""

    def __init__(self, project: LookmlProject, name: str, prefix: str) -> None:
        self._project = project
        self._prefix = prefix
        self._name = name
        self._joins = {
            join["name"]: join for join in project.explores[name].get("joins", [])
        }
        self._used: dict[str, None] = {}

    def is_measure(self, name: str) -> bool:
        return self._field(name).kind == "measure"

    def type_of(self, name: str) -> str:
        found = self._field(name)
        return "date" if found.kind == "timeframe" else str(found.lookml["type"])

    def sql(self, name: str) -> str:
        """Return the SQL of a field and note the join of its view."""
        alias = name.partition(".")[0]
        if alias != self._name:
            self._used[alias] = None
        found = self._field(name)
        for link in found.lookml.get("links", []):
            for linked in LIQUID_FIELD.findall(link["url"]):
                self.sql(linked)
        if found.kind == "measure":
            return self._measure(alias, found.lookml)
        text = self._references(alias, found.lookml["sql"])
        if found.kind == "timeframe":
            return TIMEFRAMES[found.timeframe].format(text)
        if found.lookml["type"] == "tier":
            return _tier(text, found.lookml["tiers"])
        return text

    def order(self, sort: str) -> str:
        name, *direction = sort.split()
        way = " ".join(direction)
        found = self._field(name)
        if found.lookml["type"] == "tier":
            alias = name.partition(".")[0]
            return f"min({self._references(alias, found.lookml['sql'])}) {way}"
        return f'"{name}" {way} nulls last'

    def from_clause(self) -> list[str]:
        clause = [f"from {self._table(self._name)}"]
        for alias in self._used:
            join = self._joins[alias]
            on = self._references(alias, join["sql_on"])
            clause.append(f"left join {self._table(alias)} on {on}")
        return clause

    def _table(self, alias: str) -> str:
        view = self._project.aliases(self._name)[alias]
        return table_sql(self._project.views[view], alias, self._prefix)

    def _field(self, name: str) -> Field:
        return self._project.field(self._name, name)

    def _references(self, alias: str, text: str) -> str:
        def replacement(match: re.Match[str]) -> str:
            return f"({self.sql(f'{match[1] or alias}.{match[2]}')})"

        text = replace_constants(text.replace("${TABLE}", alias), self._prefix)
        return FIELD.sub(replacement, text)

    def _measure(self, alias: str, measure: Lookml) -> str:
        kind = measure["type"]
        if kind == "number":
            return self._references(alias, measure["sql"])
        relationship = self._joins.get(alias, {}).get("relationship", "one_to_one")
        if kind == "count":
            key = primary_key(
                self._project.views[self._project.aliases(self._name)[alias]]
            )
            if alias == self._name:
                return "count(*)"
            # Looker counts the keys that matched. The key's SQL is never null, so a
            # column of the join's condition shows whether there is a match.
            matched = self._matched(alias)
            return (
                f"count(distinct case when {matched} then {self._key(alias, key)} end)"
            )
        if kind != "count_distinct" and relationship != "one_to_one":
            raise NotImplementedError(f"{kind} of a joined view: {measure['name']}")
        value = self._references(alias, measure["sql"])
        filters = [
            part
            for name, expression in filters_of(measure).items()
            for part in condition(
                self.sql(f"{alias}.{name}"),
                self.type_of(f"{alias}.{name}"),
                expression,
                None,
            )
        ]
        if filters:
            value = f"case when {' and '.join(filters)} then {value} end"
        return AGGREGATES[kind].format(value)

    def _key(self, alias: str, key: Lookml) -> str:
        return self._references(alias, key["sql"])

    def _matched(self, alias: str) -> str:
        return self._references(alias, self._joins[alias]["sql_on"])


def _tier(number: str, tiers: Sequence[Any]) -> str:
    """Return the classes of a number as Looker names them with style `integer`."""
    limits = [int(each) for each in tiers]
    cases = [f"when {number} < {limits[0]} then 'Below {limits[0]}'"]
    for low, high in pairwise(limits):
        name = f"{low}" if high == low + 1 else f"{low} to {high - 1}"
        cases.append(f"when {number} < {high} then '{name}'")
    cases.append(f"when {number} >= {limits[-1]} then '{limits[-1]} or Above'")
    return f"case {' '.join(cases)} else 'Undefined' end"
