"""Descriptions of models, columns and macros, and the overview page of dbt docs."""

import re
import subprocess
import sys
from pathlib import Path

from tests.dbt_project.manifest import (
    Node,
    models,
    nodes_of_type,
    nodes_with_columns,
    only_repeats_name,
    project_macros,
)

MIN_SCORE = "9.0"
# The rule requires `unique` for a key of one column, which tests all rows of a table.
# The project's key test is limited to the days of the window.
DISABLED_RULE = "dbt_score.rules.generic.single_column_uniqueness_at_column_level"


def test_description_starts_with_grain(manifest: Node) -> None:
    for node in nodes_with_columns(manifest):
        assert node["description"].startswith("One row per "), node["unique_id"]


def test_column_descriptions_add_to_the_name(manifest: Node) -> None:
    repetitive = [
        f"{node['name']}.{column['name']}"
        for node in nodes_with_columns(manifest)
        for column in node["columns"].values()
        if only_repeats_name(column["name"], column["description"])
    ]
    assert repetitive == []


def test_only_repeats_name_detects_reworded_names() -> None:
    assert only_repeats_name("org_id", "The id of the org.")
    assert only_repeats_name("hosts", "")
    assert not only_repeats_name("hosts", "Highest number of hosts of the day.")


def test_descriptions_used_three_times_are_doc_blocks(manifest: Node) -> None:
    descriptions: dict[str, list[str]] = {}
    blocks = {doc["block_contents"].strip() for doc in manifest["docs"].values()}
    for node in models(manifest):
        for column in node["columns"].values():
            text = column["description"].strip()
            descriptions.setdefault(column["name"], []).append(text)
    copied = {
        name: text
        for name, texts in descriptions.items()
        for text in texts
        if texts.count(text) >= 3 and text not in blocks
    }
    assert copied == {}


def test_macros_and_their_arguments_are_described(manifest: Node) -> None:
    for macro in project_macros(manifest):
        assert macro["description"], macro["name"]
        signature = re.search(
            r"\{%-?\s*(?:macro|test)\s+\w+\s*\(([^)]*)\)", macro["macro_sql"]
        )
        names = re.findall(
            r"(\w+)(?:=[^,]+)?(?:,|$)", signature[1] if signature else ""
        )
        described = {
            argument["name"]: argument["description"] for argument in macro["arguments"]
        }
        assert list(described) == names, macro["name"]
        assert all(described.values()), macro["name"]


def test_overview_names_only_existing_models(manifest: Node) -> None:
    overview = manifest["docs"]["doc.nightshift.__overview__"]["block_contents"]
    existing = {node["name"] for node in nodes_of_type(manifest, "model", "seed")}
    mentioned = set(re.findall(r"\b(?:stg|int|fct|sf)_\w*[a-z]\b", overview))
    assert mentioned and mentioned <= existing


def test_models_reach_minimum_dbt_score(dbt_folder: Path) -> None:
    lint = subprocess.run(
        [
            str(Path(sys.executable).parent / "dbt-score"),
            "lint",
            *("--manifest", str(dbt_folder / "target" / "manifest.json")),
            *("--disabled-rule", DISABLED_RULE),
            *("--fail-any-item-under", MIN_SCORE),
            *("--fail-project-under", MIN_SCORE),
        ],
        cwd=dbt_folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert lint.returncode == 0, lint.stdout + lint.stderr
