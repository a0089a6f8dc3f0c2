"""Object definitions in the file formats that the emulator accepts."""

from pathlib import Path

import pytest

from tests.emulators.salesforce.objects.schema import SObject
from tests.emulators.salesforce.objects.schema_file import load_objects


def _load(folder: Path, text: str) -> list[SObject]:
    path = folder / "objects.yml"
    path.write_text(text, encoding="utf-8")
    return load_objects(path)


@pytest.mark.parametrize(
    "text",
    [
        """
objects:
  - name: Big__c
    fields:
      - {name: key__c, type: text, length: 18, external_id: true, unique: true}
      - {name: size__c, type: number, precision: 18, scale: 2}
""",
        """
objects:
  Big__c:
    externalId: key__c
    fields:
      key__c: {type: Text(18), unique: true}
      size__c: Number(16, 2)
""",
        """
{"Big__c": {"fields": [
  {"name": "key__c", "type": "string", "length": 18, "externalId": true,
   "unique": true},
  {"name": "size__c", "type": "double", "precision": 18, "scale": 2}]}}
""",
    ],
    ids=["list", "mappings", "JSON"],
)
def test_equivalent_definitions_give_the_same_object(tmp_path: Path, text: str) -> None:
    (big,) = _load(tmp_path, text)
    key, size = big.field("KEY__C"), big.field("size__c")
    assert key is not None
    assert size is not None
    assert (key.type, key.length, key.external_id, key.unique) == (
        "string",
        18,
        True,
        True,
    )
    assert (size.type, size.precision, size.scale) == ("double", 18, 2)
    assert {"Id", "Name", "CreatedDate", "SystemModstamp"} <= {
        field.name for field in big.fields
    }


def test_name_is_text_in_standard_and_auto_number_in_custom_objects(
    tmp_path: Path,
) -> None:
    account, custom = _load(tmp_path, "Account: {}\nX__c: {}\n")
    assert [account.key_prefix, custom.key_prefix] == ["001", "a01"]
    names = [item.field("Name") for item in (account, custom)]
    assert [name and (name.required, name.auto_number) for name in names] == [
        (True, False),
        (True, True),
    ]


@pytest.mark.parametrize(
    "text", ["X__c: {fields: {a__c: magic}}", "- 5", "objects: [{name: X, fields: 5}]"]
)
def test_invalid_file_is_rejected(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"unknown field type|mappings with names"):
        _load(tmp_path, text)
