"""Conventions for models: names, columns, key tests, contracts, access and CTEs.

The tests read the manifest and catalog of the project on the `local` target.
"""

import re
from pathlib import PurePosixPath

from loaders.config.dbt_project import usage_metrics
from tests.dbt_project.manifest import (
    Node,
    cte_names,
    folder_of,
    is_public,
    key_test_arguments,
    models,
    nodes_of_type,
)

# Name prefixes by folder; '' allows names without a prefix.
MAX_UNIT_TEST_NAME = 41
PREFIXES = {
    "staging/app": ("stg_app__",),
    "staging/web": ("stg_web__",),
    "intermediate": ("int_",),
    "marts": ("fct_", "dim_", ""),
    "exports": ("sf_",),
}
# A model reads its own layer and those before it; staging reads sources only.
LAYERS = ("staging", "intermediate", "marts", "exports")
# Activation, ranks and the account's field are defined by these metrics.
NAMED_FOR_THEIR_MEANING = {
    "int_trial_outcomes": {"hosts"},
    "interesting_trials": {"hosts"},
    "big_customer_usage": {"hosts", "dashboards", "integrations"},
    "sf_accounts": {"hosts"},
}
RESERVED_PREFIXES = ("stg_", "int_", "sf_")
MAX_CTES = 7
# Order of columns by type. Ids come first, regardless of their type.
TYPE_ORDER = ["VARCHAR", "JSON", "NUMBER", "BOOLEAN", "DATE", "TIMESTAMP"]


def test_model_names_have_prefix_of_their_folder(manifest: Node) -> None:
    for node in models(manifest):
        [prefixes] = [
            prefixes
            for folder, prefixes in PREFIXES.items()
            if (folder_of(node) + "/").startswith(folder + "/")
        ]
        assert node["name"].startswith(prefixes), node["name"]
        if "" in prefixes:
            assert not node["name"].startswith(RESERVED_PREFIXES), node["name"]


def test_yaml_lists_columns_in_warehouse_order(manifest: Node, catalog: Node) -> None:
    for node in nodes_of_type(manifest, "model", "seed"):
        built = sorted(
            catalog["nodes"][node["unique_id"]]["columns"].values(),
            key=lambda column: column["index"],
        )
        assert list(node["columns"]) == [column["name"] for column in built], node[
            "name"
        ]


def test_columns_are_ordered_by_type(manifest: Node, catalog: Node) -> None:
    """Salesforce columns are exempt: they have the order of the data contract."""
    for node in models(manifest):
        built = catalog["nodes"][node["unique_id"]]["columns"]
        positions = [
            _type_position(name, built[name]["type"])
            for name in node["columns"]
            if not name.endswith("__c")
        ]
        assert positions == sorted(positions), (node["name"], list(node["columns"]))


def _type_position(name: str, data_type: str) -> int:
    if name.endswith("_id"):
        return -1
    return TYPE_ORDER.index(data_type if data_type in TYPE_ORDER else "NUMBER")


def test_models_and_seeds_have_a_unique_key_test(manifest: Node) -> None:
    for node in nodes_of_type(manifest, "model", "seed"):
        reason = node["config"]["meta"].get("no_unique_key")
        has_key_test = any(key_test_arguments(manifest, node))
        assert has_key_test != bool(reason), node["name"]
        assert not (reason and is_public(node)), f"{node['name']} needs a unique key"


def test_data_tests_of_incremental_models_are_limited_to_the_window(
    manifest: Node,
) -> None:
    """Otherwise every run would be slower than the one before."""
    growing = {
        node["unique_id"]
        for node in models(manifest)
        if node["config"]["materialized"] == "incremental"
        # Models with one row per trial or org are small and can change anywhere.
        and not node["config"]["unique_key"]
        and "rows_change_for_days" not in node["config"]["meta"]
    }
    unlimited = [
        test["name"]
        for test in nodes_of_type(manifest, "test")
        if test.get("test_metadata")
        and test["attached_node"] in growing
        and "date_column" not in test["test_metadata"]["kwargs"]
    ]
    assert unlimited == []


def test_only_marts_and_exports_are_public_with_contract(manifest: Node) -> None:
    for node in models(manifest):
        config = node["config"]
        assert config["contract"]["enforced"] == is_public(node), node["name"]
        assert (node["access"] == "public") == is_public(node), node["name"]


def test_models_and_seeds_have_group_and_owner(manifest: Node) -> None:
    owners = {group["name"]: group["owner"] for group in manifest["groups"].values()}
    for node in nodes_of_type(manifest, "model", "seed"):
        owner = owners[node["config"]["group"]]["name"]
        assert node["config"]["meta"]["owner"] == owner, node["name"]


