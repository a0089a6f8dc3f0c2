"""The graph of the dbt project: models, parents, raw sources and code checksums.

Built from the cached manifest (`manifest.py`).
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from loaders.config.dbt_project import project_vars
from orchestrate.dbt import manifest

BUILT_TYPES = ("model", "seed")
# These vars select the dates to build. They are not part of a model's code.
WINDOW_VARS = {"data_date", "data_date_from", "discard_later_days"}


@dataclass(frozen=True)
class Node:
    """A model or seed. `parents` are node names, `sources` are raw source names.

    `own_sources` are the raw sources that the node reads itself, `sources` all raw
    sources upstream. `tests` are unique ids; a test of several models belongs to the
    last one in build order. `read_by_tests` has the names of nodes that a test reads
    although they are not upstream, by test. `code_checksum` covers the node's code, the
    macros and vars that it uses, and the checksums of its parents.
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
    read_by_tests: Mapping[str, frozenset[str]] = field(
        default_factory=dict, hash=False
    )

    @property
    def requirements(self) -> tuple[str, ...]:
        """The nodes that must be built first: the parents, and what the tests read."""
        others: frozenset[str] = frozenset().union(*self.read_by_tests.values())
        return (*self.parents, *sorted(others))


@dataclass(frozen=True)
class Graph:
    """All models and seeds by name, parents before children."""

    nodes: dict[str, Node]

    def with_requirements(self, *names: str) -> list[str]:
        """Return the named models and all that they require, in build order."""
        return self._upstream(names, lambda node: node.requirements)

    def with_ancestors(self, *names: str) -> list[str]:
        """Return the named models and all their ancestors, parents first."""
        return self._upstream(names, lambda node: node.parents)

    def _upstream(
        self, names: Iterable[str], edges: Callable[[Node], tuple[str, ...]]
    ) -> list[str]:
        selected: set[str] = set()
        pending = list(names)
        while pending:
            name = pending.pop()
            if name not in selected:
                selected.add(name)
                pending.extend(edges(self.nodes[name]))
        return [name for name in self.nodes if name in selected]

    def with_descendants(self, names: Iterable[str]) -> set[str]:
        """Return the named models and all their descendants."""
        return self._downstream(names, lambda node: node.parents)

    def with_dependents(self, names: Iterable[str]) -> set[str]:
        """Return the named models and all that require them, also for a test."""
        return self._downstream(names, lambda node: node.requirements)

    def _downstream(
        self, names: Iterable[str], edges: Callable[[Node], tuple[str, ...]]
    ) -> set[str]:
        selected = set(names)
        for node in self.nodes.values():
            if selected.intersection(edges(node)):
                selected.add(node.name)
        return selected


@cache
def load() -> Graph:
    """Return the graph of the project's current files."""
    variables = project_vars()  # its errors are clearer than those of dbt
    return _graph(manifest.read(), variables)


def _graph(contents: dict[str, Any], variables: dict[str, Any]) -> Graph:
    manifest_nodes = {
        unique_id: node
        for unique_id, node in contents["nodes"].items()
        if node["resource_type"] in BUILT_TYPES
    }
    nodes: dict[str, Node] = {}
    upstream_of: dict[str, set[str]] = {}
    ordered = _parents_first(manifest_nodes, contents["metadata"]["project_name"])
    tests = _tests_by_node(contents, ordered)
    for unique_id in ordered:
        node = manifest_nodes[unique_id]
        upstream = node["depends_on"].get("nodes", [])
        parents = [
            nodes[manifest_nodes[parent]["name"]]
            for parent in upstream
            if parent in manifest_nodes
        ]
        source_tables = (
            contents["sources"][parent]
            for parent in upstream
            if parent not in manifest_nodes
        )
        own_sources = frozenset(filter(None, map(_raw_source, source_tables)))
        known = {node["name"]}.union(
            *({parent.name, *upstream_of[parent.name]} for parent in parents)
        )
        upstream_of[node["name"]] = known - {node["name"]}
        read_by_tests = {
            test: frozenset(manifest_nodes[each]["name"] for each in tested) - known
            for test, tested in tests.get(unique_id, {}).items()
        }
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
            read_by_tests={
                test: names for test, names in read_by_tests.items() if names
            },
        )
    return Graph(nodes)


def _tests_by_node(
    contents: dict[str, Any], ordered: list[str]
) -> dict[str, dict[str, list[str]]]:
    """Return the nodes that each test reads, by the node that the test belongs to."""
    positions = {unique_id: position for position, unique_id in enumerate(ordered)}
    tests: dict[str, dict[str, list[str]]] = {}
    for unique_id, node in contents["nodes"].items():
        if node["resource_type"] == "test":
            tested = [name for name in node["depends_on"]["nodes"] if name in positions]
            if tested:
                last = max(tested, key=positions.__getitem__)
                tests.setdefault(last, {})[unique_id] = tested
    return tests


def _parents_first(
    manifest_nodes: dict[str, dict[str, Any]], project: str
) -> list[str]:
    """Return the nodes in build order: the seeds, then the models after their parents.

    A test that compares a model with a seed then belongs to the model. Of installed
    packages, only what the project's own models read is part of it.
    """
    ordered: dict[str, None] = {}

    def visit(unique_id: str) -> None:
        if unique_id in ordered:
            return
        for parent in sorted(manifest_nodes[unique_id]["depends_on"].get("nodes", [])):
            if parent in manifest_nodes:
                visit(parent)
        ordered[unique_id] = None

    own = (
        unique_id
        for unique_id, node in manifest_nodes.items()
        if node["package_name"] == project
    )
    for unique_id in sorted(
        own, key=lambda name: (manifest_nodes[name]["resource_type"] != "seed", name)
    ):
        visit(unique_id)
    return list(ordered)


def _raw_source(source_table: dict[str, Any]) -> str:
    """Return the S3 source of a declared table, '' for a table that has none."""
    config = source_table.get("config", {})
    meta = config.get("meta") or source_table.get("meta", {})
    return str(meta.get("raw", {}).get("source", ""))


def _own_code(
    node: dict[str, Any], macros: dict[str, Any], variables: dict[str, Any]
) -> str:
    """Return, as JSON, everything that determines the node's SQL."""
    texts = [node.get("raw_code", ""), node["checksum"]["checksum"]]
    used: dict[str, None] = {}
    pending = list(node["depends_on"].get("macros", []))
    while pending:
        name = pending.pop()
        macro = macros.get(name)
        if macro and macro["package_name"] == "nightshift" and name not in used:
            used[name] = None
            pending.extend(macro["depends_on"]["macros"])
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
