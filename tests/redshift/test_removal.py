"""Erasure and retention of loaded lines, the same on DuckDB and on Redshift."""

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from loaders import warehouse
from loaders.config import settings
from loaders.erasures.subjects import ORG, USER
from loaders.errors import NightshiftError
from loaders.ledger.completion import read_completion_records
from loaders.removal import erase, retention
from loaders.removal.erase import Found
from loaders.warehouse import reclaim
from tests.redshift.loading import (
    DATA_DATE,
    WAREHOUSES,
    load_partitions,
    read_rows,
    upload_partition,
)

OLD_DATE = DATA_DATE - timedelta(days=60)
ERASED_ORG, OTHER_ORG = 71, 72
ERASED_USER, SHARED_USER, OTHER_USER = 7101, 7102, 7201
AGENT = "Mozilla/5.0"
# With their addresses, more than one statement takes parameters.
MANY_USERS = 16_400


def _org(org_id: int, **values: object) -> str:
    record = {"org_id": org_id, "org_name": f"Name of {org_id}"}
    record |= {"created_at": "2026-09-01 00:00:00", "updated_at": "2026-09-01 00:00:00"}
    record |= {"billing_plan_id": 1, "billing_plan_name": "Trial"}
    record |= {"is_internal": False, "owner_email": f"owner@{org_id}.example"}
    return json.dumps(record | values)


def _event(event_id: str, org_id: int, user_id: int | None, **values: object) -> str:
    record = {"event_id": event_id, "ts": "2026-11-24 10:00:00", "org_id": org_id}
    record |= {"user_id": user_id, "level": "INFO", "event": "login"}
    return json.dumps(record | values)


def _request(user: object, address: str, status: object = 200) -> str:
    time = "24/Nov/2026:10:00:00 +0000"
    return f'{address} - {user} [{time}] "GET / HTTP/1.1" {status} 5 "-" "{AGENT}"'


# Each line, and whether erasing the org or the user removes it.
LINES: dict[str, list[tuple[str, bool, bool]]] = {
    "orgs": [
        (_org(ERASED_ORG), True, False),
        (_org(OTHER_ORG), False, False),
        # Rejects: without a plan, cut off, and without any id.
        (_org(ERASED_ORG, billing_plan_id=None), True, False),
        ('{"org_id": "0071", "org_name": "Name', True, False),
        (f'{{"owner_email": "Owner@{ERASED_ORG}.example"', True, False),
        (f'{{"org_name": "Name of {ERASED_ORG}"', True, False),
        (f'{{"org_name": "N\\u0061me of {ERASED_ORG}"', True, False),
        # Of another org, with the erased one's mail address, or another number.
        (f'{{"org_id": {OTHER_ORG}, "mail": "owner@71.example"', False, False),
        ('{"org_id": 710, "hosts": 71', False, False),
    ],
    "app_logs": [
        (_event("a", ERASED_ORG, ERASED_USER), True, True),
        (_event("b", ERASED_ORG, SHARED_USER), True, False),
        (_event("c", OTHER_ORG, SHARED_USER), False, False),
        (_event("d", OTHER_ORG, OTHER_USER), False, False),
        (_event("e", ERASED_ORG, None), True, False),
        (_event("f", OTHER_ORG, ERASED_ORG), False, False),
        (_event("g", OTHER_ORG, ERASED_USER, level=None), True, True),
    ],
    "web_logs": [
        (_request(ERASED_USER, "198.51.100.1"), True, True),
        (_request(SHARED_USER, "198.51.100.2"), False, False),
        # Anonymous, from an address that only the user has, and from an office.
        (_request("-", "198.51.100.1"), True, True),
        (_request(ERASED_USER, "198.51.100.9"), True, True),
        (_request(OTHER_USER, "198.51.100.9"), False, False),
        (_request("-", "198.51.100.9"), False, False),
        (_request(ERASED_USER, "198.51.100.3", status="none"), True, True),
        (_request(OTHER_USER, "198.51.100.1.5", status="none"), False, False),
    ],
}
RAW_TABLES = {
    "orgs": ("raw_orgs", ["org_id", "org_name", "owner_email"]),
    "app_logs": ("raw_app_logs", ["event_id"]),
    "web_logs": ("raw_web_logs", ["client_address", "user_id"]),
}


