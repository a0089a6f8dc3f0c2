"""Reading the mapping from YAML, and reporting all its problems at once."""

from pathlib import Path

import pytest

from loaders.config import salesforce_mapping as mapping
from loaders.errors import ConfigError

GOOD = """
models:
  - name: sf_things
    config: {meta: {salesforce: {object: Thing__c, external_id: key__c}}}
    columns:
      - name: key__c
        data_type: varchar(18)
        config: {meta: {salesforce: {type: text, length: 18}}}
      - name: share__c
        data_type: numeric(5, 1)
        config: {meta: {salesforce: {type: percent, precision: 5, scale: 1}}}
"""


def _load(tmp_path: Path, text: str) -> mapping.Mapping:
    path = tmp_path / "models.yml"
    path.write_text(text, encoding="utf-8")
    return mapping.load(path, model="sf_things")


def test_project_mapping_has_the_fields_of_the_contract() -> None:
    loaded = mapping.load()
    assert (loaded.object, loaded.external_id) == ("Trial_Metrics__c", "org_id__c")
    numbers = {
        field.name: (field.whole_digits, field.scale)
        for field in loaded.fields
        if field.is_numeric
    }
    assert numbers["metrics__c"] == (18, 0)
    assert numbers["median_hosts__c"] == (16, 2)
    lengths = {field.name: field.length for field in loaded.fields if field.length}
    assert lengths == {
        "org_id__c": 18,
        "org_name__c": 255,
        "billing_plan__c": 80,
        "interesting_reasons__c": 255,
    }
    assert len(loaded.fields) == 22
    assert all(field.nulls == "clear" for field in loaded.fields)


def test_each_exported_model_has_a_mapping(tmp_path: Path) -> None:
    trials, accounts = mapping.load_all()
    assert (trials.object, trials.operation) == ("Trial_Metrics__c", "upsert")
    assert (accounts.model, accounts.operation) == ("sf_accounts", "update")
    assert accounts.external_id == "nightshift_org_id__c"
    assert [field.name for field in accounts.sent_fields] == [
        "account_state__c",
        "billing_plan__c",
        "hosts__c",
        "hosts_change_28_days__c",
        "last_active_date__c",
    ]
    other = GOOD.replace("sf_things", "sf_others").replace("Thing__c", "Other__c")
    (tmp_path / "a.yml").write_text(GOOD, encoding="utf-8")
    folder = tmp_path / "nested"
    folder.mkdir()
    (folder / "b.yml").write_text(other, encoding="utf-8")
    loaded = mapping.load_all(tmp_path)
    assert [item.model for item in loaded] == ["sf_things", "sf_others"]


def test_two_models_of_one_object_are_reported(tmp_path: Path) -> None:
    other = GOOD.replace("sf_things", "sf_others").replace("Thing__c", "thing__c")
    (tmp_path / "a.yml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "b.yml").write_text(other, encoding="utf-8")
    with pytest.raises(ConfigError, match="sf_things and sf_others both fill"):
        mapping.load_all(tmp_path)


def test_fields_are_in_column_order(tmp_path: Path) -> None:
    loaded = _load(tmp_path, GOOD)
    assert [field.name for field in loaded.fields] == ["key__c", "share__c"]
    assert loaded.key_position == 0


def test_version_changes_with_any_change_of_the_mapping(tmp_path: Path) -> None:
    versions = {
        _load(tmp_path, text).version
        for text in (
            GOOD,
            GOOD.replace("precision: 5, scale: 1", "precision: 6, scale: 1"),
            GOOD.replace("length: 18}", "length: 18, nulls: ignore}"),
            GOOD.replace("Thing__c", "Other__c"),
        )
    }
    assert len(versions) == 4


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("type: text, length: 18", "type: words, length: 18", "'words'"),
        ("type: text, length: 18", "type: text", "needs a length"),
        ("precision: 5, scale: 1", "scale: 1", "needs a precision"),
        ("scale: 1}", "scale: 1, nulls: maybe}", "'maybe'"),
        ("scale: 1}", "scale: 1, colour: red}", "colour"),
        ("external_id: key__c", "external_id: other__c", "other__c"),
        ("object: Thing__c, ", "", "object"),
        ("object: Thing__c, ", "object: Thing__c, operation: insert, ", "'insert'"),
        ("object: Thing__c, ", "object: Thing__c, colour: red, ", "colour"),
        ("object: Thing__c, ", "object: Thing__c, data_date: day__c, ", "day__c"),
        ("numeric(5, 1)", "varchar(9)", "varchar(9)"),
        ("numeric(5, 1)", "numeric(38, 2)", "numeric(38, 2)"),
        ("name: share__c", "name: KEY__C", "2 columns"),
        (
            "config: {meta: {salesforce: {type: percent, precision: 5, scale: 1}}}",
            "description: a share",
            "config.meta.salesforce is missing",
        ),
    ],
)
def test_invalid_mapping_is_reported(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError, match="is invalid") as error:
        _load(tmp_path, GOOD.replace(old, new))
    assert message in str(error.value)


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("length: 18", "x: 1").replace("precision: 5, ", "")
    with pytest.raises(ConfigError) as error:
        _load(tmp_path, text)
    assert "unknown keys x" in str(error.value)
    assert "needs a precision" in str(error.value)


def test_missing_model_or_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not describe the model"):
        _load(tmp_path, "models: []")
    with pytest.raises(ConfigError, match="does not exist"):
        mapping.load(tmp_path / "absent.yml")
