"""Where models go on each target. Redshift is not there: parsing asks for no server."""

import json
from pathlib import Path

import pytest

from tests.dbt_project.manifest import folder_of, models_of, run_dbt

NO_SERVER = {
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


@pytest.mark.parametrize(
    ("target", "prefix"), [("local", ""), ("prod", ""), ("dev", "anna_")]
)
def test_schemas_are_plain_on_prod_and_local_and_prefixed_on_dev(
    target: str, prefix: str, tmp_path: Path
) -> None:
    parsed = run_dbt(tmp_path, "parse", DBT_TARGET=target, **NO_SERVER)
    assert parsed.returncode == 0, parsed.stdout + parsed.stderr
    manifest = json.loads((tmp_path / "target" / "manifest.json").read_text("utf-8"))
    for node in models_of(manifest):
        place = folder_of(node).split("/")[0]
        assert node["schema"] == prefix + SCHEMAS[place], node["name"]
    for source in manifest["sources"].values():
        wanted = "ops" if source["source_name"] == "ops" else "staging"
        assert source["schema"] == prefix + wanted, source["name"]
