"""The sync history of one key, read from the ledgers without a login."""

import json
from dataclasses import dataclass, field
from datetime import date, datetime

from loaders import warehouse
from loaders.salesforce.sync_state import json_text


@dataclass(frozen=True)
class Event:
    """One result for one key.

    `code` is `accepted` or the code of the rejection. `fields` has the fields changed
    since the previous acceptance in the same Salesforce org, as (old, new) text.
    """

    at: datetime
    sync_id: str
    salesforce_org_id: str
    data_date: date | None
    code: str
    message: str = ""
    salesforce_id: str = ""
    fields: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)


def read_history(object_name: str, key: str) -> list[Event]:
    """Return every result for a key, oldest first; empty if it was never sent."""
    with warehouse.session() as connection:
        accepted = connection.fetch_all(
            "-- loaders.salesforce.history accepted\n"
            "select accepted_at, sync_id, mapping_version, data_date, salesforce_id, "
            f"payload from {connection.table('ops', 'salesforce_rows')} "
            "where object = ? and key = ? order by accepted_at",
            [object_name, key],
        )
        rejected = connection.fetch_all(
            "-- loaders.salesforce.history rejected\n"
            "select rejected_at, sync_id, code, message "
            f"from {connection.table('ops', 'salesforce_rejects')} "
            "where object = ? and key = ? order by rejected_at, attempt",
            [object_name, key],
        )
    events = [
        Event(at, sync_id, "", None, code, message)
        for at, sync_id, code, message in rejected
    ]
    values_by_org: dict[str, dict[str, str | None]] = {}
    for at, sync_id, version, data_date, salesforce_id, payload in accepted:
        salesforce_org_id = version.partition("/")[0]
        values = json.loads(json_text(payload))
        old = values_by_org.get(salesforce_org_id, {})
        changed = {
            name: (old.get(name), text)
            for name, text in values.items()
            if old.get(name) != text
        }
        values_by_org[salesforce_org_id] = {**old, **values}
        events.append(
            Event(
                at,
                sync_id,
                salesforce_org_id,
                data_date,
                "accepted",
                salesforce_id=salesforce_id,
                fields=changed,
            )
        )
    return sorted(events, key=lambda event: event.at)
