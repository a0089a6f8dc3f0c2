"""Rows of ingest jobs: error texts, nulls, blanks, external ids and parents."""

import pytest

from tests.emulators.salesforce.tests.api import Api


def _error(api: Api, header: str, row: str, **properties: str) -> str:
    (error,) = api.load(f"{header}\n{row}\n", **properties).errors
    return error


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        (
            "notes__c",
            "01234567890",
            "STRING_TOO_LONG:Notes: data value too large: 01234567890 (max length=10)"
            ":notes__c --",
        ),
        (
            "day__c",
            "24.11.2026",
            "INVALID_FIELD:Failed to deserialize field at col 1. Due to, '24.11.2026' "
            "is not a valid value for the type xsd:date:day__c --",
        ),
        (
            "day__c",
            "2026-02-30",
            "INVALID_FIELD:Failed to deserialize field at col 1. Due to, '2026-02-30' "
            "is not a valid value for the type xsd:date:day__c --",
        ),
        (
            "small__c",
            "many",
            "INVALID_FIELD:Failed to deserialize field at col 1. Due to, 'many' is not "
            "a valid value for the type xsd:double:small__c --",
        ),
        (
            "amount__c",
            "$5",
            "INVALID_FIELD:Failed to deserialize field at col 1. Due to, '$5' is not a "
            "valid value for the type xsd:double:amount__c --",
        ),
        (
            "items__c",
            "250.0",
            "INVALID_FIELD:Failed to deserialize field at col 1. Due to, '250.0' is "
            "not a valid value for the type xsd:int:items__c --",
        ),
        (
            "at__c",
            "noon",
            "INVALID_FIELD:Failed to deserialize field at col 1. Due to, 'noon' is not "
            "a valid value for the type xsd:dateTime:at__c --",
        ),
        (
            "is_open__c",
            "yes",
            "INVALID_FIELD:Failed to deserialize field at col 1. Due to, 'yes' is not "
            "a valid value for the type xsd:boolean:is_open__c --",
        ),
        (
            "small__c",
            "10000",
            "NUMBER_OUTSIDE_VALID_RANGE:Small: value outside of valid range on numeric "
            "field: 10000.0:small__c --",
        ),
        (
            "tier__c",
            "Bronze",
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST:Tier: bad value for restricted "
            "picklist field: Bronze:tier__c --",
        ),
        (
            "tags__c",
            "red;pink",
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST:Tags: bad value for restricted "
            "picklist field: pink:tags__c --",
        ),
        (
            "rule__c",
            "no way",
            "FIELD_CUSTOM_VALIDATION_EXCEPTION:it must not begin with no:rule__c --",
        ),
        (
            "Account__c",
            "x1",
            "MALFORMED_ID:Account: id value of incorrect type: x1:Account__c --",
        ),
    ],
)
def test_invalid_value_is_rejected_with_this_error(
    api: Api, *, field: str, value: str, error: str
) -> None:
    assert _error(api, f"ext_id__c,{field}", f"a,{value}") == error
    assert api.query("SELECT COUNT() FROM Order__c")["totalSize"] == 0


def test_calculated_field_is_rejected(api: Api) -> None:
    error = _error(api, "ext_id__c,total__c", "a,1")
    assert error.startswith(
        "INVALID_FIELD_FOR_INSERT_UPDATE:Unable to create/update fields: total__c."
    )
    assert error.endswith(":total__c --")


def test_missing_required_fields_are_listed_in_one_error(api: Api) -> None:
    strict = {"object": "Strict__c"}
    error = _error(api, "ext_id__c", "a", **strict)
    assert error == (
        "REQUIRED_FIELD_MISSING:Required fields are missing: [Name, must__c]"
        ":Name,must__c --"
    )
    assert api.load("ext_id__c,Name,must__c\na,n,m\n", **strict).errors == []
    error = _error(api, "ext_id__c,must__c", "a,#N/A", **strict)
    assert error == (
        "REQUIRED_FIELD_MISSING:Required fields are missing: [must__c]:must__c --"
    )
    assert api.load("ext_id__c,must__c\na,\n", **strict).errors == []


@pytest.mark.parametrize(
    ("field", "value", "stored"),
    [
        ("day__c", "2026-11-24", "2026-11-24"),
        ("at__c", "2026-11-24T10:00:00.000Z", "2026-11-24T10:00:00.000+0000"),
        ("at__c", "2026-11-24T10:00:00+02:00", "2026-11-24T08:00:00.000+0000"),
        ("at__c", "2026-11-24", "2026-11-24T00:00:00.000+0000"),
        ("amount__c", "12.345", 12.34),
        ("amount__c", "-0.5", -0.5),
        ("amount__c", "1.5e2", 150.0),
        ("amount__c", "1e-3", 0.0),
        ("amount__c", f"123.{'4' * 40}", 123.44),
        ("day__c", "1700-01-01", "1700-01-01"),
        ("day__c", "4000-12-31", "4000-12-31"),
        ("amount__c", "9999999999999999", 9999999999999999.0),
        ("share__c", "12.5", 12.5),
        ("small__c", "9999", 9999.0),
        ("items__c", "-250", -250),
        ("is_open__c", "TRUE", True),
        ("is_open__c", "0", False),
        ("tier__c", "gold", "Gold"),
        ("tags__c", "Red;BLUE", "red;blue"),
        ("notes__c", '" a""b\n"', ' a"b\n'),
        ("notes__c", "=cmd()", "=cmd()"),
        ("notes__c", "\N{ROCKET}é", "\N{ROCKET}é"),
        ("notes__c", "#n/a", "#n/a"),
    ],
)
def test_valid_value_is_stored_in_the_fields_form(
    api: Api, *, field: str, value: str, stored: object
) -> None:
    result = api.load(f"ext_id__c,{field}\na,{value}\n")
    assert result.errors == []
    assert api.query_column(f"SELECT {field} FROM Order__c") == [stored]


