"""Personal data: marked where it comes in, followed, and kept out of marts."""

from collections.abc import Iterator

from sqlglot import exp
from sqlglot.lineage import lineage

from tests.dbt_project.manifest import (
    Node,
    described,
    is_public,
    models_of,
    parents_first,
)

# Personal data that Looker may read, and why.
PII_IN_MARTS = {
    # A visit belongs to somebody: analysts follow a user's visits, by a number.
    ("fct_web_sessions", "user_id"),
    ("fct_web_sessions", "visitor_id"),
}


# Made from personal data, and no longer any: nobody can be told from it.
NO_LONGER_PERSONAL = {
    ("stg_web__requests", "file_extension"),
    ("int_web_visitor_days_paced", "is_ceaseless"),
    ("int_web_requests_sessionized", "session_id"),  # a digest, of a moment as well
    ("int_web_requests_sessionized", "session_date"),
    ("int_web_requests_sessionized", "has_path"),
    ("int_web_sessions_counted", "is_bot"),
    ("int_org_activity_daily", "active_users"),  # how many, not who
}


def test_personal_data_stays_out_of_marts_but_for_a_named_few(manifest: Node) -> None:
    reached = {
        (node["name"], column["name"])
        for node in models_of(manifest)
        if is_public(node)
        for column in node["columns"].values()
        if column["config"]["meta"].get("pii")
    }
    assert reached == PII_IN_MARTS


def test_personal_data_is_marked_wherever_it_comes_by(manifest: Node) -> None:
    """A column that is marked in one place is marked under that name in all."""
    marks: dict[str, set[bool]] = {}
    for node in described(manifest):
        for column in node["columns"].values():
            is_pii = bool(column["config"]["meta"].get("pii"))
            marks.setdefault(column["name"], set()).add(is_pii)
    assert {name for name, found in marks.items() if len(found) > 1} == set()


def test_what_is_made_from_personal_data_is_marked_or_named_as_harmless(
    manifest: Node,
) -> None:
    """Under whatever name: followed through the SQL from the raw columns on."""
    personal = {
        (source["name"], column)
        for source in manifest["sources"].values()
        for column in _marked(source)
    }
    assert personal
    unmarked = set()
    for node in parents_first(manifest):
        made = {
            column
            for column in node["columns"]
            if personal.intersection(_origins(manifest, node, column, personal))
        }
        personal |= {(node["name"], column) for column in made & _marked(node)}
        unmarked |= {(node["name"], column) for column in made - _marked(node)}
    assert unmarked == NO_LONGER_PERSONAL


def _marked(node: Node) -> set[str]:
    return {
        name
        for name, column in node["columns"].items()
        if column["config"]["meta"].get("pii")
    }


def _origins(
    manifest: Node, node: Node, column: str, personal: set[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    """Yield the (table, column) pairs that a column's value is made from."""
    every = {**manifest["nodes"], **manifest["sources"]}
    parents = [every[one] for one in node["depends_on"]["nodes"]]
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
