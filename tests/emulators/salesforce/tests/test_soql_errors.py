"""Invalid queries, and the error of each."""

import pytest

from tests.emulators.salesforce.tests.api import Api


@pytest.mark.parametrize(
    ("soql", "code", "message"),
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
        *(
            (f"SELECT Id FROM Order__c WHERE {where}", "MALFORMED_QUERY", unexpected)
            for where, unexpected in (
                ("small__c = 1 AND small__c = 2 OR small__c = 3", "token: 'OR'"),
                ("small__c = 1 or small__c = 2 and small__c = 3", "token: 'and'"),
                ("(Id = 'a' AND Id = 'b' OR Id = 'c')", "token: 'OR'"),
                ("NOT Id = 'a' AND NOT Id = 'b' OR Id = 'c'", "token: 'OR'"),
                (
                    "Id IN (SELECT Id FROM Account WHERE Id='a' OR Id='b' AND Id='c')",
                    "AND",
                ),
            )
        ),
        *(
            (f"SELECT {fields} FROM Order__c LIMIT 9", "INVALID_FIELD", message)
            for fields, message in (
                ("Id, small__c, ID", "duplicate field selected: Id"),
                ("Owner.Name, small__c, owner.name", "selected: Owner.Name"),
                ("Order__c.small__c, small__c", "duplicate field selected: small__c"),
                ("Id, FIELDS(ALL)", "duplicate field selected: Id"),
            )
        ),
        (
            "SELECT COUNT(Id) n, MAX(day__c) N FROM Order__c",
            "MALFORMED_QUERY",
            "duplicate alias: N",
        ),
        (
            "SELECT Id FROM Order__c LIMIT 5 OFFSET 2001",
            "NUMBER_OUTSIDE_VALID_RANGE",
            "Maximum SOQL offset allowed is 2000",
        ),
        (
            "SELECT Id FROM Order__c LIMIT \N{FULLWIDTH DIGIT ONE}",
            "MALFORMED_QUERY",
            "no viable alternative",
        ),
        *(
            (f"SELECT Id FROM Order__c {clauses}", "MALFORMED_QUERY", message)
            for clauses, message in (
                ("LIMIT 99999999999999999999", "numeric value out of range"),
                ("WHERE day__c = LAST_N_DAYS:999999999", "out of range"),
                ("ORDER BY COUNT(Id)", "needs GROUP BY"),
            )
        ),
        (
            "SELECT Id FROM Order__c WHERE day__c = 2026-02-30",
            "INVALID_FIELD",
            "must be of type date",
        ),
        ("", "MALFORMED_QUERY", "A query string has to be specified"),
    ],
)
def test_invalid_query_is_rejected(
    api: Api, *, soql: str, code: str, message: str
) -> None:
    response = api.get("/query/", params={"q": soql})
    assert response.status_code == 400
    (error,) = response.json()
    assert error["errorCode"] == code
    assert message in error["message"]
