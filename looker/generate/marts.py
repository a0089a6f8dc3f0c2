"""The marts as dbt's manifest declares them, with what their `looker` meta adds.

    config:
      meta:
        looker:
          label: Org Days
          primary_key: [org_id, metric_date]
          measures:
            - {name: orgs, type: count_distinct, column: org_id, description: ...}
          joins:
            - {to: org_trial_metrics_latest, by: {org_id: org_id}}

It changes when somebody edits a mart's YAML. `primary_key` is needed only where the
mart's unique_key tests do not name just one. A column may have `looker` meta, too:
`label`, `format`, `hidden`. Personal data (`pii`) is hidden without a word.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from loaders.errors import ConfigError

SCHEMA = "marts"
UNIQUE_KEY_TEST = "unique_key"
MEASURE_TYPES = frozenset(
    {"average", "count_distinct", "max", "median", "min", "number", "sum"}
)
KNOWN_KEYS = {
    "mart": {"label", "primary_key", "measures", "joins"},
    "column": {"label", "format", "hidden"},
    "measure": {"name", "type", "column", "sql", "label", "description", "format"}
    | {"where"},
    "join": {"to", "by"},
}

Node = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of a mart; `format` is one of LookML's named value formats."""

    name: str
    data_type: str
    description: str
    label: str = ""
    format: str = ""
    is_hidden: bool = False


@dataclass(frozen=True)
class Measure:
    """A figure over rows: of a column, or for type `number` an `sql` over measures.

    `where` counts only rows whose columns have these values, as LookML filters.
    """

    name: str
    type: str
    description: str
    column: str = ""
    sql: str = ""
    label: str = ""
    format: str = ""
    where: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Join:
    """Another mart that rows find by its whole primary key: own column to theirs."""

    to: str
    by: Mapping[str, str]


@dataclass(frozen=True)
class Mart:
    """A table that Looker reads; `key` names the columns that make a row unique."""

    name: str
    relation: str
    label: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    measures: tuple[Measure, ...]
    joins: tuple[Join, ...]
    declared_in: str

    def column(self, name: str) -> Column:
        """Return a column; `ConfigError` when there is no such column."""
        for column in self.columns:
            if column.name == name:
                return column
        raise _wrong(self.name, f"there is no column {name}")


def read(manifest: Mapping[str, Any]) -> list[Mart]:
    """Return every mart of a manifest by name; `ConfigError` names what is amiss."""
    nodes = manifest["nodes"].values()
    found = [
        _mart(node, _tests_of(node, nodes))
        for node in nodes
        if node["resource_type"] == "model" and node["config"]["schema"] == SCHEMA
    ]
    marts = {mart.name: mart for mart in sorted(found, key=lambda mart: mart.name)}
    for mart in marts.values():
        for join in mart.joins:
            _require_whole_key(mart, join, marts.get(join.to))
    return list(marts.values())


def flat(text: str) -> str:
    """Return a text of the YAML as one line."""
    return " ".join(text.split())


def _first_paragraph(text: str) -> str:
    """Return the grain and what belongs to it; examples and details follow it."""
    return flat(text.strip().partition("\n\n")[0])


def _tests_of(node: Node, nodes: Iterable[Node]) -> list[Node]:
    return [
        other
        for other in nodes
        if other["resource_type"] == "test"
        and other.get("attached_node") == node["unique_id"]
        and other.get("test_metadata")
    ]


def _mart(node: Node, tests: list[Node]) -> Mart:
    name = node["name"]
    own = _looker(node, "mart", name)
    mart = Mart(
        name=name,
        relation=node["alias"],
        label=own.get("label", ""),
        description=_first_paragraph(node["description"]),
        columns=tuple(_column(name, each) for each in node["columns"].values()),
        key=_key(name, own, tests),
        measures=tuple(_measure(name, each) for each in own.get("measures", [])),
        joins=tuple(_join(name, each) for each in own.get("joins", [])),
        declared_in=str(node["patch_path"] or "").partition("://")[2],
    )
    for column in (
        *mart.key,
        *(measure.column for measure in mart.measures if measure.column),
        *(column for measure in mart.measures for column in measure.where),
        *(column for join in mart.joins for column in join.by),
    ):
        mart.column(column)
    return mart


def _column(mart: str, node: Node) -> Column:
    own = _looker(node, "column", f"{mart}.{node['name']}")
    return Column(
        name=node["name"],
        data_type=str(node["data_type"] or "").lower(),
        description=flat(node["description"]),
        label=own.get("label", ""),
        format=own.get("format", ""),
        is_hidden=bool(own.get("hidden") or _meta(node).get("pii")),
    )


def _measure(mart: str, given: dict[str, Any]) -> Measure:
    _refuse_unknown(given, "measure", mart)
    lacking = [key for key in ("name", "type", "description") if not given.get(key)]
    if lacking:
        raise _wrong(mart, f"a measure lacks {' and '.join(lacking)}")
    is_over_measures = given["type"] == "number"
    if given["type"] not in MEASURE_TYPES:
        known = ", ".join(sorted(MEASURE_TYPES))
        raise _wrong(mart, f"measure {given['name']} has type {given['type']}: {known}")
    if not given.get("sql" if is_over_measures else "column"):
        wanted = "sql over other measures" if is_over_measures else "a column"
        raise _wrong(mart, f"measure {given['name']} ({given['type']}) needs {wanted}")
    return Measure(
        name=given["name"],
        type=given["type"],
        description=flat(given["description"]),
        column=given.get("column", ""),
        sql=given.get("sql", ""),
        label=given.get("label", ""),
        format=given.get("format", ""),
        where=dict(given.get("where", {})),
    )


def _join(mart: str, given: dict[str, Any]) -> Join:
    _refuse_unknown(given, "join", mart)
    return Join(to=given.get("to", ""), by=dict(given.get("by", {})))


def _key(mart: str, own: Node, tests: list[Node]) -> tuple[str, ...]:
    if own.get("primary_key"):
        return tuple(own["primary_key"])
    keys = {
        tuple(test["test_metadata"]["kwargs"]["columns"])
        for test in tests
        if test["test_metadata"]["name"] == UNIQUE_KEY_TEST
    }
    if len(keys) != 1:
        raise _wrong(
            mart,
            f"it has {len(keys)} unique keys, so primary_key must name the columns "
            "that make a row unique",
        )
    return keys.pop()


def _require_whole_key(mart: Mart, join: Join, other: Mart | None) -> None:
    """Refuse a join that could multiply rows: sums over it would be wrong."""
    if other is None:
        raise _wrong(mart.name, f"it joins {join.to!r}, which is no mart")
    if set(join.by.values()) != set(other.key):
        raise _wrong(
            mart.name,
            f"its join to {other.name} must use the whole primary key "
            f"({', '.join(other.key)}), or rows would be counted twice",
        )


def _looker(node: Node, kind: str, name: str) -> dict[str, Any]:
    own = dict(_meta(node).get("looker") or {})
    _refuse_unknown(own, kind, name)
    return own


def _meta(node: Node) -> Node:
    return node.get("config", {}).get("meta") or node.get("meta") or {}


def _refuse_unknown(given: Mapping[str, Any], kind: str, name: str) -> None:
    unknown = sorted(given.keys() - KNOWN_KEYS[kind])
    if unknown:
        known = ", ".join(sorted(KNOWN_KEYS[kind]))
        raise _wrong(name, f"{', '.join(unknown)} is not known of a {kind} ({known})")


def _wrong(name: str, what: str) -> ConfigError:
    return ConfigError(f"The looker meta of {name}: {what}. Mend it in the YAML.")
