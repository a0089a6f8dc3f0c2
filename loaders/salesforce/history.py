"""The history of one org: what was sent when, and what Salesforce answered.

Read from the ledgers alone, without a login. Oldest first; each acceptance tells the
fields that it changed since the one before, each refusal its code and message.
"""

import json
from dataclasses import dataclass, field
from datetime import date, datetime

from loaders import warehouse
from loaders.salesforce.sync_state import json_text


@dataclass(frozen=True)
class Event:
    """One answer about one key; `fields` are (old, new) as rendered text.

    `code` is `accepted`, or the reason of a refusal.
    """

    at: datetime
    sync_id: str
    org_id: str
    data_date: date | None
    code: str
    message: str = ""
    salesforce_id: str = ""
    fields: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)


def of(object_name: str, key: str) -> list[Event]:
    """Return every answer about a key; empty when nothing of it was ever sent."""
    with warehouse.session() as connection:
        accepted = connection.fetch_all(
            "-- loaders.salesforce.history accepted\n"
            "select accepted_at, sync_id, mapping_version, data_date, salesforce_id, "
            f"payload from {connection.table('ops', 'salesforce_rows')} "
            "where object = ? and key = ? order by accepted_at",
            [object_name, key],
        )
        refused = connection.fetch_all(
            "-- loaders.salesforce.history refused\n"
            "select rejected_at, sync_id, code, message "
            f"from {connection.table('ops', 'salesforce_rejects')} "
            "where object = ? and key = ? order by rejected_at, attempt",
            [object_name, key],
        )
    events = [
        Event(at, sync_id, "", None, code, message)
        for at, sync_id, code, message in refused
    ]
    before: dict[str, dict[str, str | None]] = {}
    for at, sync_id, version, day, salesforce_id, payload in accepted:
        org_id = version.partition("/")[0]
        values = json.loads(json_text(payload))
        old = before.get(org_id, {})
        changed = {
            name: (old.get(name), text)
            for name, text in values.items()
            if old.get(name) != text
        }
        before[org_id] = {**old, **values}
        events.append(
            Event(
                at,
                sync_id,
                org_id,
                day,
                "accepted",
                salesforce_id=salesforce_id,
                fields=changed,
            )
        )
    return sorted(events, key=lambda event: event.at)
