"""REST endpoints of changed records: updated, deleted and recent ones."""

from datetime import UTC, datetime, timedelta

from werkzeug.wrappers import Response

from tests.emulators.salesforce.api_call import ApiCall, Rule, json_response
from tests.emulators.salesforce.errors import ApiError
from tests.emulators.salesforce.objects import text_values
from tests.emulators.salesforce.objects.schema import SObject
from tests.emulators.salesforce.objects.store import table_name
from tests.emulators.salesforce.soql import query

OLDEST_DAYS = 30
MAX_RECENT = 200


def updated(call: ApiCall, name: str) -> Response:
    """GET /sobjects/X/updated?start=...&end=...: ids of the changed records."""
    sobject = call.sobject(name)
    start, end = _period(call)
    changes = _changes(call, sobject, start, end, is_deleted=False)
    return json_response(
        {
            "ids": [record_id for record_id, _ in changes],
            "latestDateCovered": text_values.format_timestamp(end),
        }
    )


def deleted(call: ApiCall, name: str) -> Response:
    """GET /sobjects/X/deleted?start=...&end=...: ids and times of deleted records."""
    sobject = call.sobject(name)
    start, end = _period(call)
    changes = _changes(call, sobject, start, end, is_deleted=True)
    oldest = datetime.now(UTC) - timedelta(OLDEST_DAYS)
    return json_response(
        {
            "deletedRecords": [
                {"deletedDate": at, "id": record_id} for record_id, at in changes
            ],
            "earliestDateAvailable": text_values.format_timestamp(oldest),
            "latestDateCovered": text_values.format_timestamp(end),
        }
    )


def _changes(
    call: ApiCall, sobject: SObject, start: datetime, end: datetime, *, is_deleted: bool
) -> list[tuple[str, str]]:
    """Return the id and time of each change in the period, oldest first."""
    rows = call.org.store.select(
        f'select "Id", "SystemModstamp" from {table_name(sobject)} '
        'where "IsDeleted" = ? and "SystemModstamp" between ? and ? '
        'order by "SystemModstamp", "Id"',
        [
            is_deleted,
            text_values.format_timestamp(start),
            text_values.format_timestamp(end),
        ],
    )
    return [(record_id, at) for record_id, at in rows]


def _period(call: ApiCall) -> tuple[datetime, datetime]:
    """Return the start and end of the request's period; raise if it is invalid."""
    start, end = (_timestamp(call, name) for name in ("start", "end"))
    if start >= end:
        raise _invalid_date("The start of the period must be before its end")
    if start < datetime.now(UTC) - timedelta(OLDEST_DAYS):
        raise _invalid_date(f"The period starts more than {OLDEST_DAYS} days ago")
    return start, min(end, datetime.now(UTC))


def _timestamp(call: ApiCall, name: str) -> datetime:
    text = call.request.args.get(name, "").replace(" ", "+")  # an unescaped plus sign
    try:
        timestamp = datetime.fromisoformat(text)
        if timestamp.tzinfo is None:
            return timestamp.replace(tzinfo=UTC)
        return timestamp.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _invalid_date(f"The parameter {name} must be a timestamp") from None


def _invalid_date(message: str) -> ApiError:
    return ApiError(400, "INVALID_REPLICATION_DATE", message)


def recent(call: ApiCall) -> Response:
    """GET /recent: the most recently changed records, at most `limit`."""
    text = call.request.args.get("limit", "")
    limit = MAX_RECENT
    if text.isascii() and text.isdigit():
        limit = min(limit, int(text))
    found: list[tuple[str, str, str, str]] = []
    for sobject in call.org.schema:
        if not sobject.is_read_only:
            rows = call.org.store.select(
                f'select "SystemModstamp", "Id", "Name" from {table_name(sobject)} '
                'where "IsDeleted" = 0 order by "SystemModstamp" desc limit ?',
                [limit],
            )
            found += [
                (at, record_id, name, sobject.name) for at, record_id, name in rows
            ]
    return json_response(
        [
            {
                "attributes": query.record_attributes(
                    type_name, record_id, call.version
                ),
                "Id": record_id,
                "Name": name,
            }
            for _, record_id, name, type_name in sorted(found, reverse=True)[:limit]
        ]
    )


RULES: list[Rule] = [
    ("GET", "/recent", recent),
    ("GET", "/sobjects/<name>/updated", updated),
    ("GET", "/sobjects/<name>/deleted", deleted),
]
