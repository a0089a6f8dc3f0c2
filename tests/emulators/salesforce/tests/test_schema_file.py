"""Objects from a file, in the forms in which people write such files."""

from pathlib import Path

import pytest

from tests.emulators.salesforce.objects.schema import SObject
from tests.emulators.salesforce.objects.schema_file import load


def _read(folder: Path, text: str) -> list[SObject]:
    path = folder / "objects.yml"
    path.write_text(text, encoding="utf-8")
    return load(path)


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
    ids=["a list", "mappings", "JSON as described"],
)
def test_the_same_object_in_several_forms(tmp_path: Path, text: str) -> None:
    (big,) = _read(tmp_path, text)
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


def test_a_standard_object_has_a_name_to_fill_and_a_custom_one_numbers_itself(
    tmp_path: Path,
) -> None:
    account, custom = _read(tmp_path, "Account: {}\nX__c: {}\n")
    assert [account.key_prefix, custom.key_prefix] == ["001", "a01"]
    names = [item.field("Name") for item in (account, custom)]
    assert [name and (name.required, name.auto_number) for name in names] == [
        (True, False),
        (True, True),
    ]


@pytest.mark.parametrize(
    "text", ["X__c: {fields: {a__c: magic}}", "- 5", "objects: [{name: X, fields: 5}]"]
)
def test_a_file_that_makes_no_objects_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"there is no type|objects with names"):
        _read(tmp_path, text)
