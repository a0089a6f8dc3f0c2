"""SOQL: what is found, in which form, page by page, and what is refused."""

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
def filled(api: Api) -> Api:
    """Give an org with five orders."""
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
def test_a_condition_finds_these_records(
    filled: Api, condition: str, keys: str
) -> None:
    soql = f"SELECT ext_id__c FROM Order__c WHERE {condition} ORDER BY ext_id__c"
    assert "".join(filled.column(soql)) == keys


def test_records_come_in_the_apis_form(filled: Api) -> None:
    soql = (
        "select Id, small__c, is_open__c, day__c, at__c, notes__c, CreatedBy.Name "
        "from order__c where ext_id__c = 'a'"
    )
    told = filled.query(soql)
    assert (told["totalSize"], told["done"]) == (1, True)
    assert "nextRecordsUrl" not in told
    (record,) = told["records"]
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
    by_short = f"SELECT ext_id__c FROM Order__c WHERE Id = '{record_id[:15]}'"
    assert filled.column(by_short) == ["a"]


def test_an_alias_and_the_objects_own_name_may_stand_before_a_field(
    filled: Api,
) -> None:
    soql = "SELECT o.ext_id__c FROM Order__c o WHERE o.small__c = 1"
    assert filled.column(soql) == ["a"]
    assert filled.column("SELECT Order__c.Id FROM Order__c LIMIT 1")


def test_order_limit_and_offset(filled: Api) -> None:
    def keys(rest: str) -> str:
        return "".join(filled.column(f"SELECT ext_id__c FROM Order__c {rest}"))

    assert keys("ORDER BY small__c DESC NULLS LAST") == "dcbae"
    assert keys("ORDER BY small__c") == "eabcd"
    assert keys("ORDER BY small__c ASC NULLS LAST LIMIT 2") == "ab"
    assert keys("ORDER BY ext_id__c LIMIT 2 OFFSET 3") == "de"
    assert keys("ORDER BY is_open__c DESC, ext_id__c DESC") == "ecadb"


def test_counts_and_groups(filled: Api) -> None:
    bare = filled.query("SELECT COUNT() FROM Order__c WHERE small__c > 1")
    assert bare == {"totalSize": 3, "done": True, "records": []}
    (record,) = filled.query("SELECT COUNT(Id) FROM Order__c")["records"]
    assert record == {"attributes": {"type": "AggregateResult"}, "expr0": 5}
    soql = (
        "SELECT is_open__c, COUNT(Id) many, MAX(small__c), SUM(amount__c) total "
        "FROM Order__c GROUP BY is_open__c ORDER BY is_open__c"
    )
    assert [
        (row["is_open__c"], row["many"], row["expr0"], row["total"])
        for row in filled.query(soql)["records"]
    ] == [(False, 2, 4.0, 1.5), (True, 3, 3.0, 1.5)]
    distinct = "SELECT COUNT_DISTINCT(tier__c) n FROM Order__c"
    assert filled.query(distinct)["records"][0]["n"] == 2


def test_pages_follow_each_other(api: Api) -> None:
    rows = "".join(f"k{number:03}\n" for number in range(450))
    api.load(f"ext_id__c\n{rows}")
    told = api.query("SELECT ext_id__c FROM Order__c ORDER BY ext_id__c")
    seen = []
    while True:
        seen += [record["ext_id__c"] for record in told["records"]]
        assert told["totalSize"] == 450
        if told["done"]:
            break
        path = told["nextRecordsUrl"].removeprefix("/services/data/v60.0")
        told = api.get(path).json()
    assert seen == rows.split()
    reply = api.get("/query/01gnothing-2000")
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (
        400,
        "INVALID_QUERY_LOCATOR",
    )


def test_columns_are_told_when_asked_for(filled: Api) -> None:
    told = filled.query(
        "SELECT Id, small__c, CreatedBy.Name FROM Order__c", columns="true"
    )
    assert (told["entityName"], told["idSelected"], told["keyPrefix"]) == (
        "Order__c",
        True,
        "a07",
    )
    first, second, third = told["columnMetadata"]
    assert (first["columnName"], first["apexType"]) == ("Id", "Id")
    assert (second["columnName"], second["numberType"], second["custom"]) == (
        "small__c",
        True,
        True,
    )
    assert (third["columnName"], third["aggregate"]) == ("CreatedBy", False)
    assert third["joinColumns"][0]["columnName"] == "Name"
    assert "records" not in told
    told = filled.query("SELECT COUNT(Id), MAX(day__c) d FROM Order__c", columns="true")
    assert [
        (column["columnName"], column["displayName"], column["aggregate"])
        for column in told["columnMetadata"]
    ] == [("expr0", "count(Id)", True), ("d", "max(day__c)", True)]


@pytest.mark.parametrize(
    ("soql", "code", "told"),
    [
        (
            "SELECT Id FROM ScratchOrgInfo",
            "INVALID_TYPE",
            "\nSELECT Id FROM ScratchOrgInfo\n               ^\n"
            "ERROR at Row:1:Column:16\nsObject type 'ScratchOrgInfo' is not supported.",
        ),
        (
            "SELECT Id, nope__c FROM Order__c",
            "INVALID_FIELD",
            "ERROR at Row:1:Column:12\nNo such column 'nope__c' on entity 'Order__c'.",
        ),
        (
            "SELECT Id FROM Order__c WHERE small__c = 'x'",
            "INVALID_FIELD",
            "value of filter criterion for field 'small__c' must be of type double and "
            "should not be enclosed in quotes",
        ),
        (
            "SELECT Id FROM Order__c WHERE Nobody__r.Name = 'x'",
            "INVALID_FIELD",
            "Didn't understand relationship 'Nobody__r' in field path.",
        ),
        ("SELECT Id FROM", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT FROM Order__c", "MALFORMED_QUERY", "unexpected token: 'Order__c'"),
        ("SELECT Id FROM Order__c WHERE", "MALFORMED_QUERY", "unexpected token"),
        ("SELECT Id FROM Order__c WHERE a ~ 1", "MALFORMED_QUERY", "no viable"),
        ("SELECT Id FROM Order__c LIMIT x", "MALFORMED_QUERY", "unexpected token: 'x'"),
        ("SELECT small__c, COUNT(Id) FROM Order__c", "MALFORMED_QUERY", "grouped"),
        ("", "MALFORMED_QUERY", "A query string has to be specified"),
    ],
)
def test_a_query_that_cannot_be_is_refused(
    api: Api, *, soql: str, code: str, told: str
) -> None:
    reply = api.get("/query/", params={"q": soql})
    assert reply.status_code == 400
    (error,) = reply.json()
    assert error["errorCode"] == code
    assert told in error["message"]


def test_what_every_org_has_can_be_asked_for(api: Api) -> None:
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
    assert sorted(api.column(soql)) == ["ext_id__c", "must__c"]
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
