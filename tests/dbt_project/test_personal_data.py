"""Personal data (`pii` meta) is marked, traced by lineage, and kept out of marts."""

from collections.abc import Iterator

from sqlglot import exp
from sqlglot.lineage import lineage

from tests.dbt_project.manifest import (
    Node,
    is_public,
    models,
    models_parents_first,
    nodes_with_columns,
)

# Personal data that marts may contain, because analysts follow a user's visits by id.
ALLOWED_IN_MARTS = {
    ("fct_web_sessions", "user_id"),
    ("fct_web_sessions", "visitor_id"),
}

# Columns computed from personal data that no longer identify a person.
NOT_IDENTIFYING = {
    ("stg_web__requests", "file_extension"),
    ("int_web_requests_sessionized", "session_started_at"),
    ("int_web_requests_sessionized", "session_date"),
    ("int_web_requests_sessionized", "has_path"),
    ("int_web_sessions_counted", "session_id"),  # hash of visitor and timestamp
    ("int_web_sessions_counted", "is_bot"),
    ("int_org_activity_daily", "active_users"),  # a count
}


def test_marts_contain_only_allowed_personal_data(manifest: Node) -> None:
    in_marts = {
        (node["name"], column["name"])
        for node in models(manifest)
        if is_public(node)
        for column in node["columns"].values()
        if column["config"]["meta"].get("pii")
    }
    assert in_marts == ALLOWED_IN_MARTS


def test_columns_with_the_same_name_agree_on_pii(manifest: Node) -> None:
    flags: dict[str, set[bool]] = {}
    for node in nodes_with_columns(manifest):
        for column in node["columns"].values():
            is_pii = bool(column["config"]["meta"].get("pii"))
            flags.setdefault(column["name"], set()).add(is_pii)
    assert {name for name, values in flags.items() if len(values) > 1} == set()


def test_columns_derived_from_personal_data_are_marked(manifest: Node) -> None:
    """Lineage is traced from the raw tables, so renamed columns are found, too."""
    personal = {
        (source["name"], column)
        for source in manifest["sources"].values()
        for column in _pii_columns(source)
    }
    assert personal
    unmarked = set()
    for node in models_parents_first(manifest):
        derived = {
            column
            for column in node["columns"]
            if personal.intersection(_origins(manifest, node, column, personal))
        }
        pii_columns = _pii_columns(node)
        personal |= {(node["name"], column) for column in derived & pii_columns}
        unmarked |= {(node["name"], column) for column in derived - pii_columns}
    assert unmarked == NOT_IDENTIFYING


def _pii_columns(node: Node) -> set[str]:
    return {
        name
        for name, column in node["columns"].items()
        if column["config"]["meta"].get("pii")
    }


def _origins(
    manifest: Node, node: Node, column: str, personal: set[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    """Yield the (table, column) pairs from which a column is computed."""
    all_nodes = {**manifest["nodes"], **manifest["sources"]}
    parents = [all_nodes[parent] for parent in node["depends_on"]["nodes"]]
    if not {parent["name"] for parent in parents} & {name for name, _ in personal}:
        return
    schema: dict[str, dict[str, dict[str, str]]] = {}
    for parent in parents:
        columns = dict.fromkeys(parent["columns"], "text")
        schema.setdefault(parent["schema"], {})[parent["name"]] = columns
    traced = lineage(column, node["compiled_code"], schema=schema, dialect="duckdb")
    for step in traced.walk():
        if isinstance(step.expression, exp.Table):
            yield step.expression.name, step.name.split(".")[-1]
