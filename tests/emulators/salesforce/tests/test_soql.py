"""SOQL queries: conditions, record format, pages and errors."""

import pytest

from tests.emulators.salesforce.tests.api import Api

ROWS = """ext_id__c,notes__c,small__c,amount__c,day__c,at__c,is_open__c,tier__c,tags__c
a,Apple,1,1.5,2026-11-01,2026-11-01T10:00:00Z,true,Gold,red;blue
b,apple pie,2,2.5,2026-11-02,2026-11-02T10:00:00Z,false,Silver,red
c,50% off,3,,2026-11-03,,true,,
d,it's,4,-1,,2026-11-04T10:00:00Z,false,Gold,green
e,back\\slash,,0,2026-11-05,,true,,
"""


@pytest.fixture
def orders(api: Api) -> Api:
    """Return a client of an org with five orders."""
    assert api.load(ROWS).errors == []
    return api


@pytest.mark.parametrize(
    ("condition", "keys"),
    [
        ("notes__c = 'APPLE'", "a"),
        ("notes__c != 'apple'", "bcde"),
        ("notes__c LIKE 'apple%'", "ab"),
        ("notes__c LIKE '_pple'", "a"),
        ("notes__c LIKE '%\\% off'", "c"),
        ("notes__c = 'it\\'s'", "d"),
        ("notes__c = 'back\\\\slash'", "e"),
        ("ext_id__c IN ('A', 'c', 'x')", "ac"),
        ("ext_id__c NOT IN ('a', 'b')", "cde"),
        ("small__c NOT IN (1, 2)", "cde"),
        ("small__c > 2", "cd"),
        ("small__c >= 2 AND small__c <= 3", "bc"),
        ("small__c < 2 OR small__c = 4", "ad"),
        ("small__c = null", "e"),
        ("amount__c != null AND amount__c <= 0", "de"),
        ("amount__c = -1.0", "d"),
        ("NOT small__c = 1", "bcde"),
        ("NOT (small__c = 1 OR small__c = 2)", "cde"),
        ("(small__c = 1 OR small__c = 2) AND is_open__c = true", "a"),
        ("(small__c = 1 AND is_open__c = true) OR small__c = 4", "ad"),
        ("is_open__c = FALSE", "bd"),
        ("day__c = 2026-11-02", "b"),
        ("day__c > 2026-11-02", "ce"),
        ("at__c >= 2026-11-02T10:00:00Z", "bd"),
        ("at__c < 2026-11-02T12:00:00+02:00", "a"),
        ("at__c = 2026-11-02T12:00:00+02:00", "b"),
        ("tier__c = 'gold'", "ad"),
        ("tags__c INCLUDES ('red;blue', 'green')", "ad"),
        ("tags__c EXCLUDES ('red')", "cde"),
        ("CreatedDate = TODAY", "abcde"),
        ("CreatedDate >= TODAY AND CreatedDate < TOMORROW", "abcde"),
        ("CreatedDate > TODAY", ""),
        ("CreatedDate != YESTERDAY", "abcde"),
        ("CreatedDate = THIS_MONTH AND CreatedDate != LAST_YEAR", "abcde"),
        ("CreatedDate < YESTERDAY", ""),
        ("CreatedDate = LAST_N_DAYS:3", "abcde"),
        ("Id IN (SELECT Id FROM Order__c WHERE small__c = 1)", "a"),
        ("CreatedBy.Username = 'NIGHTSHIFT@example.com' AND small__c = 1", "a"),
    ],
)
def test_condition_selects_these_records(
    orders: Api, condition: str, keys: str
) -> None:
    soql = f"SELECT ext_id__c FROM Order__c WHERE {condition} ORDER BY ext_id__c"
    assert "".join(orders.query_column(soql)) == keys


def test_records_have_the_apis_format(orders: Api) -> None:
    soql = (
        "select Id, small__c, is_open__c, day__c, at__c, notes__c, CreatedBy.Name "
        "from order__c where ext_id__c = 'a'"
    )
    response = orders.query(soql)
    assert (response["totalSize"], response["done"]) == (1, True)
    assert "nextRecordsUrl" not in response
    (record,) = response["records"]
    record_id = record["Id"]
    assert record == {
        "attributes": {
            "type": "Order__c",
            "url": f"/services/data/v60.0/sobjects/Order__c/{record_id}",
        },
        "Id": record_id,
        "small__c": 1.0,
        "is_open__c": True,
        "day__c": "2026-11-01",
        "at__c": "2026-11-01T10:00:00.000+0000",
        "notes__c": "Apple",
        "CreatedBy": {
            "attributes": {"type": "User"},
            "Name": "Nightshift Integration",
        },
    }
    by_short_id = f"SELECT ext_id__c FROM Order__c WHERE Id = '{record_id[:15]}'"
    assert orders.query_column(by_short_id) == ["a"]


def test_field_can_be_prefixed_with_alias_or_object_name(orders: Api) -> None:
    soql = "SELECT o.ext_id__c FROM Order__c o WHERE o.small__c = 1"
    assert orders.query_column(soql) == ["a"]
    assert orders.query_column("SELECT Order__c.Id FROM Order__c LIMIT 1")


