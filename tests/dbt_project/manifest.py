"""Runs dbt without changing the project's own state, and reads its manifest.

The warehouse is an empty DuckDB file in the folder that the caller passes.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
PUBLIC_SCHEMA = "marts"
KEY_TEST = "unique_combination_of_columns"
Node = dict[str, Any]


def run_dbt(
    folder: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run dbt on the project and write profile, target, logs and data to `folder`."""
    shutil.copy(PROJECT / "profiles.yml.example", folder / "profiles.yml")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("DBT_")}
    return subprocess.run(
        [sys.executable, "-m", "dbt.cli.main", *arguments],
        cwd=PROJECT,
        env={
            **inherited,
            "DBT_TARGET": "local",
            "DBT_PROFILES_DIR": str(folder),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
            "NIGHTSHIFT_DUCKDB_PATH": str(folder / "empty.duckdb"),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def nodes_of_type(manifest: Node, *resource_types: str) -> list[Node]:
    """Return the project's nodes of the given resource types."""
    return [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] in resource_types
        and node["package_name"] == manifest["metadata"]["project_name"]
    ]


def models(manifest: Node) -> list[Node]:
    """Return the project's models."""
    return nodes_of_type(manifest, "model")


def models_parents_first(manifest: Node) -> list[Node]:
    """Return the models in topological order."""
    ordered: dict[str, Node] = {}

    def visit(unique_id: str) -> None:
        node = manifest["nodes"].get(unique_id)
        if node and node["resource_type"] == "model" and unique_id not in ordered:
            for parent in node["depends_on"]["nodes"]:
                visit(parent)
            ordered[unique_id] = node

    for node in models(manifest):
        visit(node["unique_id"])
    return list(ordered.values())


def project_macros(manifest: Node) -> list[Node]:
    """Return the project's own macros and generic tests."""
    return [
        macro
        for macro in manifest["macros"].values()
        if macro["package_name"] == "nightshift"
    ]


def nodes_with_columns(manifest: Node) -> list[Node]:
    """Return all models, seeds and source tables."""
    return [
        *nodes_of_type(manifest, "model", "seed"),
        *manifest["sources"].values(),
    ]


def folder_of(node: Node) -> str:
    """Return the model's folder below `models/`, for example `marts/trials`."""
    return "/".join(node["fqn"][1:-1])


def is_public(node: Node) -> bool:
    """Return whether the model is a mart or what is exported of one."""
    return bool(node["config"]["schema"] == PUBLIC_SCHEMA)


def key_test_arguments(manifest: Node, node: Node) -> Iterator[Node]:
    """Yield the arguments of each unique key test of the node."""
    for test in nodes_of_type(manifest, "test"):
        test_name = (test.get("test_metadata") or {}).get("name")
        if test_name == KEY_TEST and test["attached_node"] == node["unique_id"]:
            yield test["test_metadata"]["kwargs"]


def cte_names(node: Node) -> list[str]:
    """Return the names of a model's CTEs, in order."""
    return re.findall(r"^(?:with )?(\w+) as \($", node["raw_code"], flags=re.MULTILINE)


def only_repeats_name(name: str, description: str) -> bool:
    """Return whether a description contains no words other than those of the name."""
    words = re.sub(r"[^a-z0-9 ]", " ", description.lower()).split()
    name_words = {part for part in name.lower().split("_") if part}
    return set(words) - {"the", "a", "an", "its", "of", "this"} <= name_words
