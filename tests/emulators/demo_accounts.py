"""The accounts that the demo's company has in Salesforce before the last runs."""

from contextlib import closing

from loaders import warehouse
from loaders.config import settings
from loaders.salesforce_api import client

EXTERNAL_ID = "nightshift_org_id__c"
MAX_RECORDS = 200
MAX_NAME_LENGTH = 255
# Sales creates an account for each customer; most trials and free orgs have none.
CUSTOMERS = """-- demo
select org_id, org_name from {}
where account_state = 'paid' and metric_date = (select max(metric_date) from {})
order by org_id"""


def create_accounts() -> int:
    """Create an account for each customer, or leave those that exist; count them."""
    with warehouse.session() as connection:
        table = connection.table("marts", "org_activity")
        customers = connection.fetch_all(CUSTOMERS.format(table, table))
    records = [
        {
            "attributes": {"type": "Account"},
            "Name": (name or "").strip()[:MAX_NAME_LENGTH] or f"Org {org_id}",
            EXTERNAL_ID: str(org_id),
        }
        for org_id, name in customers
    ]
    with closing(client.connect(settings.load().salesforce)) as salesforce:
        for start in range(0, len(records), MAX_RECORDS):
            salesforce.request(
                "PATCH",
                f"composite/sobjects/Account/{EXTERNAL_ID}",
                json={"records": records[start : start + MAX_RECORDS]},
            )
    return len(records)
