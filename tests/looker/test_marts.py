"""Invalid `looker` meta in a mart's YAML is rejected with a message that names it."""

from typing import Any

import pytest

from loaders.config.dbt_project import usage_metrics
from loaders.errors import ConfigError
from looker.generate import catalog, marts
from looker.generate.tables import Table

NAMES = {"label": "Things", "rows": "things"}


def _node(name: str, looker: dict[str, Any], *columns: str) -> dict[str, Any]:
    return {
        "unique_id": f"model.nightshift.{name}",
        "name": name,
        "alias": name,
        "resource_type": "model",
        "patch_path": "nightshift://models/_m.yml",
        "description": "One row per thing.",
        "config": {"schema": "marts", "meta": {"looker": NAMES | looker}},
        "columns": {
            column: {"name": column, "data_type": "bigint", "description": "A number."}
            for column in columns
        },
    }


def _read(*nodes: dict[str, Any]) -> list[Table]:
    return marts.read_marts({"nodes": {node["unique_id"]: node for node in nodes}})


def test_join_by_a_partial_key_is_rejected() -> None:
    days = _node("days", {"primary_key": ["org", "day"]}, "org", "day")
    orgs = {"primary_key": ["org"], "joins": [{"to": "days", "by": {"org": "org"}}]}
    with pytest.raises(ConfigError, match="whole primary key"):
        _read(days, _node("orgs", orgs, "org"))


def test_join_by_more_than_the_whole_key_is_allowed() -> None:
    orgs = _node("orgs", {"primary_key": ["org"]}, "org", "day")
    joins = [{"to": "orgs", "by": {"org": "org", "day": "day"}}]
    days = _node("days", {"primary_key": ["day"], "joins": joins}, "org", "day")
    table = _read(days, orgs)[0]
    assert table.name == "days" and set(table.joins[0].by) == {"org", "day"}


def test_join_to_an_unknown_mart_is_rejected() -> None:
    orgs = {"primary_key": ["org"], "joins": [{"to": "days", "by": {"org": "org"}}]}
    with pytest.raises(ConfigError, match="is not a mart"):
        _read(_node("orgs", orgs, "org"))


@pytest.mark.parametrize(
    ("looker", "message"),
    [
        ({}, "0 unique keys"),
        ({"primary_key": ["org"], "rows": ""}, "it has no rows"),
        ({"primary_key": ["nowhere"]}, "no column nowhere"),
        ({"primary_key": ["org"], "drill": ["nowhere"]}, "no column nowhere"),
        ({"primary_key": ["org"], "newest": "nowhere"}, "no column nowhere"),
        ({"primary_key": ["org"], "groups": {"A": ["nowhere"]}}, "no column nowhere"),
        ({"current": {"by": ["org"], "latest": "org"}}, "unknown key latest"),
        ({"primary_key": ["org"], "newest": "org"}, "newest is org, which is no date"),
        ({"primary_key": ["org"], "drill": "org"}, "drill must be a list"),
        ({"primary_key": ["org"], "measures": {"a": 1}}, "measures must be a list"),
        ({"primary_key": ["org"], "measures": ["orgs"]}, "it is not a mapping"),
        ({"primary_key": ["org"], "joins": [{"to": "orgs"}]}, "it has no by"),
        ({"primary_key": ["org"], "explore": "no"}, "explore must be true or false"),
        ({"primary_key": ["org"], "lable": "x"}, "unknown key lable"),
        (
            {"primary_key": ["org"], "measures": [{"name": "x", "type": "sum"}]},
            "in a measure, it has no description",
        ),
        (
            {
                "primary_key": ["org"],
                "measures": [{"name": "x", "type": "total", "description": "."}],
            },
            "type total",
        ),
        (
            {
                "primary_key": ["org"],
                "measures": [
                    {"name": "x", "type": "sum", "column": "day", "description": "."}
                ],
            },
            "no column day",
        ),
        (
            {
                "primary_key": ["org"],
                "measures": [{"name": "x", "type": "number", "description": "."}],
            },
            "needs a sql",
        ),
        (
            {
                "primary_key": ["org"],
                "measures": [
                    {
                        "name": "most_{metric}",
                        "metrics": "is_in_plans",
                        "type": "max",
                        "column": "{metric}",
                        "description": ".",
                    }
                ],
            },
            r"most_\{metric\} is for metrics with is_in_plans, .*is_in_salesforce",
        ),
    ],
)
def test_invalid_meta_is_rejected(looker: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        _read(_node("orgs", looker, "org"))


def test_measure_for_each_metric_has_the_words_of_the_catalog() -> None:
    measure = {
        "name": "total_{metric}",
        "type": "sum",
        "column": "{metric}",
        "description": "Number of {label}.",
    }
    looker = {"primary_key": ["org"], "measures": [measure]}
    (table,) = _read(_node("orgs", looker, "org", *catalog.metrics()))
    described = {each.name: each.description for each in table.measures}
    assert described.keys() == {f"total_{name}" for name in catalog.metrics()}
    assert described["total_metrics"] == "Number of custom metrics."
    assert {each.column for each in table.measures} == catalog.metrics().keys()


@pytest.mark.parametrize("flag", ["is_included_in_plans", "makes_big_footprint"])
def test_measure_for_metrics_with_a_flag_reads_their_columns_only(flag: str) -> None:
    named = [metric.name for metric in usage_metrics() if getattr(metric, flag)]
    measure = {
        "name": "most_{metric}",
        "metrics": flag,
        "type": "max",
        "column": "{metric}",
        "description": ".",
    }
    looker = {"primary_key": ["org"], "measures": [measure]}
    (table,) = _read(_node("orgs", looker, "org", *named))
    assert [each.column for each in table.measures] == named


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("The `org` of the day.", "The org of the day."),
        ("See `orgs`.", "See Things."),
        ("Like org_name, but `not_paid`.", "Like org name, but not_paid."),
        ("First.\n\nSecond, with trial_period_days.", "First."),
    ],
)
def test_descriptions_are_in_the_words_of_readers(text: str, read: str) -> None:
    node = _node("orgs", {"primary_key": ["org"]}, "org", "org_name")
    node["columns"]["org"]["description"] = text
    (table,) = _read(node)
    assert table.column("org").description == read


@pytest.mark.parametrize(
    "text", ["As in sf_accounts.", "Within `trial_period_days`.", "See `other_orgs`."]
)
def test_description_with_an_unknown_name_is_rejected(text: str) -> None:
    orgs = _node("orgs", {"primary_key": ["org"]}, "org")
    orgs["columns"]["org"]["description"] = text
    seed = {"name": "other_orgs", "resource_type": "seed", "unique_id": "seed.n.o"}
    with pytest.raises(ConfigError, match=r"orgs\.org .* users do not know"):
        _read(orgs, seed)
