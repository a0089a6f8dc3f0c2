"""The tables of dbt's manifest that Looker reads: all marts, and ledgers with meta."""

from collections.abc import Iterable, Mapping
from typing import Any

from loaders.config.dbt_project import project_vars
from looker.generate import meta as looker_meta
from looker.generate import wording
from looker.generate.tables import (
    Column,
    GroupedRows,
    Join,
    Table,
    invalid_meta,
)

SCHEMA = "marts"
MARTS_SCHEMA = "MARTS_SCHEMA"
OPS_SCHEMA = "OPS_SCHEMA"
UNIQUE_KEY_TEST = "unique_combination_of_columns"

Node = Mapping[str, Any]


def read_marts(manifest: Mapping[str, Any]) -> list[Table]:
    """Return all marts and ledgers, by name; `ConfigError` for invalid meta."""
    nodes = manifest["nodes"].values()
    parsed = [
        _parse_table(node, MARTS_SCHEMA, _tests_of(node, nodes))
        for node in nodes
        if node["resource_type"] == "model" and node["config"]["schema"] == SCHEMA
    ]
    parsed += [
        _parse_table(node, OPS_SCHEMA, [])
        for node in manifest.get("sources", {}).values()
        if node["source_name"] == "ops" and looker_meta.has_meta(node)
    ]
    tables = {table.name: table for table in sorted(parsed, key=lambda each: each.name)}
    for table in tables.values():
        for join in table.joins:
            _require_whole_key(table, join, tables.get(join.to))
    return wording.for_readers(tables, _known_names(manifest))


def _known_names(manifest: Mapping[str, Any]) -> set[str]:
    """Return the names of the project that mean nothing to Looker's users."""
    sources = manifest.get("sources", {}).values()
    names = {node["name"] for node in (*manifest["nodes"].values(), *sources)}
    return names | project_vars().keys()


def _tests_of(node: Node, nodes: Iterable[Node]) -> list[Node]:
    return [
        other
        for other in nodes
        if other["resource_type"] == "test"
        and other.get("attached_node") == node["unique_id"]
        and other.get("test_metadata")
    ]


def _parse_table(node: Node, schema: str, tests: list[Node]) -> Table:
    name = node["name"]
    meta = looker_meta.of_table(node)
    groups = looker_meta.parse_groups(meta)
    current = looker_meta.parse_current(name, meta.get("current"))
    grouped = looker_meta.parse_grouped(name, meta.get("grouped"))
    columns = tuple(
        looker_meta.parse_column(name, each, groups)
        for each in node["columns"].values()
    )
    if grouped:
        columns = _counted_columns(columns, grouped)
    derived = current or grouped
    table = Table(
        name=name,
        relation=node.get("alias") or node["identifier"],
        schema=schema,
        label=meta["label"],
        rows=meta["rows"],
        description=looker_meta.first_paragraph(
            meta.get("description") or node["description"]
        ),
        columns=columns,
        key=derived.by if derived else _parse_key(name, meta, tests),
        measures=tuple(looker_meta.parse_measures(name, meta.get("measures", []))),
        joins=tuple(
            looker_meta.parse_join(name, each) for each in meta.get("joins", [])
        ),
        drill=tuple(meta.get("drill", ())),
        newest=meta.get("newest", ""),
        org=meta.get("org", ""),
        link=meta.get("link", ""),
        salesforce_object=looker_meta.salesforce_object(node),
        current=current,
        grouped=grouped,
        is_explore=meta.get("explore", True),
        declared_in=_declared_in(node),
    )
    for column in (*table.key, *groups, *_named_columns(table)):
        table.column(column)
    if table.newest and table.column(table.newest).data_type != "date":
        raise invalid_meta(name, f"newest is {table.newest}, which is no date")
    return table


def _counted_columns(
    columns: tuple[Column, ...], grouped: GroupedRows
) -> tuple[Column, ...]:
    count = Column(grouped.count, "bigint", f"Number of {grouped.count}.")
    return (*(each for each in columns if each.name in grouped.by), count)


def _named_columns(table: Table) -> list[str]:
    """Return the columns that the meta refers to."""
    current = table.current
    names = [table.newest, table.org, *table.drill]
    names += [measure.column for measure in table.measures]
    names += [name for measure in table.measures for name in measure.where]
    names += [name for join in table.joins for name in join.by]
    names += [current.newest, *current.where] if current else []
    return [name for name in names if name]


def _parse_key(mart: str, meta: Node, tests: list[Node]) -> tuple[str, ...]:
    if meta.get("primary_key"):
        return tuple(meta["primary_key"])
    keys = {
        tuple(test["test_metadata"]["kwargs"]["combination_of_columns"])
        for test in tests
        if test["test_metadata"]["name"] == UNIQUE_KEY_TEST
    }
    if len(keys) != 1:
        raise invalid_meta(
            mart,
            f"the mart has {len(keys)} unique keys instead of one, so primary_key is "
            "required",
        )
    return keys.pop()


def _require_whole_key(table: Table, join: Join, other: Table | None) -> None:
    """Reject a join that could duplicate rows, because sums would be wrong."""
    if other is None:
        raise invalid_meta(table.name, f"it joins {join.to!r}, which is not a mart")
    if not set(other.key) <= set(join.by.values()):
        raise invalid_meta(
            table.name,
            f"its join to {other.name} must use the whole primary key "
            f"({', '.join(other.key)}), because otherwise rows are counted twice",
        )


def _declared_in(node: Node) -> str:
    path = str(node.get("patch_path") or "").partition("://")[2]
    return path or str(node.get("original_file_path", ""))
