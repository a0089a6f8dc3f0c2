"""What `nightshift compare` has to know of the models, from the dbt manifest.

A model's key is what its test of uniqueness declares; personal columns have
`meta: {pii: true}`.
"""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from loaders.errors import ConfigError
from orchestrate.dbt.graph import BUILT_TYPES
from reports.comparison.compare import ComparedModel

DEFAULT_SCHEMA = "marts"
COMBINATION, SINGLE = "unique_combination_of_columns", "unique"

Node = Mapping[str, Any]


def find(
    contents: Mapping[str, Any], names: Sequence[str], *, show_personal: bool = False
) -> list[ComparedModel]:
    """Return the named models and seeds, or all models of `marts`.

    `contents` is the manifest. Raises `ConfigError` for a model that does not exist or
    has no key.
    """
    nodes = {
        node["name"]: node
        for node in contents["nodes"].values()
        if node["resource_type"] in BUILT_TYPES
    }
    keys = _keys(contents)
    if not names:
        names = sorted(
            name
            for name, node in nodes.items()
            if _schema(node) == DEFAULT_SCHEMA and node["unique_id"] in keys
        )
    return [
        _model(name, nodes, keys, show_personal=show_personal)
        for name in dict.fromkeys(names)
    ]


def _model(
    name: str,
    nodes: Mapping[str, Node],
    keys: Mapping[str, tuple[str, ...]],
    *,
    show_personal: bool,
) -> ComparedModel:
    if name not in nodes:
        similar = difflib.get_close_matches(name, nodes, n=3)
        hint = f" Did you mean {' or '.join(similar)}?" if similar else ""
        raise ConfigError(
            f"The dbt project has no model {name!r}.{hint} List the models: dbt ls "
            "--resource-type model"
        )
    node = nodes[name]
    if node["unique_id"] not in keys:
        raise ConfigError(
            f"Model {name} declares no key, so its rows cannot be paired. Add a test "
            f"{COMBINATION} to it in {_file(node)}."
        )
    return ComparedModel(
        name=name,
        schema=_schema(node),
        relation=node["alias"],
        key=keys[node["unique_id"]],
        shown=frozenset(_shown(node, show_personal=show_personal)),
    )


def _keys(contents: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the key of each node by unique id; the shortest one if it has several.

    A test with a `where` covers a part of the rows only.
    """
    keys: dict[str, tuple[str, ...]] = {}
    for test in contents["nodes"].values():
        metadata = test.get("test_metadata") or {}
        if test["resource_type"] != "test" or test["config"].get("where"):
            continue
        arguments = metadata.get("kwargs", {})
        columns: Collection[str] = ()
        if metadata.get("name") == COMBINATION:
            columns = arguments.get("combination_of_columns", ())
        elif metadata.get("name") == SINGLE:
            columns = (arguments.get("column_name", ""),)
        node = test.get("attached_node")
        declared = contents["nodes"].get(node, {}).get("columns", {})
        key = tuple(_key_column(str(column), declared) for column in columns)
        if node and all(key) and key and len(key) < len(keys.get(node, (*key, ""))):
            keys[node] = key
    return keys


def _key_column(expression: str, declared: Collection[str]) -> str:
    """Return the column of a part of a key: `coalesce(state, '')` has `state`."""
    names = re.findall(r"[a-z_][a-z0-9_]*", expression.lower())
    return next((name for name in names if name in declared), names[0] if names else "")


def _schema(node: Node) -> str:
    """Return the node's schema without the target's prefix."""
    return str(node["config"].get("schema") or node["schema"])


def _shown(node: Node, *, show_personal: bool) -> Iterator[str]:
    for name, column in node["columns"].items():
        meta = column.get("config", {}).get("meta") or column.get("meta") or {}
        if show_personal or not meta.get("pii"):
            yield name.lower()


def _file(node: Node) -> str:
    return str(node.get("patch_path") or node["original_file_path"]).split("://")[-1]
