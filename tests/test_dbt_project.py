"""What every model owes its readers: a grain, a key, words for each column, a contract.

Reads the manifest of the project as dbt itself parses it, on the embedded target.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dbt_manifest import (
    Node,
    ctes_of,
    described,
    folder_of,
    is_public,
    key_tests_of,
    models_of,
    nodes_of,
    own_macros,
    run_dbt,
    says_only_its_name,
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
LEAST_SCORE = "9.0"

# Personal data that Looker may read, and why.
PII_IN_MARTS = {
    # A visit belongs to somebody: analysts follow a user's visits, by a number.
    ("fct_web_sessions", "user_id"),
    ("fct_web_sessions", "visitor_id"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder that dbt writes to, with the manifest and catalog in `target`."""
    folder = tmp_path_factory.mktemp("dbt")
    built = run_dbt(folder, "--warn-error", "build")
    assert built.returncode == 0, built.stdout + built.stderr
    documented = run_dbt(folder, "--warn-error", "docs", "generate")
    assert documented.returncode == 0, documented.stdout + documented.stderr
    return folder


@pytest.fixture(scope="module")
def manifest(folder: Path) -> Node:
    """Give the manifest of the project."""
    return json.loads((folder / "target" / "manifest.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def catalog(folder: Path) -> Node:
    """Give what the empty warehouse holds once all models are built."""
    return json.loads((folder / "target" / "catalog.json").read_text("utf-8"))


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


def test_a_description_begins_with_the_grain(manifest: Node) -> None:
    for node in described(manifest):
        assert node["description"].startswith("One row per "), node["unique_id"]


def test_every_column_has_a_sentence_that_is_not_its_name(manifest: Node) -> None:
    mute = [
        f"{node['name']}.{column['name']}"
        for node in described(manifest)
        for column in node["columns"].values()
        if says_only_its_name(column["name"], column["description"])
    ]
    assert mute == []


def test_a_name_in_other_words_is_no_description() -> None:
    assert says_only_its_name("org_id", "The id of the org.")
    assert says_only_its_name("hosts", "")
    assert not says_only_its_name("hosts", "Most hosts in one sample of the day.")


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


def test_a_column_of_three_models_has_one_description(manifest: Node) -> None:
    """Unless it means different things, which then each model's doc block says."""
    texts: dict[str, list[str]] = {}
    blocks = {doc["block_contents"].strip() for doc in manifest["docs"].values()}
    for node in models_of(manifest):
        for column in node["columns"].values():
            texts.setdefault(column["name"], []).append(column["description"].strip())
    copied = {
        name: text
        for name, found in texts.items()
        for text in found
        if found.count(text) >= 3 and text not in blocks
    }
    assert copied == {}


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


def test_personal_data_stays_out_of_marts_but_for_a_named_few(manifest: Node) -> None:
    reached = {
        (node["name"], column["name"])
        for node in models_of(manifest)
        if is_public(node)
        for column in node["columns"].values()
        if column["config"]["meta"].get("pii")
    }
    assert reached == PII_IN_MARTS


def test_personal_data_is_marked_wherever_it_comes_by(manifest: Node) -> None:
    """A column that is marked in one place is marked under that name in all."""
    marks: dict[str, set[bool]] = {}
    for node in described(manifest):
        for column in node["columns"].values():
            is_pii = bool(column["config"]["meta"].get("pii"))
            marks.setdefault(column["name"], set()).add(is_pii)
    assert {name for name, found in marks.items() if len(found) > 1} == set()


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


def test_every_macro_and_its_arguments_are_described(manifest: Node) -> None:
    for macro in own_macros(manifest):
        assert macro["description"], macro["name"]
        signature = re.search(
            r"\{%-?\s*(?:macro|test)\s+\w+\s*\(([^)]*)\)", macro["macro_sql"]
        )
        names = re.findall(r"(\w+)(?:=\w+)?(?:,|$)", signature[1] if signature else "")
        told = {one["name"]: one["description"] for one in macro["arguments"]}
        assert list(told) == names, macro["name"]
        assert all(told.values()), macro["name"]


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


def test_the_overview_has_the_picture_and_every_word_of_it_is_a_model(
    manifest: Node,
) -> None:
    overview = manifest["docs"]["doc.nightshift.__overview__"]["block_contents"]
    names = {n["name"] for n in nodes_of(manifest, "model", "seed")}
    told = set(re.findall(r"\b(?:stg|int|fct|sf)_\w*[a-z]\b", overview))
    assert told and told <= names


def test_every_model_scores_nine_of_ten_by_dbt_score(folder: Path) -> None:
    scored = subprocess.run(
        [
            str(Path(sys.executable).parent / "dbt-score"),
            "lint",
            *("--manifest", str(folder / "target" / "manifest.json")),
            *("--fail-any-item-under", LEAST_SCORE),
            *("--fail-project-under", LEAST_SCORE),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert scored.returncode == 0, scored.stdout + scored.stderr
