"""The SQL of the LookML runs on a warehouse: keys are unique, joins add no rows."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import duckdb
import pytest

from tests.looker import query
from tests.looker.lookml import (
    LIQUID_FIELD,
    LookmlProject,
    fields_of,
    filters_of,
    primary_key,
)
from tests.shared_project import SharedProject

TODAY = date(2026, 11, 25)
# The LookML type of each type of the warehouse.
TYPES = {
    "BIGINT": "number",
    "INTEGER": "number",
    "DOUBLE": "number",
    "DECIMAL": "number",
    "VARCHAR": "string",
    "BOOLEAN": "yesno",
    "DATE": "time",
    "TIMESTAMP": "time",
}
Connection = duckdb.DuckDBPyConnection


@pytest.fixture(scope="module")
def warehouse(shared_project: SharedProject) -> Iterator[Connection]:
    """Connect to a warehouse with finished runs."""
    file = str(shared_project.project.warehouse)
    with duckdb.connect(file, read_only=True) as connection:
        yield connection


def _rows(
    warehouse: Connection, project: LookmlProject, built: query.Query
) -> list[tuple[Any, ...]]:
    return warehouse.execute(query.sql(project, built, today=TODAY)).fetchall()


def test_columns_have_the_type_of_their_field(
    warehouse: Connection, lookml_project: LookmlProject
) -> None:
    for name, view in lookml_project.views.items():
        described = warehouse.execute(
            f"describe select * from {query.table_sql(view, name)}"
        ).fetchall()
        types = {
            column: TYPES[kind.partition("(")[0]] for column, kind, *_ in described
        }
        declared = {
            each["sql"].removeprefix("${TABLE}."): each["type"]
            for kind in ("dimensions", "dimension_groups")
            for each in view.get(kind, [])
            if each["sql"].removeprefix("${TABLE}.").isidentifier()
        }
        assert declared == types, name


def test_data_tests_pass_and_find_rows(
    warehouse: Connection, lookml_project: LookmlProject
) -> None:
    for test in lookml_project.tests:
        built = query.of_test(test)
        (asserted,) = test["asserts"]
        condition = asserted["expression"].partition("} ")[2]
        ((_, rows),) = _rows(warehouse, lookml_project, built)
        limits = {"= 1": rows == 1, "<= 1": rows in (0, 1)}
        assert limits[condition], test["name"]


def test_every_view_and_join_has_a_data_test(lookml_project: LookmlProject) -> None:
    tested = {
        (t["explore_source"]["name"], query.of_test(t).fields[1])
        for t in lookml_project.tests
    }
    for name, explore in lookml_project.explores.items():
        assert (name, f"{name}.count") in tested
        for join in explore.get("joins", []):
            if "from" not in join:
                assert (name, f"{join['name']}.count") in tested


def test_data_test_finds_a_repeated_key(lookml_project: LookmlProject) -> None:
    (test,) = (
        each
        for each in lookml_project.tests
        if each["name"] == "trial_trends_has_a_unique_key"
    )
    with duckdb.connect() as connection:
        connection.execute("create schema marts")
        connection.execute(
            "create table marts.trial_trends as select date '2026-11-23' as "
            "cohort_week from range(2)"
        )
        ((_, rows),) = _rows(connection, lookml_project, query.of_test(test))
    assert rows == 2


def test_joins_match_rows_and_add_none(
    warehouse: Connection, lookml_project: LookmlProject
) -> None:
    for name, explore in lookml_project.explores.items():
        count = (f"{name}.count",)
        ((before,),) = _rows(warehouse, lookml_project, query.Query(name, count))
        for join in explore.get("joins", []):
            alias = join["name"]
            view = lookml_project.views[join.get("from", alias)]
            key = primary_key(view)["name"]
            built = query.Query(name, (*count, f"{alias}.count"))
            ((after, matched),) = _rows(warehouse, lookml_project, built)
            assert after == before, f"{name} to {alias}.{key}"
            # Accounts are sent to Salesforce only where it is set up.
            assert matched > 0 or alias == "sf_accounts_record", f"{name} to {alias}"


def test_measures_run_on_the_marts(
    warehouse: Connection, lookml_project: LookmlProject
) -> None:
    for name, view in lookml_project.views.items():
        measures = [f"{name}.{each['name']}" for each in view["measures"]]
        ((count, *_),) = _rows(
            warehouse, lookml_project, query.Query(name, tuple(measures))
        )
        assert count > 0, name


def test_org_is_linked_to_its_salesforce_record(
    warehouse: Connection, lookml_project: LookmlProject
) -> None:
    linked = {
        (name, field, reference)
        for name, view in lookml_project.views.items()
        for field, each in fields_of(view).items()
        for link in each.lookml.get("links", [])
        for reference in LIQUID_FIELD.findall(link["url"])
    }
    assert {name for name, *_ in linked} == {
        name
        for name, view in lookml_project.views.items()
        if {"org_id", "org_id__c", "nightshift_org_id__c"} & fields_of(view).keys()
    }
    for name, explore in lookml_project.explores.items():
        joined = set(lookml_project.aliases(name))
        needed = {
            reference.partition(".")[0]
            for view, _, reference in linked
            if view in lookml_project.aliases(name).values()
        }
        assert needed <= joined, explore["name"]
    built = query.Query(
        "interesting_trials",
        ("interesting_trials.org_id", "sf_trial_metrics_record.salesforce_id"),
    )
    found = {
        (str(org), record)
        for org, record in _rows(warehouse, lookml_project, built)
        if record
    }
    accepted = warehouse.execute(
        "select key, salesforce_id from ops.salesforce_state "
        "where object = 'Trial_Metrics__c'"
    ).fetchall()
    assert found and found <= set(accepted)


def test_aggregate_tables_serve_their_tiles(
    warehouse: Connection, lookml_project: LookmlProject
) -> None:
    served = 0
    for dashboard, tile in lookml_project.tiles():
        built = query.of_tile(dashboard, tile)
        explore = lookml_project.explores[tile["explore"]]
        for aggregate in explore.get("aggregate_tables", []):
            (fields,) = aggregate["queries"]  # lkml reads every query as a list
            dimensions = fields.get("dimensions", [])
            own = filters_of(fields)
            if set(built.fields) <= {*dimensions, *fields["measures"]} and all(
                own.get(name) == value or name in dimensions
                for name, value in built.filters.items()
                if value
            ):
                names = (*dimensions, *fields["measures"])
                materialized = query.Query(tile["explore"], names, own)
                assert _rows(warehouse, lookml_project, materialized) or (
                    tile["title"] == "Lost most hosts in a week"
                )
                served += 1
                break
        else:
            assert tile["type"] == "looker_grid", tile["title"]
    assert served > 20


def test_datagroup_trigger_returns_the_end_of_the_latest_run(
    warehouse: Connection, lookml_project: LookmlProject
) -> None:
    (datagroup,) = lookml_project.model["datagroups"]
    assert lookml_project.model["persist_with"] == datagroup["name"]
    trigger = query.replace_constants(datagroup["sql_trigger"])
    (finished_at,) = warehouse.execute(trigger).fetchone() or (None,)
    (expected,) = warehouse.execute(
        "select max(finished_at) from ops.runs"
    ).fetchone() or (None,)
    assert finished_at == expected is not None