def test_null_marker_clears_a_field_and_a_blank_leaves_it_unchanged(api: Api) -> None:
    header = "ext_id__c,notes__c,day__c,small__c,is_open__c"
    api.load(f"{header}\na,x,2026-11-24,5,true\n")
    api.load(f"{header}\na,,,,\n")
    select = "SELECT notes__c, day__c, small__c, is_open__c FROM Order__c"
    (record,) = api.query(select)["records"]
    assert list(record.values())[1:] == ["x", "2026-11-24", 5.0, True]
    api.load(f"{header}\na,#N/A,#N/A,#N/A,#N/A\n")
    (record,) = api.query(select)["records"]
    assert list(record.values())[1:] == [None, None, None, False]


def test_rejected_row_does_not_affect_others(api: Api) -> None:
    result = api.load("ext_id__c,small__c\na,1\nb,x\nc,3\n")
    assert [row["ext_id__c"] for row in result.accepted] == ["a", "c"]
    assert len(result.errors) == 1


def test_external_ids_ignore_case_unless_the_field_is_case_sensitive(api: Api) -> None:
    api.load("ext_id__c,notes__c\nab,1\n")
    (row,) = api.load("ext_id__c,notes__c\nAB,2\n").accepted
    assert row["sf__Created"] == "false"
    assert api.query_column("SELECT notes__c FROM Order__c") == ["2"]
    cased = {"externalIdFieldName": "cased_id__c"}
    assert len(api.load("cased_id__c\nab\nAB\n", **cased).accepted) == 2
    (row,) = api.load("cased_id__c,notes__c\nAb,3\n", **cased).accepted
    assert row["sf__Created"] == "true"


def test_external_id_repeated_in_a_transaction_fails_all_its_rows(api: Api) -> None:
    result = api.load("ext_id__c,small__c\na,1\nb,2\nA,3\n")
    assert result.errors == [
        "DUPLICATE_VALUE:Duplicate external id specified: a:ext_id__c --",
        "DUPLICATE_VALUE:Duplicate external id specified: A:ext_id__c --",
    ]
    assert [row["ext_id__c"] for row in result.accepted] == ["b"]


def test_external_id_repeated_in_a_later_transaction_updates(api: Api) -> None:
    rows = "".join(f"k{number},{number}\n" for number in range(200))
    result = api.load(f"ext_id__c,small__c\n{rows}k0,777\n")
    assert result.errors == []
    assert [row["sf__Created"] for row in result.accepted][-1] == "false"
    soql = "SELECT small__c FROM Order__c WHERE ext_id__c = 'k0'"
    assert api.query_column(soql) == [777.0]


def test_blank_external_id_is_rejected(api: Api) -> None:
    expected = "MISSING_ARGUMENT:ext_id__c not specified:--"
    assert _error(api, "ext_id__c,small__c", ",1") == expected
    assert _error(api, "small__c", "1") == expected


def test_external_id_of_several_records_is_rejected(api: Api) -> None:
    loose = {"externalIdFieldName": "loose_id__c"}
    inserted = api.load("loose_id__c\nx\nX\n", operation="insert").accepted
    ids = ", ".join(row["sf__Id"] for row in inserted)
    assert _error(api, "loose_id__c", "x", **loose) == (
        "DUPLICATE_EXTERNAL_ID:Loose Id: more than one record found for external id "
        f"field: [{ids}]:loose_id__c --"
    )


def test_unique_value_of_another_record_is_rejected(api: Api) -> None:
    (first,) = api.load("ext_id__c,code__c\na,F\n").accepted
    assert _error(api, "ext_id__c,code__c", "b,f") == (
        "DUPLICATE_VALUE:duplicate value found: code__c duplicates value on record "
        f"with id: {first['sf__Id']}:--"
    )
    result = api.load("ext_id__c,code__c\nc,G\nd,g\n")
    assert [row["ext_id__c"] for row in result.accepted] == ["c"]
    assert result.errors[0].startswith("DUPLICATE_VALUE:duplicate value found:")
    assert api.load("ext_id__c,code__c\na,f\n").errors == []


def test_empty_id_column_is_ignored(api: Api) -> None:
    result = api.load("Id,ext_id__c,small__c\n,a,1\n")
    assert (result.errors, len(result.accepted)) == ([], 1)


def test_parent_is_found_by_its_external_id(api: Api) -> None:
    account = {"object": "Account", "externalIdFieldName": "number__c"}
    (parent,) = api.load("number__c,Name\nA-1,Acme\n", **account).accepted
    result = api.load("ext_id__c,Account__r.number__c\na,a-1\nb,A-2\n")
    assert [row["ext_id__c"] for row in result.accepted] == ["a"]
    assert result.errors == [
        "INVALID_FIELD:Foreign key external ID: A-2 not found for field number__c in "
        "entity Account:--"
    ]
    select = "SELECT Account__c, Account__r.Name FROM Order__c"
    (record,) = api.query(select)["records"]
    assert record["Account__c"] == parent["sf__Id"]
    assert record["Account__r"]["Name"] == "Acme"
