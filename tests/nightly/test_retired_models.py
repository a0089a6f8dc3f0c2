"""Relations of models that were removed from the project."""

from datetime import date

import pytest

from tests.nightly.project import Project

Finished = tuple[Project, date]


@pytest.mark.slow
def test_relation_of_removed_model_is_reported_and_dropped(
    finished_run: Finished,
) -> None:
    project, _ = finished_run
    project.execute("create table marts.old_mart as select 1 as id")
    project.execute("create view intermediate.old_view as select * from marts.old_mart")
    project.execute("create table marts.analyst_table as select 1 as id")
    project.execute(
        "insert into ops.model_runs (model, data_date, status, finished_at) values "
        "('old_mart', date '2026-11-20', 'success', timestamp '2026-11-21 04:00:00'), "
        "('old_view', date '2026-11-20', 'success', timestamp '2026-11-21 04:00:01')"
    )
    before = _relations(project)
    checks = project.nightshift("doctor", "--json").expect(0).json["checks"]
    messages = {check["name"]: check["message"] for check in checks}
    assert "intermediate.old_view, marts.old_mart" in messages["retired models"]
    assert "dbt run-operation drop_retired_models" in messages["retired models"]

    output = project.dbt("run-operation", "drop_retired_models").expect(0).out
    dropped = {("marts", "old_mart"), ("intermediate", "old_view")}
    assert _relations(project) == before - dropped
    assert output.index("old_view") < output.index("old_mart")
    output = project.dbt("run-operation", "drop_retired_models").expect(0).out
    assert "No relation of a retired model exists" in output
    checks = project.nightshift("doctor", "--json").expect(0).json["checks"]
    messages = {check["name"]: check["message"] for check in checks}
    assert messages["retired models"] == "no relation of a removed model exists"


def _relations(project: Project) -> set[tuple[str, str]]:
    rows = project.rows(
        "select table_schema, table_name from information_schema.tables"
    )
    return {(row["table_schema"], row["table_name"]) for row in rows}
