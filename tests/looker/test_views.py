"""A mart's view has the right fields, and invalid marts are rejected."""

from pathlib import Path
from typing import Any

import lkml
import pytest

from loaders.errors import ConfigError
from looker.generate import files, measures, model, shapes, views
from looker.generate.tables import (
    Column,
    CurrentRows,
    GroupedRows,
    Join,
    Measure,
    Table,
)


def _table(**changes: Any) -> Table:  # noqa: ANN401 - any field of a table
    fields = {
        "name": "fct_visit",
        "relation": "fct_visit",
        "schema": "MARTS_SCHEMA",
        "label": "Visits",
        "rows": "visits",
        "description": 'One row per "visit". More.',
        "columns": (
            Column("visit_id", "bigint", "The visit."),
            Column("metrics", "bigint", "Custom metrics."),
            Column("visit_date", "date", "The day."),
            Column("email", "varchar(256)", "Who.", is_personal=True),
        ),
        "key": ("visit_id",),
        "measures": (),
        "joins": (),
        "declared_in": "models/_visits__models.yml",
    }
    return Table(**{**fields, **changes})


def test_written_view_has_catalog_labels_and_escaped_quotes(tmp_path: Path) -> None:
    specs = tmp_path / "dashboards"
    assert files.write_files([_table()], tmp_path, specs)
    assert files.find_outdated([_table()], tmp_path, specs) == []
    text = (tmp_path / "views" / "fct_visit.view.lkml").read_text(encoding="utf-8")
    (view,) = lkml.load(text)["views"]
    labels = {each["name"]: each["label"] for each in view["dimensions"]}
    assert labels == {
        "visit_id": "Visit ID",
        "metrics": "Custom Metrics",
        "email": "Email",
    }
    text = (tmp_path / "nightshift.model.lkml").read_text(encoding="utf-8")
    (explore,) = lkml.load(text)["explores"]
    assert explore["description"] == 'One row per \\"visit\\". More.'


def test_duplicate_field_names_are_rejected() -> None:
    measure = Measure("visit_date", "sum", "Twice.", column="metrics")
    with pytest.raises(ConfigError, match="two fields named visit_date"):
        views.view(_table(measures=(measure,)))


def test_sum_of_a_date_column_is_rejected() -> None:
    measure = Measure("days", "sum", "No.", column="visit_date")
    with pytest.raises(ConfigError, match="needs a number"):
        views.view(_table(measures=(measure,)))


def test_data_type_without_a_lookml_type_is_rejected() -> None:
    columns = (Column("visit_id", "json", "Unsupported."),)
    with pytest.raises(ConfigError, match="has no LookML type"):
        views.view(_table(columns=columns))


def test_personal_data_needs_a_grant_but_can_be_counted() -> None:
    users = Measure("users", "count_distinct", "Users.", column="email")
    view = views.view(_table(measures=(users,)))
    (email,) = (each for each in view["dimensions"] if each["name"] == "email")
    assert email["required_access_grants"] == ["can_see_personal_data"]
    (_, measure) = view["measures"]
    assert measure["sql"] == "${TABLE}.email"
    assert "email" not in view["sets"][0]["fields"]


def test_sum_over_a_snapshot_is_the_average_of_its_days() -> None:
    total = Measure("total", "sum", "All.", column="metrics")
    events = Measure("events", "sum", "All.", column="metrics", adds_up=True)
    table = _table(newest="visit_date", measures=(total, events))
    rendered = {each["name"]: each for each in measures.measures(table)}
    assert list(rendered) == ["count", "total_over_days", "total", "events", "days"]
    assert rendered["total"]["sql"] == ("1.0 * ${total_over_days} / nullif(${days}, 0)")
    assert rendered["total_over_days"]["hidden"] == "yes"
    assert rendered["events"]["type"] == "sum"


def test_ledger_shows_its_current_or_counted_rows() -> None:
    current = CurrentRows(("visit_id",), "visit_date", {"email": ("a", "b")})
    sql = views.view(_table(current=current))["derived_table"]["sql"]
    assert "partition by visit_id order by visit_date desc" in sql
    assert "where email in ('a', 'b')" in sql and sql.endswith("recency = 1")
    grouped = GroupedRows(("visit_id", "email"), "visits")
    sql = views.view(_table(grouped=grouped))["derived_table"]["sql"]
    assert sql == (
        "select visit_id, email, count(*) as visits from @{MARTS_SCHEMA}.fct_visit "
        "group by visit_id, email"
    )


@pytest.mark.parametrize(
    ("column", "name"),
    [
        (Column("hosts", "bigint", "."), "decimal_0"),
        (Column("org_id", "bigint", "."), "id"),
        (Column("hosts_week_change", "numeric(38, 0)", "."), "signed_0"),
        (Column("median_hosts", "numeric(38, 2)", "."), "decimal_2"),
        (Column("share", "double precision", ".", format="percent_1"), "percent_1"),
    ],
)
def test_number_has_the_format_of_its_type(column: Column, name: str) -> None:
    table = _table(columns=(column,), key=(column.name,))
    assert views.view(table)["dimensions"][0]["value_format_name"] == name


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (
            Measure("x", "sum", ".", column="metrics", format="percent"),
            "format percent",
        ),
        (
            Measure("x", "number", ".", sql="${nowhere}", format="id"),
            "refers to nowhere",
        ),
    ],
)
def test_measure_that_looker_would_reject_is_rejected(
    measure: Measure, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        views.view(_table(measures=(measure,)))


def test_bare_yes_of_yaml_is_a_filter_expression() -> None:
    assert [shapes.filter_value(each) for each in (True, False, ">1", 3)] == [
        *("yes", "no", ">1", "3")
    ]


def test_double_without_a_format_is_rejected() -> None:
    columns = (Column("share", "double precision", "."),)
    with pytest.raises(ConfigError, match="needs a format"):
        views.view(_table(columns=columns, key=("share",)))


def test_join_is_one_to_one_only_by_both_whole_keys() -> None:
    days = _table(name="days", key=("visit_id",))
    by_own_key = Join("days", {"visit_id": "visit_id"})
    assert model.relationship(_table(), by_own_key, days) == "one_to_one"
    by_other_column = Join("days", {"metrics": "visit_id"})
    assert model.relationship(_table(), by_other_column, days) == "many_to_one"
