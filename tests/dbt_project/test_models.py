"""What every model owes its readers: a grain, a key, words for each column, a contract.

Reads the manifest of the project as dbt itself parses it, on the embedded target.
"""

from tests.dbt_project.manifest import (
    Node,
    ctes_of,
    folder_of,
    is_public,
    key_tests_of,
    models_of,
    nodes_of,
)

# A folder of models and what their names begin with; '' is a plainly named report.
PREFIXES = {
    "staging/app": ("stg_app__",),
    "staging/web": ("stg_web__",),
    "intermediate": ("int_",),
    "marts": ("fct_", "dim_", ""),
    "exports": ("sf_",),
}
RESERVED = ("stg_", "int_", "sf_")
MOST_CTES = 7
# How a published column list is ordered; an id comes first, whatever its type.
ORDER = ["VARCHAR", "JSON", "NUMBER", "BOOLEAN", "DATE", "TIMESTAMP"]


def test_a_model_is_named_by_the_prefix_of_its_folder(manifest: Node) -> None:
    for node in models_of(manifest):
        [prefixes] = [
            found
            for place, found in PREFIXES.items()
            if (folder_of(node) + "/").startswith(place + "/")
        ]
        assert node["name"].startswith(prefixes), node["name"]
        if "" in prefixes:
            assert not node["name"].startswith(RESERVED), node["name"]


def test_the_yaml_has_the_columns_of_the_warehouse_in_their_order(
    manifest: Node, catalog: Node
) -> None:
    for node in nodes_of(manifest, "model", "seed"):
        built = sorted(
            catalog["nodes"][node["unique_id"]]["columns"].values(),
            key=lambda column: column["index"],
        )
        assert list(node["columns"]) == [column["name"] for column in built], node[
            "name"
        ]


def test_columns_come_as_keys_strings_numbers_booleans_dates_timestamps(
    manifest: Node, catalog: Node
) -> None:
    """But for what leaves for Salesforce, which has the contract's own order."""
    for node in models_of(manifest):
        built = catalog["nodes"][node["unique_id"]]["columns"]
        places = [
            _place(name, built[name]["type"])
            for name in node["columns"]
            if not name.endswith("__c")
        ]
        assert places == sorted(places), (node["name"], list(node["columns"]))


def _place(name: str, data_type: str) -> int:
    if name.endswith("_id"):
        return -1
    return ORDER.index(data_type if data_type in ORDER else "NUMBER")


def test_every_model_and_seed_has_a_key_test(manifest: Node) -> None:
    for node in nodes_of(manifest, "model", "seed"):
        reason = node["config"]["meta"].get("keyless")
        keys = list(key_tests_of(manifest, node))
        assert bool(keys) != bool(reason), node["name"]
        assert not (reason and is_public(node)), f"{node['name']} must have a key"


def test_tests_of_a_growing_table_look_at_the_window_alone(manifest: Node) -> None:
    """Or a night would cost more with every night before it."""
    growing = {
        node["unique_id"]
        for node in models_of(manifest)
        if node["config"]["materialized"] == "incremental"
        # One row a trial or an org: they are few, and any of them may have changed.
        and not node["config"]["unique_key"]
        and "reaches_back_days" not in node["config"]["meta"]
    }
    unbounded = [
        test["name"]
        for test in nodes_of(manifest, "test")
        if test.get("test_metadata")
        and test["attached_node"] in growing
        and "day" not in test["test_metadata"]["kwargs"]
    ]
    assert unbounded == []


def test_marts_and_exports_are_public_contracts_and_nothing_else_is(
    manifest: Node,
) -> None:
    for node in models_of(manifest):
        config = node["config"]
        assert config["contract"]["enforced"] == is_public(node), node["name"]
        assert (node["access"] == "public") == is_public(node), node["name"]


def test_every_model_has_an_owner_and_a_group(manifest: Node) -> None:
    owners = {group["name"]: group["owner"] for group in manifest["groups"].values()}
    for node in nodes_of(manifest, "model", "seed"):
        owner = owners[node["config"]["group"]]["name"]
        assert node["config"]["meta"]["owner"] == owner, node["name"]


def test_what_one_group_alone_reads_is_private_to_it(manifest: Node) -> None:
    models = {node["unique_id"]: node for node in models_of(manifest)}
    wanted, found = {}, {}
    for unique_id, node in models.items():
        readers = {
            models[child]["config"]["group"]
            for child in manifest["child_map"][unique_id]
            if child in models
        }
        if folder_of(node).startswith("intermediate"):
            is_shared = bool(readers - {node["config"]["group"]})
            wanted[node["name"]] = "protected" if is_shared else "private"
            found[node["name"]] = node["access"]
    assert found == wanted


def test_only_staging_reads_raw_tables(manifest: Node) -> None:
    for node in models_of(manifest):
        raw = {
            one
            for one in node["depends_on"]["nodes"]
            if one.startswith("source.") and ".ops." not in one
        }
        assert bool(raw) == folder_of(node).startswith("staging"), node["name"]


def test_a_model_has_seven_ctes_at_most_and_ends_with_final(manifest: Node) -> None:
    for node in models_of(manifest):
        ctes = ctes_of(node)
        assert len(ctes) <= MOST_CTES, (node["name"], ctes)
        assert ctes[-1] == "final", node["name"]
        assert node["raw_code"].rstrip().endswith("select * from final"), node["name"]


def test_an_incremental_model_says_which_days_it_replaces(manifest: Node) -> None:
    for node in models_of(manifest):
        if node["config"]["materialized"] == "incremental":
            assert node["config"]["incremental_strategy"] == "replace_days"
            assert node["config"]["meta"]["replaces"] in node["columns"], node["name"]


def test_no_unit_test_is_of_a_model_with_a_median(manifest: Node) -> None:
    """Redshift takes none over fixtures, which touch no table of a user's."""
    for test in manifest["unit_tests"].values():
        model = manifest["nodes"][test["depends_on"]["nodes"][0]]
        assert "percentile_cont" not in model["raw_code"], test["name"]


def test_every_source_of_raw_lines_has_a_freshness(manifest: Node) -> None:
    for source in manifest["sources"].values():
        if source["source_name"] != "ops":
            freshness = source["config"]["freshness"]
            assert freshness["warn_after"]["count"] < freshness["error_after"]["count"]


def test_every_mart_is_in_an_exposure_and_exposures_show_public_models_alone(
    manifest: Node,
) -> None:
    shown = {
        one
        for exposure in manifest["exposures"].values()
        for one in exposure["depends_on"]["nodes"]
    }
    public = {n["unique_id"] for n in models_of(manifest) if is_public(n)}
    assert shown == public
