"""A mart becomes a view, or what it says of itself is refused."""

from pathlib import Path
from typing import Any

import lkml
import pytest

from loaders.errors import ConfigError
from looker.generate import files, model, views
from looker.generate.marts import Column, Join, Mart, Measure


def _mart(**changes: Any) -> Mart:  # noqa: ANN401 - any field's
    given = {
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
    return Mart(**{**given, **changes})


def test_quotes_survive_and_metrics_are_called_as_in_the_catalog(
    tmp_path: Path,
) -> None:
    assert files.write([_mart()], tmp_path)
    assert files.differing([_mart()], tmp_path) == []
    text = (tmp_path / "views" / "fct_visit.view.lkml").read_text(encoding="utf-8")
    (view,) = lkml.load(text)["views"]
    labels = {each["name"]: each["label"] for each in view["dimensions"]}
    assert labels == {
        "visit_id": "Visit ID",
        "metrics": "Custom Metrics",
        "email": "Email",
    }
    assert view["measures"][0]["description"].endswith('One row per \\"visit\\".')


def test_two_fields_of_one_name_are_refused() -> None:
    measure = Measure("visit_date", "sum", "Twice.", column="metrics")
    with pytest.raises(ConfigError, match="two fields named visit_date"):
        views.view(_mart(measures=(measure,)))


def test_a_sum_of_days_is_refused() -> None:
    measure = Measure("days", "sum", "No.", column="visit_date")
    with pytest.raises(ConfigError, match="needs a number"):
        views.view(_mart(measures=(measure,)))


def test_a_type_without_a_word_in_lookml_is_refused() -> None:
    odd = (Column("visit_id", "json", "Odd."),)
    with pytest.raises(ConfigError, match="has no LookML type"):
        views.view(_mart(columns=odd))


def test_a_join_by_both_whole_keys_is_one_to_one() -> None:
    days = _mart(name="days", key=("visit_id",))
    join = Join("days", {"visit_id": "visit_id"})
    assert model.relationship(_mart(), join, days) == "one_to_one"
    join = Join("days", {"metrics": "visit_id"})
    assert model.relationship(_mart(), join, days) == "many_to_one"