def test_records_follow_order_limit_and_offset(orders: Api) -> None:
    def keys(clauses: str) -> str:
        return "".join(orders.query_column(f"SELECT ext_id__c FROM Order__c {clauses}"))

    assert keys("ORDER BY small__c DESC NULLS LAST") == "dcbae"
    assert keys("ORDER BY small__c") == "eabcd"
    assert keys("ORDER BY small__c ASC NULLS LAST LIMIT 2") == "ab"
    assert keys("ORDER BY ext_id__c LIMIT 2 OFFSET 3") == "de"
    assert keys("ORDER BY is_open__c DESC, ext_id__c DESC") == "ecadb"


def test_aggregates_count_and_group_records(orders: Api) -> None:
    bare = orders.query("SELECT COUNT() FROM Order__c WHERE small__c > 1")
    assert bare == {"totalSize": 3, "done": True, "records": []}
    (record,) = orders.query("SELECT COUNT(Id) FROM Order__c")["records"]
    assert record == {"attributes": {"type": "AggregateResult"}, "expr0": 5}
    soql = (
        "SELECT is_open__c, COUNT(Id) many, MAX(small__c), SUM(amount__c) total "
        "FROM Order__c GROUP BY is_open__c ORDER BY is_open__c"
    )
    assert [
        (row["is_open__c"], row["many"], row["expr0"], row["total"])
        for row in orders.query(soql)["records"]
    ] == [(False, 2, 4.0, 1.5), (True, 3, 3.0, 1.5)]
    distinct = "SELECT COUNT_DISTINCT(tier__c) n FROM Order__c"
    assert orders.query(distinct)["records"][0]["n"] == 2


def test_next_records_url_returns_the_next_page(api: Api) -> None:
    rows = "".join(f"k{number:03}\n" for number in range(450))
    api.load(f"ext_id__c\n{rows}")
    page = api.query("SELECT ext_id__c FROM Order__c ORDER BY ext_id__c")
    seen = []
    while True:
        seen += [record["ext_id__c"] for record in page["records"]]
        assert page["totalSize"] == 450
        if page["done"]:
            break
        path = page["nextRecordsUrl"].removeprefix("/services/data/v60.0")
        page = api.get(path).json()
    assert seen == rows.split()
    response = api.get("/query/01gnothing-2000")
    assert (response.status_code, response.json()[0]["errorCode"]) == (
        400,
        "INVALID_QUERY_LOCATOR",
    )


def test_columns_parameter_returns_column_metadata(orders: Api) -> None:
    metadata = orders.query(
        "SELECT Id, small__c, CreatedBy.Name FROM Order__c", columns="true"
    )
    assert (metadata["entityName"], metadata["idSelected"], metadata["keyPrefix"]) == (
        "Order__c",
        True,
        "a07",
    )
    first, second, third = metadata["columnMetadata"]
    assert (first["columnName"], first["apexType"]) == ("Id", "Id")
    assert (second["columnName"], second["numberType"], second["custom"]) == (
        "small__c",
        True,
        True,
    )
    assert (third["columnName"], third["aggregate"]) == ("CreatedBy", False)
    assert third["joinColumns"][0]["columnName"] == "Name"
    assert "records" not in metadata
    metadata = orders.query(
        "SELECT COUNT(Id), MAX(day__c) d FROM Order__c", columns="true"
    )
    assert [
        (column["columnName"], column["displayName"], column["aggregate"])
        for column in metadata["columnMetadata"]
    ] == [("expr0", "count(Id)", True), ("d", "max(day__c)", True)]


def test_standard_objects_can_be_queried(api: Api) -> None:
    soql = "SELECT Id, Name, IsSandbox, NamespacePrefix FROM Organization"
    (org,) = api.query(soql)["records"]
    assert (org["Id"], org["IsSandbox"]) == (api.org.id, True)
    assert org["NamespacePrefix"] is None
    soql = (
        "SELECT QualifiedApiName, KeyPrefix FROM EntityDefinition "
        "WHERE QualifiedApiName = 'Order__c'"
    )
    assert api.query(soql)["records"][0]["KeyPrefix"] == "a07"
    soql = (
        "SELECT QualifiedApiName FROM FieldDefinition "
        "WHERE EntityDefinitionId = 'Strict__c' AND QualifiedApiName LIKE '%__c'"
    )
    assert sorted(api.query_column(soql)) == ["ext_id__c", "must__c"]
    user = api.get(f"/sobjects/User/{api.org.user_id}").json()
    assert user["IsActive"] is True
    tooling = api.get(
        "/tooling/query", params={"q": "SELECT Id FROM SandboxProcess"}
    ).json()
    assert tooling == {
        "size": 0,
        "totalSize": 0,
        "done": True,
        "queryLocator": None,
        "entityTypeName": "SandboxProcess",
        "records": [],
    }
    hidden = api.get("/query", params={"q": "SELECT Id FROM SandboxProcess"})
    assert hidden.json()[0]["errorCode"] == "INVALID_TYPE"