def test_intermediate_models_read_by_one_group_are_private(manifest: Node) -> None:
    models_by_id = {node["unique_id"]: node for node in models(manifest)}
    expected, actual = {}, {}
    for unique_id, node in models_by_id.items():
        reading_groups = {
            models_by_id[child]["config"]["group"]
            for child in manifest["child_map"][unique_id]
            if child in models_by_id
        }
        if folder_of(node).startswith("intermediate"):
            is_shared = bool(reading_groups - {node["config"]["group"]})
            expected[node["name"]] = "protected" if is_shared else "private"
            actual[node["name"]] = node["access"]
    assert actual == expected


def test_only_staging_reads_raw_tables(manifest: Node) -> None:
    for node in models(manifest):
        raw_tables = {
            parent
            for parent in node["depends_on"]["nodes"]
            if parent.startswith("source.") and ".ops." not in parent
        }
        assert bool(raw_tables) == folder_of(node).startswith("staging"), node["name"]


def test_layers_are_read_from_below_only(manifest: Node) -> None:
    """Staging reads sources only; no other layer reads a layer above it."""
    by_id = {node["unique_id"]: node for node in models(manifest)}
    above = [
        (node["name"], by_id[parent]["name"])
        for node in by_id.values()
        for parent in node["depends_on"]["nodes"]
        if parent in by_id and not _may_read(_layer(node), _layer(by_id[parent]))
    ]
    assert above == []
    assert {_layer(node) for node in by_id.values()} == set(LAYERS)


def test_yaml_is_beside_its_models(manifest: Node) -> None:
    documented = [*models(manifest), *manifest["unit_tests"].values()]
    for node in documented:
        tested = node if node["resource_type"] == "model" else _tested(manifest, node)
        declared_in = (node.get("patch_path") or node["original_file_path"]).rpartition(
            "://"
        )[2]
        folder = PurePosixPath(tested["original_file_path"]).parent
        assert PurePosixPath(declared_in).parent == folder, node["name"]


def _tested(manifest: Node, unit_test: Node) -> Node:
    return manifest["nodes"][unit_test["depends_on"]["nodes"][0]]


def _layer(node: Node) -> str:
    return folder_of(node).partition("/")[0]


def _may_read(reader: str, read: str) -> bool:
    """Return whether a layer may read a model of another; staging reads no model."""
    return reader != LAYERS[0] and LAYERS.index(read) <= LAYERS.index(reader)


def test_models_name_a_metric_only_where_they_make_it(manifest: Node) -> None:
    """Others repeat their SQL over the list, or need this one metric by its meaning."""
    metrics = {metric.name for metric in usage_metrics()} - {"metrics"}
    named: dict[str, set[str]] = {}
    for node in models(manifest):
        code = re.sub(r"--.*", "", node["raw_code"])
        found = metrics.intersection(re.findall(r"[a-z]+", code))
        if found:
            named[node["name"]] = found
    assert named.pop("stg_app__usage_samples") == metrics
    assert named.pop("int_org_usage_daily") == metrics
    assert named == NAMED_FOR_THEIR_MEANING


def test_models_have_at_most_seven_ctes_and_end_with_final(manifest: Node) -> None:
    for node in models(manifest):
        ctes = cte_names(node)
        assert len(ctes) <= MAX_CTES, (node["name"], ctes)
        assert ctes[-1] == "final", node["name"]
        assert node["raw_code"].rstrip().endswith("select * from final"), node["name"]


def test_incremental_models_delete_and_insert_by_day(manifest: Node) -> None:
    for node in models(manifest):
        config = node["config"]
        if config["materialized"] == "incremental":
            assert config["incremental_strategy"] == "delete_insert_by_day"
            assert config["meta"]["date_column"] in node["columns"], node["name"]


def test_models_with_medians_have_no_unit_tests(manifest: Node) -> None:
    """Redshift rejects medians over unit test fixtures, which read no user table."""
    for test in manifest["unit_tests"].values():
        model = manifest["nodes"][test["depends_on"]["nodes"][0]]
        assert "percentile_cont" not in model["raw_code"], test["name"]


def test_names_of_unit_tests_are_short_enough_for_temporary_tables(
    manifest: Node,
) -> None:
    """A name and dbt's suffix of 22 characters fit the emulator's limit of 63."""
    for test in manifest["unit_tests"].values():
        assert len(test["name"]) <= MAX_UNIT_TEST_NAME, test["name"]


def test_freshness_warns_only(manifest: Node) -> None:
    """Old data is no error: a missing partition fails its own run."""
    for source in manifest["sources"].values():
        freshness = source["config"]["freshness"] or {}
        if source["source_name"] != "ops":
            assert freshness["warn_after"]["count"] == 36, source["name"]
        assert not (freshness.get("error_after") or {}).get("count"), source["name"]


def test_exposures_contain_exactly_the_public_models(manifest: Node) -> None:
    exposed = {
        parent
        for exposure in manifest["exposures"].values()
        for parent in exposure["depends_on"]["nodes"]
        if not parent.startswith("source.nightshift.ops.")
    }
    assert exposed == {n["unique_id"] for n in models(manifest) if is_public(n)}
