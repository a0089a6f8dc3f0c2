"""Each selector of `selectors.yml` selects what its description says."""

from pathlib import Path

from dbt.artifacts.schemas.manifest import WritableManifest
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

from tests.dbt_project.manifest import PROJECT, Node, folder_of, nodes_of_type

SELECTED_FOLDERS = {
    "trials": "marts/trials",
    "growth": "marts/growth",
    "web": "marts/web",
    "salesforce": "exports",
}
SELECTED_GROUPS = {"data_engineering": "usage", "growth_analytics": "trials"}


def test_selectors_list_each_area_and_owner_with_what_is_read(
    manifest: Node, dbt_folder: Path
) -> None:
    built = {
        node["unique_id"]: node for node in nodes_of_type(manifest, "model", "seed")
    }
    published = {folder_of(node) for node in nodes_of_type(manifest, "model")}
    assert {
        folder for folder in published if folder.startswith(("marts", "exports"))
    } == (set(SELECTED_FOLDERS.values()))
    assert {group["name"] for group in manifest["groups"].values()} == (
        set(SELECTED_GROUPS.values())
    )
    assert set(manifest["selectors"]) == {*SELECTED_FOLDERS, *SELECTED_GROUPS}

    expected = {
        name: _with_ancestors(
            {id for id, node in built.items() if folder_of(node) == folder}, built
        )
        for name, folder in SELECTED_FOLDERS.items()
    } | {
        name: {id for id, node in built.items() if node["config"]["group"] == group}
        for name, group in SELECTED_GROUPS.items()
    }
    listed = _list(dbt_folder, list(expected))
    for name, ids in expected.items():
        assert ids
        assert listed[name] & set(built) == ids, name
        # Otherwise `dbt build` fails where the other models do not exist.
        for test in nodes_of_type(manifest, "test"):
            if test["unique_id"] in listed[name]:
                read = built.keys() & set(test["depends_on"]["nodes"])
                assert read <= _with_ancestors(ids, built), test["name"]


def _with_ancestors(ids: set[str], built: dict[str, Node]) -> set[str]:
    found: set[str] = set()
    pending = list(ids)
    while pending:
        unique_id = pending.pop()
        if unique_id in built and unique_id not in found:
            found.add(unique_id)
            pending += built[unique_id]["depends_on"].get("nodes", [])
    return found


def _list(folder: Path, selectors: list[str]) -> dict[str, set[str]]:
    """Return the unique ids that `dbt ls` lists for each selector."""
    parsed = WritableManifest.read_and_check_versions(
        str(folder / "target" / "manifest.json")
    )
    runner = dbtRunner(manifest=Manifest.from_writable_manifest(parsed))
    listed = {}
    for name in selectors:
        command = ["--quiet", "ls", "--selector", name, "--output", "json"]
        command += ["--output-keys", "unique_id", "--target-path", str(folder / "ls")]
        command += ["--project-dir", str(PROJECT), "--profiles-dir", str(folder)]
        result = runner.invoke([*command, "--log-path", str(folder / "ls")])
        assert result.success, result.exception
        listed[name] = {line.split('"')[3] for line in result.result}
    return listed
