"""Links from an org to its records in Salesforce.

The ids of the records are in the ledger `salesforce_state`, which is joined to every
explore with an org, once per export that has a `link` in its `looker` meta.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from looker.generate.tables import Table

LEDGER = "salesforce_state"
URL_CONSTANT = "SALESFORCE_URL"
RECORD_FIELDS = ("salesforce_id", "accepted_time")


@dataclass(frozen=True)
class Record:
    """The Salesforce record of an org: its join, object and label."""

    join: str
    object: str
    label: str

    @property
    def link(self) -> dict[str, str]:
        """Return the link; it is not shown for an org without a record."""
        field = f"{self.join}.salesforce_id._value"
        page = f"@{{{URL_CONSTANT}}}/lightning/r/{self.object}/{{{{ {field} }}}}/view"
        return {
            "label": f"Open {self.label}",
            "url": f"{{% if {field} %}}{page}{{% endif %}}",
        }


def records(tables: Sequence[Table]) -> list[Record]:
    """Return the kinds of records that orgs have; none without the ledger."""
    if LEDGER not in {table.name for table in tables}:
        return []
    return [
        Record(f"{table.name}_record", table.salesforce_object, table.link)
        for table in tables
        if table.salesforce_object and table.link
    ]


def joins(
    table: Table, joined: Sequence[Table], kinds: Sequence[Record]
) -> list[dict[str, Any]]:
    """Return an explore's joins of the records of its orgs."""
    org = next((each for each in (table, *joined) if each.org), None)
    return [_join(kind, org) for kind in kinds] if org else []


def _join(kind: Record, org: Table) -> dict[str, Any]:
    return {
        "name": kind.join,
        "from": LEDGER,
        "view_label": kind.label,
        "fields": [f"{kind.join}.{name}" for name in RECORD_FIELDS],
        "type": "left_outer",
        "relationship": "many_to_one",
        "sql_on": f"${{{kind.join}.object}} = '{kind.object}' and "
        f"${{{kind.join}.key}} = cast(${{{org.name}.{org.org}}} as varchar)",
    }
