"""Invalid `looker` meta in a mart's YAML is rejected with a message that names it."""

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
    return marts.read_marts({"nodes": {node["unique_id"]: node for node in nodes}})


def test_join_by_a_partial_key_is_rejected() -> None:
    days = _node("days", {"primary_key": ["org", "day"]}, "org", "day")
    orgs = {"primary_key": ["org"], "joins": [{"to": "days", "by": {"org": "org"}}]}
    with pytest.raises(ConfigError, match="whole primary key"):
        _read(days, _node("orgs", orgs, "org"))


def test_join_to_an_unknown_mart_is_rejected() -> None:
    orgs = {"primary_key": ["org"], "joins": [{"to": "days", "by": {"org": "org"}}]}
    with pytest.raises(ConfigError, match="is not a mart"):
        _read(_node("orgs", orgs, "org"))


@pytest.mark.parametrize(
    ("looker", "message"),
    [
        ({}, "0 unique keys"),
        ({"primary_key": ["nowhere"]}, "no column nowhere"),
        ({"primary_key": ["org"], "lable": "x"}, "unknown key lable"),
        (
            {"primary_key": ["org"], "measures": [{"name": "x", "type": "sum"}]},
            "has no description",
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
def test_invalid_meta_is_rejected(looker: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        _read(_node("orgs", looker, "org"))
