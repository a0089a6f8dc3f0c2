"""Schemas of models and sources on each target.

The Redshift targets are only parsed, which needs no server.
"""

import json
from pathlib import Path

import pytest

from tests.dbt_project.manifest import Node, folder_of, models, run_dbt

REDSHIFT_VARIABLES = {
    "NIGHTSHIFT_REDSHIFT_HOST": "redshift.invalid",
    "NIGHTSHIFT_REDSHIFT_USER": "anna",
    "NIGHTSHIFT_REDSHIFT_PASSWORD": "none",
    "NIGHTSHIFT_REDSHIFT_SCHEMA": "anna",
}
SCHEMAS = {
    "staging": "staging",
    "intermediate": "intermediate",
    "marts": "marts",
    "exports": "marts",
}
# Not for Looker, so it is not among the marts.
SCHEMA_OF_MODEL = {"sf_trial_metrics_by_date": "intermediate"}


def test_schemas_have_no_prefix_on_local(manifest: Node) -> None:
    _assert_schemas(manifest, prefix="")


@pytest.mark.slow
@pytest.mark.parametrize(("target", "prefix"), [("dev", "anna_"), ("prod", "")])
def test_schemas_are_prefixed_on_dev_but_not_on_prod(
    target: str, prefix: str, tmp_path: Path
) -> None:
    parse = run_dbt(tmp_path, "parse", DBT_TARGET=target, **REDSHIFT_VARIABLES)
    assert parse.returncode == 0, parse.stdout + parse.stderr
    text = (tmp_path / "target" / "manifest.json").read_text("utf-8")
    _assert_schemas(json.loads(text), prefix=prefix)


def _assert_schemas(manifest: Node, *, prefix: str) -> None:
    for node in models(manifest):
        layer = folder_of(node).split("/")[0]
        schema = SCHEMA_OF_MODEL.get(node["name"], SCHEMAS[layer])
        assert node["schema"] == prefix + schema, node["name"]
    for source in manifest["sources"].values():
        schema = "ops" if source["source_name"] == "ops" else "staging"
        assert source["schema"] == prefix + schema, source["name"]
