"""The difference: what of the mart must be sent, compared with what was accepted.

The mart is streamed, rendered row by row, and laid beside what the ledger says was
last accepted for each key. A row is new, changed, unchanged, refused here (it cannot
be rendered, or its key is not unique), or held back (refused by Salesforce for good,
and not changed since). Rows that left the mart are dealt with as the policy says.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from loaders.salesforce import mart, sync_state
from loaders.salesforce.context import Errand
from loaders.salesforce.rows import payload_hash
from loaders.salesforce.staging_db import PENDING, Workbook
from loaders.warehouse import Connection, bulk_rows


@dataclass(frozen=True)
class Change:
    """One row that would be sent: its key, why, and each field as (old, new)."""

    key: str
    verdict: str
    fields: dict[str, tuple[str | None, str | None]]


def fill(workbook: Workbook, errand: Errand, *, data_date: date | None) -> None:
    """Bring the mart's rows and the ledger's state into the workbook.

    With a `data_date` and a mapping that names its column, rows of another day are a
    `DataError`: the mart is then not the one that was meant. The warehouse is let go
    before anything else is asked of Salesforce.
    """
    with bulk_rows.session() as connection:
        mart.add(workbook, errand, connection=connection, data_date=data_date)
        add_state(workbook, errand, connection)
    _index(workbook)


def fill_as_of(workbook: Workbook, errand: Errand, day: date) -> None:
    """Bring the values of an earlier night into the workbook, beside the present ones.

    Keys that had nothing accepted by that day are left out, and so left alone.
    """
    fold, version = errand.destination.fold, errand.sync.mapping_version
    names = {field.name for field in errand.mapping.fields}

    def rows(connection: Connection) -> Iterator[tuple[str, str, str, str]]:
        for item in sync_state.accepted_on(
            connection, errand.mapping.object, org_id=errand.sync.org_id, day=day
        ):
            known = {
                name: text
                for name, text in json.loads(item.payload).items()
                if name in names
            }
            payload = dumped(known)
            yield fold(item.key), item.key, payload_hash(payload, version), payload

    with bulk_rows.session() as connection:
        workbook.write(
            "insert into rows (folded, key, hash, payload) values (?, ?, ?, ?)",
            rows(connection),
        )
        add_state(workbook, errand, connection)
    _index(workbook)


def add_state(workbook: Workbook, errand: Errand, connection: Connection) -> None:
    """Bring what each key last had accepted, or refused, into the workbook."""
    fold, mapping = errand.destination.fold, errand.mapping
    workbook.write(
        "insert into state (folded, key, hash, payload, accepted_at)"
        " values (?, ?, ?, ?, ?) on conflict (folded) do update set key = excluded.key,"
        " hash = excluded.hash, payload = excluded.payload,"
        " accepted_at = excluded.accepted_at"
        " where excluded.accepted_at > state.accepted_at",
        (
            (fold(item.key), item.key, item.hash, item.payload, str(item.accepted_at))
            for item in sync_state.accepted(
                connection, mapping.object, org_id=errand.sync.org_id
            )
        ),
    )
    workbook.write(
        "insert into state (folded, key, hash, payload, refused_at, refused_hash,"
        " unsure_at) values (?, ?, '', '{}', ?, ?, ?)"
        " on conflict (folded) do update set refused_hash ="
        " iif(excluded.refused_at > state.refused_at, excluded.refused_hash,"
        " state.refused_hash),"
        " refused_at = max(state.refused_at, excluded.refused_at),"
        " unsure_at = max(state.unsure_at, excluded.unsure_at)",
        (
            (
                fold(item.key),
                item.key,
                str(item.refused_at or ""),
                "" if item.is_transient else item.hash,
                str(item.unsure_at or ""),
            )
            for item in sync_state.refused(connection, mapping.object)
        ),
    )


def _index(workbook: Workbook) -> None:
    workbook.run("create index rows_by_key on rows (folded)")
    workbook.run("create index rows_by_chunk on rows (chunk, folded)")


def judge(workbook: Workbook, errand: Errand, *, full: bool = False) -> None:
    """Give every row its verdict; `full` sends the unchanged as well."""
    _refuse_repeated_keys(workbook)
    holds = errand.policy.retry_permanent == "when_changed"
    workbook.run(
        "update rows set verdict = coalesce((select case"
        " when ? and state.refused_hash = rows.hash"
        " and state.refused_at > state.accepted_at then 'held'"
        " when state.hash = '' then 'create'"
        " when state.unsure_at > state.accepted_at then 'change'"
        " when state.hash = rows.hash then ?"
        " else 'change' end"
        " from state where state.folded = rows.folded), 'create')"
        " where verdict is null",
        holds,
        "resend" if full else "unchanged",
    )
    if errand.policy.missing_rows != "none":
        _add_missing(workbook, errand)


def only_refused(workbook: Workbook) -> None:
    """Send nothing but rows that were refused before and not accepted since."""
    workbook.run("update rows set verdict = 'change' where verdict = 'held'")
    workbook.run(
        "update rows set verdict = 'left' where verdict in ('create', 'change')"
        " and folded not in"
        " (select folded from state where refused_at > accepted_at)"
    )


def _refuse_repeated_keys(workbook: Workbook) -> None:
    """Refuse all rows of a key that Salesforce cannot tell apart, none at random."""
    repeated = (
        "folded in (select folded from rows where folded != ''"
        " group by folded having count(*) > 1)"
    )
    workbook.run(
        "insert into failures select key, hash, 'DUPLICATE_KEY',"
        " 'another row of the mart has the same key for Salesforce', '', 0, 0, 0, ''"
        f" from rows where verdict is null and {repeated}"
    )
    workbook.run(
        f"update rows set verdict = 'refused' where verdict is null and {repeated}"
    )


def _add_missing(workbook: Workbook, errand: Errand) -> None:
    """Add rows for keys that were accepted once and are in the mart no more."""
    policy, version = errand.policy, errand.sync.mapping_version
    blank = {
        field.name: "false" if field.type == "checkbox" else None
        for field in errand.mapping.fields
        if field.nulls == "clear" and field.name != errand.mapping.external_id
    }
    workbook.run(
        "create temp table gone as select folded as gone_key from state"
        " where hash != '' and folded not in (select folded from rows)"
    )
    gone = workbook.database.execute(
        "select folded, key, hash, payload, unsure_at > accepted_at from state"
        " inner join gone on state.folded = gone_key"
    )

    def rows() -> Iterator[tuple[str, str, str, str]]:
        for folded, key, had, payload, is_unsure in gone:
            if policy.missing_rows == "blank":
                wanted = dumped(blank)
            else:
                known = json.loads(payload)
                wanted = dumped({**known, policy.missing_flag_field: "true"})
            wanted_hash = payload_hash(wanted, version)
            if wanted_hash != had or is_unsure:
                yield folded, key, wanted_hash, wanted

    workbook.write(
        "insert into rows (folded, key, hash, payload, verdict)"
        " values (?, ?, ?, ?, 'missing')",
        rows(),
    )


def changes(workbook: Workbook, *, limit: int | None = None) -> Iterator[Change]:
    """Yield what would be sent, field by field, in order of key."""
    query = (
        "select rows.key, rows.verdict, rows.payload, coalesce(state.payload, '{}')"
        " from rows left join state on state.folded = rows.folded"
        f" where {PENDING} order by rows.folded limit ?"
    )
    for key, verdict, new, old in workbook.database.execute(
        query, [-1 if limit is None else limit]
    ):
        before, after = json.loads(old), json.loads(new)
        yield Change(
            key,
            verdict,
            {
                name: (before.get(name), text)
                for name, text in after.items()
                if before.get(name) != text
            },
        )


def dumped(payload: dict[str, str | None]) -> str:
    """Return a payload's JSON text, in the one form that is hashed."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
