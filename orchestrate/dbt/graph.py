"""The dbt project as a graph: models, their parents, sources and code checksums.

Built from the kept manifest (`manifest.py`).
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from loaders.config.dbt_project import project_vars
from orchestrate.dbt import manifest

BUILT_TYPES = ("model", "seed")
# Vars that say which days to work on: they change what is done, not how.
WINDOW_VARS = {"data_date", "data_date_from"}


@dataclass(frozen=True)
class Node:
    """A model or seed: `parents` are models and seeds, `sources` S3 source names.

    `code_checksum` covers its own code, the macros and vars it uses and its parents';
    `sources` are all raw sources above it, however far, `own_sources` those it reads.
    A test over several models belongs to the last of them.
    """

    name: str
    unique_id: str
    schema: str
    relation: str
    parents: tuple[str, ...]
    own_sources: frozenset[str]
    sources: frozenset[str]
    tests: frozenset[str]
    code_checksum: str


@dataclass(frozen=True)
class Graph:
    """All models and seeds by name, parents before children."""

    nodes: dict[str, Node]

    def with_ancestors(self, *names: str) -> list[str]:
        """Return the named models and all above them, parents first."""
        wanted: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in wanted:
                wanted.add(name)
                waiting.extend(self.nodes[name].parents)
        return [name for name in self.nodes if name in wanted]

    def below(self, names: Iterable[str]) -> set[str]:
        """Return the named models and all that hang on them."""
        found = set(names)
        for node in self.nodes.values():
            if found.intersection(node.parents):
                found.add(node.name)
        return found


@cache
def load() -> Graph:
    """Return the graph of the project as its files are now."""
    return _graph(manifest.read(), project_vars())


def _graph(contents: dict[str, Any], variables: dict[str, Any]) -> Graph:
    built = {
        unique_id: node
        for unique_id, node in contents["nodes"].items()
        if node["resource_type"] in BUILT_TYPES
    }
    nodes: dict[str, Node] = {}
    ordered = _parents_first(built)
    tests = _tests(contents, ordered)
    for unique_id in ordered:
        node = built[unique_id]
        above = node["depends_on"].get("nodes", [])
        parents = [nodes[built[parent]["name"]] for parent in above if parent in built]
        read = (contents["sources"][one] for one in above if one not in built)
        own_sources = frozenset(filter(None, map(_raw_source, read)))
        nodes[node["name"]] = Node(
            name=node["name"],
            unique_id=unique_id,
            schema=node["schema"],
            relation=node["alias"],
            parents=tuple(parent.name for parent in parents),
            own_sources=own_sources,
            sources=own_sources.union(*(parent.sources for parent in parents)),
            tests=frozenset(tests.get(unique_id, ())),
            code_checksum=_digest(
                _own_code(node, contents["macros"], variables),
                *sorted(parent.code_checksum for parent in parents),
            ),
        )
    return Graph(nodes)


def _tests(contents: dict[str, Any], ordered: list[str]) -> dict[str, list[str]]:
    places = {unique_id: place for place, unique_id in enumerate(ordered)}
    tests: dict[str, list[str]] = {}
    for unique_id, node in contents["nodes"].items():
        if node["resource_type"] == "test":
            above = [one for one in node["depends_on"]["nodes"] if one in places]
            if above:
                tests.setdefault(max(above, key=places.__getitem__), []).append(
                    unique_id
                )
    return tests


def _parents_first(built: dict[str, dict[str, Any]]) -> list[str]:
    ordered: dict[str, None] = {}

    def visit(unique_id: str) -> None:
        if unique_id in ordered:
            return
        for parent in sorted(built[unique_id]["depends_on"].get("nodes", [])):
            if parent in built:
                visit(parent)
        ordered[unique_id] = None

    for unique_id in sorted(built):
        visit(unique_id)
    return list(ordered)


def _raw_source(source: dict[str, Any]) -> str:
    meta = source.get("config", {}).get("meta") or source.get("meta", {})
    return str(meta.get("raw", {}).get("source", ""))


def _own_code(
    node: dict[str, Any], macros: dict[str, Any], variables: dict[str, Any]
) -> str:
    """Put together everything that decides what the node's SQL does."""
    texts = [node.get("raw_code", ""), node["checksum"]["checksum"]]
    used: dict[str, None] = {}
    waiting = list(node["depends_on"].get("macros", []))
    while waiting:
        name = waiting.pop()
        macro = macros.get(name)
        if macro and macro["package_name"] == "nightshift" and name not in used:
            used[name] = None
            waiting.extend(macro["depends_on"]["macros"])
    texts += [macros[name]["macro_sql"] for name in sorted(used)]
    names = set(re.findall(r"var\(\s*['\"](\w+)['\"]", "\n".join(texts)))
    values = {name: variables.get(name) for name in sorted(names - WINDOW_VARS)}
    config = {
        key: node["config"].get(key)
        for key in (
            "materialized",
            "unique_key",
            "incremental_strategy",
            "column_types",
        )
    }
    columns = {
        name: column.get("data_type") for name, column in node["columns"].items()
    }
    return json.dumps([texts, values, config, columns], sort_keys=True, default=str)


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
