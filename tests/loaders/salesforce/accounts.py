"""The mart of accounts and the Account object, for tests of an update-only sync."""

from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from loaders import warehouse
from loaders.config import salesforce_mapping
from loaders.config.salesforce_policy import SyncPolicy
from loaders.salesforce import sync
from loaders.salesforce.context import SyncRequest
from loaders.salesforce.plan import SyncResult
from loaders.salesforce_api import client
from tests.loaders.salesforce.fixtures import DATA_DATE, FAST, SalesforceOrg

MAPPING = salesforce_mapping.find("account")


def account(key: str, **values: object) -> dict[str, Any]:
    """Return a row of the mart; `values` has field names without `__c`."""
    row: dict[str, Any] = {
        "nightshift_org_id__c": key,
        "account_state__c": "paid",
        "billing_plan__c": "Pro, yearly",
        "hosts__c": 7,
        "hosts_change_28_days__c": None,
        "last_active_date__c": date(2026, 11, 20),
    }
    return row | {f"{name}__c": value for name, value in values.items()}


@dataclass
class Accounts:
    """The mart of accounts in the test's warehouse, and the Account object."""

    salesforce: SalesforceOrg
    ids: dict[str, str] = field(default_factory=dict)

    def fill(self, *rows: dict[str, Any]) -> None:
        """Replace the mart's rows."""
        columns = [item.column for item in MAPPING.fields]
        types = ("varchar", "varchar", "varchar", "bigint", "decimal(38, 0)", "date")
        with warehouse.transaction() as connection:
            table = connection.table("marts", MAPPING.model)
            declared = ", ".join(map(" ".join, zip(columns, types, strict=True)))
            connection.execute(f"create or replace table {table} ({declared})")
            values = [[row[column] for column in columns] for row in rows]
            connection.insert(table, columns, values)

    def create(self, *keys: str) -> None:
        """Create an account for each key in Salesforce."""
        body = {
            "records": [
                {
                    "attributes": {"type": "Account"},
                    "Name": f"Company {key}",
                    "nightshift_org_id__c": key,
                }
                for key in keys
            ]
        }
        results = self._request("POST", "composite/sobjects", json=body).json()
        assert all(result["success"] for result in results), results
        self.ids |= {
            key: result["id"] for key, result in zip(keys, results, strict=True)
        }

    def delete(self, key: str) -> None:
        """Delete the account of a key."""
        self._request("DELETE", f"sobjects/Account/{self.ids[key]}")

    def _request(self, method: str, path: str, **options: Any) -> Any:  # noqa: ANN401 - requests' own options
        with closing(client.connect(self.salesforce.settings)) as connection:
            return connection.request(method, path, **options)

    def read(self) -> dict[str, dict[str, Any]]:
        """Return the accounts by key."""
        names = ["Id", "Name", *(item.name for item in MAPPING.fields)]
        with closing(client.connect(self.salesforce.settings)) as connection:
            found = list(connection.query(names, "Account"))
        return {str(record[MAPPING.external_id]): record for record in found}

    def request(self, **options: Any) -> SyncRequest:  # noqa: ANN401 - fields of SyncRequest
        """Return a request to sync the mart."""
        values = {"data_date": DATA_DATE, "spool": self.salesforce.spool, **options}
        return SyncRequest(mapping=MAPPING, **values)

    def sync(self, policy: SyncPolicy = FAST, **options: Any) -> SyncResult:  # noqa: ANN401 - fields of SyncRequest
        """Sync the mart."""
        settings = self.salesforce.settings.model_copy(update={"sync": policy})
        return sync.run(self.request(**options), settings)
