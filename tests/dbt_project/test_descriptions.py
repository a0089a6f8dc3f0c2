"""Words: the grain first, a sentence for each column, each shared one written once."""

import re
import subprocess
import sys
from pathlib import Path

from tests.dbt_project.manifest import (
    Node,
    described,
    models_of,
    nodes_of,
    own_macros,
    says_only_its_name,
)

LEAST_SCORE = "9.0"


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