def _load_all(use: Callable[..., None], name: str, **environment: str) -> None:
    use(name, **environment)
    for source, lines in LINES.items():
        content = "".join(f"{line}\n" for line, _, _ in lines).encode()
        upload_partition(source, {"part-0": content})
        load_partitions(source, [DATA_DATE])


def _erase(kind: str, value: int) -> Found:
    return erase.erase(erase.find(kind, value), run_id="test", on_step=str)


def _loads(source: str) -> tuple[int, int, int, int]:
    """Return lines, rows, rejects and erased lines of the latest load."""
    with warehouse.session() as connection:
        row = connection.fetch_one(
            "-- tests.redshift.test_removal read load\n"
            "select lines, rows_loaded, rejects, coalesce(erased, 0) "
            f"from {connection.table('ops', 'loads')} where source = ? "
            "order by finished_at desc limit 1",
            [source],
        )
    assert row is not None
    lines, rows, rejects, erased = (int(value) for value in row)
    return lines, rows, rejects, erased


def _contents() -> dict[str, Any]:
    contents = {
        source: read_rows("staging", table, columns)
        for source, (table, columns) in RAW_TABLES.items()
    }
    # Each load appends its own rejects.
    return contents | {"rejects": _rejected_lines()}


def _rejected_lines() -> set[str]:
    with warehouse.session() as connection:
        rows = connection.fetch_all(
            "-- tests.redshift.test_removal read rejects\n"
            f"select line from {connection.table('ops', 'load_rejects')}"
        )
    return {line for (line,) in rows}


@pytest.mark.parametrize("kind", [ORG, USER])
@pytest.mark.parametrize("name", WAREHOUSES)
def test_lines_are_erased_and_stay_erased_after_a_reload(
    use_warehouse: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    kind: str,
) -> None:
    value = {ORG: ERASED_ORG, USER: ERASED_USER}[kind]
    _load_all(use_warehouse, name)
    erased = {
        source: {line for line, *flags in lines if flags[kind == USER]}
        for source, lines in LINES.items()
    }
    before = {source: _loads(source) for source in LINES}
    with monkeypatch.context() as patch:
        # Interrupted before the deleted rows' bytes are removed; repeating resumes.
        patch.setattr(reclaim, "remove_deleted_rows", _fail)
        with pytest.raises(NightshiftError):
            _erase(kind, value)
    assert erase.find(kind, value).is_anywhere
    _erase(kind, value)
    found = erase.find(kind, value)
    assert not found.is_anywhere
    assert found.is_known
    contents = _contents()
    for source, lines in erased.items():
        total, rows, rejects, count = _loads(source)
        assert (total, count) == (before[source][0], len(lines)), source
        assert total == rows + rejects + count
        table, _ = RAW_TABLES[source]
        assert rows == len(contents[source]), table
    assert not contents["rejects"] & set[str]().union(*erased.values())
    assert sorted(found.remaining.days) == sorted(s for s in LINES if erased[s])
    assert all("part-0" in key for key in found.remaining.object_keys)
    figures = {source: _loads(source) for source in LINES}
    for source in LINES:
        load_partitions(source, [DATA_DATE])
    assert _contents() == contents
    assert {source: _loads(source) for source in LINES} == figures


def _fail(_: object) -> None:
    raise NightshiftError("interrupted")


