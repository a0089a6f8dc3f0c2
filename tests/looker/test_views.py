"""A mart's view has the right fields, and invalid marts are rejected."""

from pathlib import Path
from typing import Any

import lkml
import pytest

from loaders.errors import ConfigError
from looker.generate import files, model, views
from looker.generate.marts import Column, Join, Mart, Measure


def _mart(**changes: Any) -> Mart:  # noqa: ANN401 - any field of a mart
    fields = {
        "name": "fct_visit",
        "relation": "fct_visit",
        "label": "",
        "description": 'One row per "visit". More.',
        "columns": (
            Column("visit_id", "bigint", "The visit."),
            Column("metrics", "bigint", "Custom metrics."),
            Column("visit_date", "date", "The day."),
            Column("email", "varchar(256)", "Who.", is_hidden=True),
        ),
        "key": ("visit_id",),
        "measures": (),
        "joins": (),
        "declared_in": "models/_visits__models.yml",
    }
    return Mart(**{**fields, **changes})


def test_written_view_has_catalog_labels_and_escaped_quotes(tmp_path: Path) -> None:
    assert files.write_files([_mart()], tmp_path)
    assert files.find_outdated([_mart()], tmp_path) == []
    text = (tmp_path / "views" / "fct_visit.view.lkml").read_text(encoding="utf-8")
    (view,) = lkml.load(text)["views"]
    labels = {each["name"]: each["label"] for each in view["dimensions"]}
    assert labels == {
        "visit_id": "Visit ID",
        "metrics": "Custom Metrics",
        "email": "Email",
    }
    assert view["measures"][0]["description"].endswith('One row per \\"visit\\".')


def test_duplicate_field_names_are_rejected() -> None:
    measure = Measure("visit_date", "sum", "Twice.", column="metrics")
    with pytest.raises(ConfigError, match="two fields named visit_date"):
        views.view(_mart(measures=(measure,)))


def test_sum_of_a_date_column_is_rejected() -> None:
    measure = Measure("days", "sum", "No.", column="visit_date")
    with pytest.raises(ConfigError, match="needs a number"):
        views.view(_mart(measures=(measure,)))


def test_data_type_without_a_lookml_type_is_rejected() -> None:
    columns = (Column("visit_id", "json", "Unsupported."),)
    with pytest.raises(ConfigError, match="has no LookML type"):
        views.view(_mart(columns=columns))


def test_join_is_one_to_one_only_by_both_whole_keys() -> None:
    days = _mart(name="days", key=("visit_id",))
    by_own_key = Join("days", {"visit_id": "visit_id"})
    assert model.relationship(_mart(), by_own_key, days) == "one_to_one"
    by_other_column = Join("days", {"metrics": "visit_id"})
    assert model.relationship(_mart(), by_other_column, days) == "many_to_one"
