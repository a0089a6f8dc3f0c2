"""Runs dbt on the project without touching its state, and reads its manifest.

The warehouse is an empty file of the embedded engine in the folder that is given.
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
PUBLIC_FOLDERS = ("marts", "exports")
Node = dict[str, Any]


def run_dbt(
    folder: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run dbt on the project with everything it writes in `folder`."""
    shutil.copy(PROJECT / "profiles.yml.example", folder / "profiles.yml")
    given = {k: v for k, v in os.environ.items() if not k.startswith("DBT_")}
    return subprocess.run(
        [sys.executable, "-m", "dbt.cli.main", *arguments],
        cwd=PROJECT,
        env={
            **given,
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


def nodes_of(manifest: Node, *kinds: str) -> list[Node]:
    """Return the nodes of these resource types."""
    return [n for n in manifest["nodes"].values() if n["resource_type"] in kinds]


def models_of(manifest: Node) -> list[Node]:
    """Return the project's models."""
    return nodes_of(manifest, "model")


def parents_first(manifest: Node) -> list[Node]:
    """Return the models so that each comes after those it reads."""
    ordered: dict[str, Node] = {}

    def visit(unique_id: str) -> None:
        node = manifest["nodes"].get(unique_id)
        if node and node["resource_type"] == "model" and unique_id not in ordered:
            for parent in node["depends_on"]["nodes"]:
                visit(parent)
            ordered[unique_id] = node

    for node in models_of(manifest):
        visit(node["unique_id"])
    return list(ordered.values())


def own_macros(manifest: Node) -> list[Node]:
    """Return the macros and generic tests that are the project's own."""
    return [
        macro
        for macro in manifest["macros"].values()
        if macro["package_name"] == "nightshift"
    ]


def described(manifest: Node) -> list[Node]:
    """Return everything that has columns: models, seeds and source tables."""
    return [*nodes_of(manifest, "model", "seed"), *manifest["sources"].values()]


def folder_of(node: Node) -> str:
    """Return where a model lies under `models/`, for example `marts/trials`."""
    return "/".join(node["fqn"][1:-1])


def is_public(node: Node) -> bool:
    """Say whether others may build on the model: it is a mart or an export."""
    return folder_of(node).startswith(PUBLIC_FOLDERS)


def key_tests_of(manifest: Node, node: Node) -> Iterator[Node]:
    """Yield the arguments of each test of the node's key."""
    for test in nodes_of(manifest, "test"):
        kind = (test.get("test_metadata") or {}).get("name")
        if kind == "unique_key" and test["attached_node"] == node["unique_id"]:
            yield test["test_metadata"]["kwargs"]


def ctes_of(node: Node) -> list[str]:
    """Return the names of a model's CTEs, as the house writes them."""
    return re.findall(r"^(?:with )?(\w+) as \($", node["raw_code"], flags=re.MULTILINE)


def says_only_its_name(name: str, description: str) -> bool:
    """Tell whether the words of a description are those of the name and no others."""
    plain = re.sub(r"[^a-z0-9 ]", " ", description.lower()).split()
    of_name = {part for part in name.lower().split("_") if part}
    return set(plain) - {"the", "a", "an", "its", "of", "this"} <= of_name
