"""What a mart's YAML says to Looker is read, and nonsense is refused by its name."""

from typing import Any

import pytest

from loaders.errors import ConfigError
from looker.generate import marts
from looker.generate.marts import Mart


def _node(name: str, looker: dict[str, Any], *columns: str) -> dict[str, Any]:
    return {
        "unique_id": f"model.nightshift.{name}",
        "name": name,
        "alias": name,
        "resource_type": "model",
        "patch_path": "nightshift://models/_m.yml",
        "description": "One row per thing.",
        "config": {"schema": "marts", "meta": {"looker": looker}},
        "columns": {
            column: {"name": column, "data_type": "bigint", "description": "A number."}
            for column in columns
        },
    }


def _read(*nodes: dict[str, Any]) -> list[Mart]:
    return marts.read({"nodes": {node["unique_id"]: node for node in nodes}})


def test_a_join_that_would_count_rows_twice_is_refused() -> None:
    many = _node("days", {"primary_key": ["org", "day"]}, "org", "day")
    one = {"primary_key": ["org"], "joins": [{"to": "days", "by": {"org": "org"}}]}
    with pytest.raises(ConfigError, match="whole primary key"):
        _read(many, _node("orgs", one, "org"))
    with pytest.raises(ConfigError, match="is no mart"):
        _read(_node("orgs", one, "org"))


@pytest.mark.parametrize(
    ("looker", "told"),
    [
        ({}, "0 unique keys"),
        ({"primary_key": ["nowhere"]}, "no column nowhere"),
        ({"primary_key": ["org"], "lable": "x"}, "lable is not known"),
        (
            {"primary_key": ["org"], "measures": [{"name": "x", "type": "sum"}]},
            "lacks description",
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
            "needs sql",
        ),
    ],
)
def test_meta_that_makes_no_sense_is_refused(looker: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        _read(_node("orgs", looker, "org"))
