"""The OpenLineage facts of dbt's models, seeds, sources and tests.

Names are those that openlineage-dbt gives them. They come from the parsed manifest.
"""

from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from loaders import warehouse
from loaders.config import dbt_profile
from loaders.lineage.facts import Assertion, Column, Dataset, Job
from orchestrate import steps
from orchestrate.dbt import manifest
from orchestrate.dbt.artifacts import TARGET_FOLDER

# Properties of a node that openlineage-dbt puts into the facet `dbt_node`.
NODE_PROPERTIES = ("original_file_path", "database", "schema", "alias", "unique_id")
EXPOSURE_PROPERTIES = ("unique_id", "name", "type", "url")
PASSED = "pass"

ManifestNode = dict[str, Any]


class DbtLineage:
    """Describes the nodes of the manifest that the run has parsed."""

    def invocation(self, invocation_id: str) -> dict[str, str]:
        """Return the properties of a dbt invocation."""
        return {
            "invocation_id": invocation_id,
            "project_name": self._manifest["metadata"]["project_name"],
            "profile_name": dbt_profile.PROFILE,
        }

    def job(self, model: str, namespace: str, *, is_test: bool, has_ended: bool) -> Job:
        """Return the job that builds or tests a model or seed."""
        node = self._model(model)
        kind, _, name = node["unique_id"].partition(".")
        suffix = "test" if is_test else "run"
        return Job(
            namespace=namespace,
            name=f"{node['database']}.{node['schema']}.{name}.build.{suffix}",
            type="TEST" if is_test else kind.upper(),
            integration="DBT",
            description=node["description"],
            dbt_node={name: node[name] for name in NODE_PROPERTIES},
            sql=_compiled(node) if has_ended and not is_test else "",
            dialect=dbt_profile.target().engine,
        )

    def parents(self, model: str) -> tuple[Dataset, ...]:
        """Return the tables and views that a model reads."""
        nodes = {**self._manifest["nodes"], **self._manifest["sources"]}
        parents = self._model(model)["depends_on"].get("nodes", [])
        return tuple(self._relation(nodes[parent]) for parent in parents)

    def model(
        self,
        name: str,
        *,
        rows: int | None = None,
        tests: tuple[steps.TestOutcome, ...] = (),
    ) -> Dataset:
        """Return the table or view of a model or seed, with the results of tests."""
        assertions = tuple(map(self._assertion, tests))
        return self._relation(self._model(name), rows=rows, assertions=assertions)

    def source(self, table: str, *, rows: int | None = None) -> Dataset:
        """Return a table that is declared as a dbt source."""
        return self._relation(self._by_name["source", table], rows=rows)

    @cached_property
    def _manifest(self) -> dict[str, Any]:
        return manifest.last_parsed()

    @cached_property
    def _by_name(self) -> dict[tuple[str, str], ManifestNode]:
        nodes = (*self._manifest["nodes"].values(), *self._manifest["sources"].values())
        return {(node["resource_type"], node["name"]): node for node in nodes}

    def _model(self, name: str) -> ManifestNode:
        return self._by_name.get(("model", name)) or self._by_name["seed", name]

    def _relation(
        self,
        node: ManifestNode,
        *,
        rows: int | None = None,
        assertions: tuple[Assertion, ...] = (),
    ) -> Dataset:
        table = node.get("alias") or node["name"]
        return Dataset(
            warehouse.lineage_namespace(),
            f"{node['database']}.{node['schema']}.{table}",
            columns=tuple(
                Column(each["name"], each.get("data_type") or "", each["description"])
                for each in node["columns"].values()
            ),
            description=node["description"],
            owner=str(node["meta"].get("owner", "")),
            rows=rows,
            exposures=tuple(self._exposures(node["unique_id"])),
            assertions=assertions,
        )

    def _exposures(self, unique_id: str) -> Iterator[dict[str, str]]:
        for exposure in self._manifest["exposures"].values():
            if unique_id in exposure["depends_on"]["nodes"]:
                yield {
                    name: exposure[name]
                    for name in EXPOSURE_PROPERTIES
                    if exposure.get(name)
                }

    def _assertion(self, test: steps.TestOutcome) -> Assertion:
        node = self._manifest["nodes"][test.unique_id]
        generic = node.get("test_metadata") or {}
        severity = str(node["config"].get("severity") or "error").lower()
        limit = node["config"].get("warn_if" if severity == "warn" else "error_if")
        return Assertion(
            assertion=generic.get("name") or node["name"],
            name=node["name"],
            is_success=test.status == PASSED,
            column=(generic.get("kwargs") or {}).get("column_name")
            or node.get("column_name"),
            severity=severity,
            failures=test.failures,
            expected="0" if limit in (None, "!= 0") else str(limit),
        )


def _compiled(node: ManifestNode) -> str:
    """Return the SQL that dbt has compiled, or '' if there is none, as for a seed."""
    names = (str(node[name]) for name in ("package_name", "original_file_path"))
    path = Path(TARGET_FOLDER, "compiled", *names)
    with suppress(OSError):
        return path.read_text("utf-8").strip()
    return ""