@pytest.mark.slow
@pytest.mark.parametrize("name", WAREHOUSES)
def test_number_of_users_and_rejects_has_no_limit(
    use_warehouse: Callable[..., None], name: str
) -> None:
    users = range(100_000, 100_000 + MANY_USERS)
    lines = {
        "app_logs": [_event(f"e{user}", ERASED_ORG, user) for user in users],
        "web_logs": [_request(user, f"address-{user}") for user in users],
    }
    lines["web_logs"] += [
        _request(user, f"address-{user}", status="none") for user in users[:500]
    ]
    use_warehouse(name)
    for source in lines:
        content = "\n".join([*lines[source], *_others_of(source)]).encode()
        upload_partition(source, {"part-0": content})
        load_partitions(source, [DATA_DATE])
    found = _erase(ORG, ERASED_ORG)
    assert len(found.identity.users) == MANY_USERS
    for _ in range(2):
        for source in lines:
            total, rows, rejects, erased = _loads(source)
            assert (rows + rejects, erased) == (1, len(lines[source])), source
            assert total == rows + rejects + erased
            load_partitions(source, [DATA_DATE])


def _others_of(source: str) -> list[str]:
    """Return a line of another org."""
    return [line for line, of_org, _ in LINES[source] if not of_org][:1]


@pytest.mark.parametrize("name", WAREHOUSES)
def test_what_is_older_than_it_may_be_kept_is_removed_once(
    use_warehouse: Callable[..., None], name: str
) -> None:
    days = {f"NIGHTSHIFT_RETENTION__{k}_DAYS": "50" for k in ("STAGING", "PAYLOADS")}
    days["NIGHTSHIFT_RETENTION__REJECTS_DAYS"] = "1"
    _load_all(use_warehouse, name, **days)
    rows = [_org(ERASED_ORG), _org(OTHER_ORG), '{"org_id": 1}']
    upload_partition("orgs", {"part-0": "\n".join(rows).encode()}, OLD_DATE)
    load_partitions("orgs", [OLD_DATE])
    _insert_salesforce_rows()
    policy = settings.load().retention
    removals = retention.find(policy, archive_url=None)
    figures = {(r.kind, r.name): (set(r.days), r.rows) for r in removals}
    assert figures == {
        ("staging", "orgs"): ({OLD_DATE}, 2),
        ("rejects", "orgs"): ({OLD_DATE}, 1),
        ("payloads", "Trial_Metrics__c"): ({date(2026, 8, 1), date(2026, 8, 2)}, 3),
    }
    assert all(removal.bytes > 0 for removal in removals)
    for removal in removals:
        retention.remove(removal, run_id="test")
    assert retention.find(policy, archive_url=None) == []
    dates = read_rows("staging", "raw_orgs", ["dt"])
    assert set(dates) == {(DATA_DATE,)}
    assert read_rows("ops", "salesforce_rows", ["key", "payload_hash"]) == [
        ("1", "current"),
    ]
    assert read_rows("ops", "salesforce_rejects", ["key"]) == [("2",)]
    records = read_completion_records(env="x", version="x")
    assert records.removed_partitions == {("orgs", OLD_DATE)}


def _insert_salesforce_rows() -> None:
    """Insert an accepted row, what it replaced, and an open and a closed reject."""
    name, old, new = "Trial_Metrics__c", datetime(2026, 8, 1), datetime(2026, 8, 2)
    row = ["object", "key", "payload_hash", "payload", "sync_id", "accepted_at"]
    state = ["object", "key", "sync_id", "accepted_at"]
    reject = ["object", "key", "message", "rejected_at"]
    payload = json.dumps({"org_name__c": "Name of 1"})
    with warehouse.session() as connection:
        for table, columns, rows in (
            (
                "salesforce_rows",
                row,
                [
                    [name, "1", "replaced", payload, "s1", old],
                    [name, "1", "current", payload, "s2", new],
                    [name, "3", "deleted", payload, "s2", new],
                ],
            ),
            ("salesforce_state", state, [[name, "1", "s2", new]]),
            (
                "salesforce_rejects",
                reject,
                [[name, "1", "closed", old], [name, "2", "open", old]],
            ),
        ):
            connection.insert(connection.table("ops", table), columns, rows)
