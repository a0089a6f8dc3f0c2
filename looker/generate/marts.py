"""The marts as declared in dbt's manifest, with their `looker` meta.

    config:
      meta:
        looker:
          label: Org Days
          primary_key: [org_id, metric_date]
          measures:
            - {name: orgs, type: count_distinct, column: org_id, description: ...}
          joins:
            - {to: org_trial_metrics_latest, by: {org_id: org_id}}

`primary_key` is required only where the mart does not have exactly one
`unique_combination_of_columns` test. A column may have `looker` meta as well: `label`,
`format`, `hidden`. Columns with personal data (`pii`) are hidden automatically.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from loaders.errors import ConfigError

SCHEMA = "marts"
UNIQUE_KEY_TEST = "unique_combination_of_columns"
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
    """An aggregate of a column or, for type `number`, `sql` over other measures.

    `where` maps columns to the values of the rows to include, as LookML filters.
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
    """A join to another mart; `by` maps own columns to its whole primary key."""

    to: str
    by: Mapping[str, str]


@dataclass(frozen=True)
class Mart:
    """A table that Looker reads; `key` contains the columns of its primary key."""

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
        raise _invalid_meta(self.name, f"there is no column {name}")


def read_marts(manifest: Mapping[str, Any]) -> list[Mart]:
    """Return all marts of a manifest, by name; `ConfigError` for invalid meta."""
    nodes = manifest["nodes"].values()
    parsed = [
        _parse_mart(node, _tests_of(node, nodes))
        for node in nodes
        if node["resource_type"] == "model" and node["config"]["schema"] == SCHEMA
    ]
    marts = {mart.name: mart for mart in sorted(parsed, key=lambda mart: mart.name)}
    for mart in marts.values():
        for join in mart.joins:
            _require_whole_key(mart, join, marts.get(join.to))
    return list(marts.values())


def _tests_of(node: Node, nodes: Iterable[Node]) -> list[Node]:
    return [
        other
        for other in nodes
        if other["resource_type"] == "test"
        and other.get("attached_node") == node["unique_id"]
        and other.get("test_metadata")
    ]


def _parse_mart(node: Node, tests: list[Node]) -> Mart:
    name = node["name"]
    meta = _looker_meta(node, "mart", name)
    mart = Mart(
        name=name,
        relation=node["alias"],
        label=meta.get("label", ""),
        description=_first_paragraph(node["description"]),
        columns=tuple(_parse_column(name, each) for each in node["columns"].values()),
        key=_parse_key(name, meta, tests),
        measures=tuple(_parse_measure(name, each) for each in meta.get("measures", [])),
        joins=tuple(_parse_join(name, each) for each in meta.get("joins", [])),
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


def _parse_column(mart: str, node: Node) -> Column:
    meta = _looker_meta(node, "column", f"{mart}.{node['name']}")
    return Column(
        name=node["name"],
        data_type=str(node["data_type"] or "").lower(),
        description=_on_one_line(node["description"]),
        label=meta.get("label", ""),
        format=meta.get("format", ""),
        is_hidden=bool(meta.get("hidden") or _meta(node).get("pii")),
    )


def _parse_measure(mart: str, meta: dict[str, Any]) -> Measure:
    _reject_unknown_keys(meta, "measure", mart)
    missing = [key for key in ("name", "type", "description") if not meta.get(key)]
    if missing:
        raise _invalid_meta(mart, f"a measure has no {' and no '.join(missing)}")
    if meta["type"] not in MEASURE_TYPES:
        raise _invalid_meta(
            mart,
            f"measure {meta['name']} has type {meta['type']}, which is not one of "
            f"{', '.join(sorted(MEASURE_TYPES))}",
        )
    is_over_measures = meta["type"] == "number"
    if not meta.get("sql" if is_over_measures else "column"):
        required = "sql over other measures" if is_over_measures else "a column"
        raise _invalid_meta(
            mart, f"measure {meta['name']} ({meta['type']}) needs {required}"
        )
    return Measure(
        name=meta["name"],
        type=meta["type"],
        description=_on_one_line(meta["description"]),
        column=meta.get("column", ""),
        sql=meta.get("sql", ""),
        label=meta.get("label", ""),
        format=meta.get("format", ""),
        where=dict(meta.get("where", {})),
    )


def _parse_join(mart: str, meta: dict[str, Any]) -> Join:
    _reject_unknown_keys(meta, "join", mart)
    return Join(to=meta.get("to", ""), by=dict(meta.get("by", {})))


def _parse_key(mart: str, meta: Node, tests: list[Node]) -> tuple[str, ...]:
    if meta.get("primary_key"):
        return tuple(meta["primary_key"])
    keys = {
        tuple(test["test_metadata"]["kwargs"]["combination_of_columns"])
        for test in tests
        if test["test_metadata"]["name"] == UNIQUE_KEY_TEST
    }
    if len(keys) != 1:
        raise _invalid_meta(
            mart,
            f"the mart has {len(keys)} unique keys instead of one, so primary_key is "
            "required",
        )
    return keys.pop()


def _require_whole_key(mart: Mart, join: Join, other: Mart | None) -> None:
    """Reject a join that could duplicate rows, because sums would be wrong."""
    if other is None:
        raise _invalid_meta(mart.name, f"it joins {join.to!r}, which is not a mart")
    if set(join.by.values()) != set(other.key):
        raise _invalid_meta(
            mart.name,
            f"its join to {other.name} must use the whole primary key "
            f"({', '.join(other.key)}), because otherwise rows are counted twice",
        )


def _looker_meta(node: Node, kind: str, name: str) -> dict[str, Any]:
    meta = dict(_meta(node).get("looker") or {})
    _reject_unknown_keys(meta, kind, name)
    return meta


def _meta(node: Node) -> Node:
    return node.get("config", {}).get("meta") or node.get("meta") or {}


def _reject_unknown_keys(meta: Mapping[str, Any], kind: str, name: str) -> None:
    unknown = sorted(meta.keys() - KNOWN_KEYS[kind])
    if unknown:
        raise _invalid_meta(
            name,
            f"unknown key {', '.join(unknown)} in a {kind}; the known keys are "
            f"{', '.join(sorted(KNOWN_KEYS[kind]))}",
        )


def _invalid_meta(name: str, cause: str) -> ConfigError:
    return ConfigError(
        f"The looker meta of {name} is invalid: {cause}. Correct it in the YAML."
    )


def _first_paragraph(text: str) -> str:
    """Return the first paragraph of a description, which states the grain."""
    return _on_one_line(text.strip().partition("\n\n")[0])


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
