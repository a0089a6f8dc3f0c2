"""Explores of append-only ledgers count what is current, not what was before."""

from collections.abc import Iterator
from datetime import date

import duckdb
import pytest

from tests.looker import query
from tests.looker.lookml import COLUMN, LookmlProject

TYPES = {"number": "bigint", "string": "varchar", "yesno": "boolean"}
TODAY = date(2026, 11, 25)
LOADS = """
insert into ops.loads (load_id, source, dt, status, finished_at, rows_loaded) values
    ('first', 'orgs', '2026-11-24', 'loaded', '2026-11-25 05:00:00', 10),
    ('second', 'orgs', '2026-11-24', 'loaded', '2026-11-25 06:00:00', 12),
    ('asked', 'orgs', '2026-11-24', 'rerun', '2026-11-25 07:00:00', null),
    ('other', 'metrics', '2026-11-24', 'loaded', '2026-11-25 05:00:00', 5)
"""
REJECTS = """
insert into ops.load_rejects values
    ('first', 'orgs', '2026-11-24', 'missing key: org_id'),
    ('first', 'orgs', '2026-11-24', 'invalid UTF-8'),
    ('second', 'orgs', '2026-11-24', 'invalid UTF-8')
"""
BUILDS = """
insert into ops.model_runs
    (model, data_date, env, version, status, finished_at, tests) values
    ('fct_org_day', '2026-11-24', 'prod', 'v1', 'failed', '2026-11-25 05:00:00', 3),
    ('fct_org_day', '2026-11-24', 'prod', 'v1', 'success', '2026-11-25 06:00:00', 7),
    ('fct_org_day', '2026-11-23', 'prod', 'v1', 'failed', '2026-11-24 05:00:00', 7)
"""


@pytest.fixture(scope="module")
def ledgers(lookml_project: LookmlProject) -> Iterator[duckdb.DuckDBPyConnection]:
    """Connect to ledgers with a partition that was loaded twice."""
    with duckdb.connect() as connection:
        connection.execute("create schema ops")
        for name in ("loads", "model_runs"):
            view = lookml_project.views[name]
            columns = {
                match[1]: field.get("datatype") or TYPES[field["type"]]
                for kind in ("dimensions", "dimension_groups")
                for field in view[kind]
                if (match := COLUMN.fullmatch(field["sql"]))
            }
            declared = ", ".join(f"{each} {kind}" for each, kind in columns.items())
            connection.execute(f"create table ops.{name} ({declared})")
        connection.execute(
            "create table ops.load_rejects "
            "(load_id varchar, source varchar, dt date, reason varchar)"
        )
        for statement in (LOADS, REJECTS, BUILDS):
            connection.execute(statement)
        yield connection


@pytest.mark.parametrize(
    ("fields", "filters", "row"),
    [
        (("loads.count", "loads.total_rows_loaded"), {}, (2, 17)),
        (("load_rejects.total_rejects",), {}, (3,)),
        (("load_rejects.total_rejects",), {"loads.load_id": "-NULL"}, (1,)),
        (
            ("model_runs.failed_models", "model_runs.total_tests"),
            {"model_runs.is_newest": "yes"},
            (0, 7),
        ),
        (("model_runs.failed_models", "model_runs.total_tests"), {}, (1, 7)),
    ],
)
def test_explore_counts_current_rows(
    ledgers: duckdb.DuckDBPyConnection,
    lookml_project: LookmlProject,
    fields: tuple[str, ...],
    filters: dict[str, str],
    row: tuple[int, ...],
) -> None:
    built = query.Query(fields[0].partition(".")[0], fields, filters)
    text = query.sql(lookml_project, built, today=TODAY)
    assert ledgers.execute(text).fetchall() == [row]
