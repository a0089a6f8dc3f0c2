"""Rows and records that have no counterpart.

A record whose row left the mart is left, blanked or flagged, as `missing_rows` of the
policy decides. A row of an update-only mapping whose key has no record is `unmatched`:
it is counted, not sent, and no reject. It has no state, so that every later sync looks
it up again and sends it once the record exists. A record that is deleted between the
lookup and the update makes its row unmatched, too. The reject of a row for which there
is nothing to send any more is withdrawn.
"""

import json
from collections.abc import Iterator

from loaders.ledger.salesforce import WITHDRAWN
from loaders.salesforce import compare, safety_check
from loaders.salesforce.context import SyncContext, SyncRequest
from loaders.salesforce.ledger import Scope
from loaders.salesforce.staging_db import PENDING, UNMATCHED, StagingDb
from loaders.salesforce_api import records
from loaders.salesforce_api.rows import csv_line, dump_payload, payload_hash
from loaders.warehouse import Connection

SENDER = "-- loaders.salesforce.pairing"
# With more keys, reading all ids takes fewer requests than looking the keys up.
MAX_KEYS_LOOKED_UP = 2_000
# Errors of an update whose record no longer exists.
GONE_CODES = ("ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "NOT_FOUND")


def changes_missing_rows(request: SyncRequest, context: SyncContext) -> bool:
    """Return whether records whose row is not in the mart are blanked or flagged.

    Only the mart of the newest data date shows which rows are missing. An older date, a
    rollback and the rejected rows are selections, so other records are left unchanged.
    """
    if context.policy.missing_rows == "leave" or request.as_of or request.only_rejected:
        return False
    return safety_check.superseding_date(request, context) is None


def add_missing_rows(staging_db: StagingDb, context: SyncContext) -> None:
    """Add a row for each accepted key that is no longer in the mart.

    A record that has the new values already gets none.
    """
    policy, version = context.policy, context.sync.mapping_version
    blank = {
        field.name: "false" if field.type == "checkbox" else None
        for field in context.mapping.fields
        if field.nulls == "clear" and field.name != context.mapping.external_id
    }

    def rows() -> Iterator[tuple[object, ...]]:
        for folded_key, key, accepted_hash, accepted, is_unknown in staging_db.stream(
            "select folded_key, key, hash, payload, outcome_unknown_at > accepted_at"
            " from local.state where hash != ''"
            " and folded_key not in (select folded_key from local.rows)"
        ):
            if policy.missing_rows == "blank":
                payload = dump_payload(blank)
            else:
                values = json.loads(accepted)
                payload = dump_payload({**values, policy.missing_flag_field: "true"})
            new_hash = payload_hash(payload, version)
            if new_hash != accepted_hash or is_unknown:
                line = csv_line(key, payload, context.mapping)
                yield folded_key, key, "", new_hash, payload, line, "missing"

    staging_db.insert("rows", ("folded_key", *compare.ROW_COLUMNS), rows())


def match_records(context: SyncContext, staging_db: StagingDb) -> None:
    """Give each pending row the id of its record, or the action `unmatched`.

    A row that left the mart and has no record is `gone`. Does nothing for a mapping
    that creates records. A key with several records is rejected.
    """
    if context.mapping.creates:
        return
    _read_ids(context, staging_db)
    with staging_db.transaction():
        several = (
            "select folded_key from local.record_ids group by 1 having count(*) > 1"
        )
        staging_db.execute(
            "insert into local.failures select key, hash, 'DUPLICATE_EXTERNAL_ID',"
            " 'Several records have this external id in Salesforce.', ?, false, 0, 0,"
            " '', sha256('DUPLICATE_EXTERNAL_ID') from local.rows"
            f" where {PENDING} and folded_key in ({several})",
            context.mapping.external_id,
        )
        staging_db.execute(
            f"update local.rows set action = 'rejected' where {PENDING}"
            f" and folded_key in ({several})"
        )
        staging_db.execute(
            "update local.rows set salesforce_id = record_ids.salesforce_id,"
            " line = record_ids.salesforce_id || ',' || line,"
            " action = case when action = 'create' then 'change' else action end"
            f" from local.record_ids as record_ids where {PENDING}"
            " and rows.folded_key = record_ids.folded_key"
        )
        staging_db.execute(
            "update local.rows set action = case when action = 'missing' then 'gone'"
            f" else 'unmatched' end where {PENDING} and salesforce_id is null"
        )


def _read_ids(context: SyncContext, staging_db: StagingDb) -> None:
    """Stage the id and the key of the records that pending rows may belong to."""
    staging_db.execute(
        "create or replace table local.record_ids"
        " (folded_key varchar, key varchar, salesforce_id varchar)"
    )
    pending = staging_db.count_pending()
    if not pending:
        return
    keys = None
    if pending <= MAX_KEYS_LOOKED_UP:
        keys = [row.key for row in staging_db.pending_rows()]
    found = records.fetch_ids(context.client, context.mapping, keys)
    staging_db.insert("record_ids", ("salesforce_id", "key"), found)
    staging_db.execute(
        f"update local.record_ids set folded_key = {context.scope.fold('key')}"
    )


def match_results(staging_db: StagingDb, chunk: int) -> None:
    """Give the results of a chunk the keys of the rows that were sent by record id."""
    staging_db.execute(
        "update local.results set folded_key = rows.folded_key"
        " from local.rows as rows where results.chunk = ? and rows.chunk = ?"
        " and results.folded_key = rows.salesforce_id",
        *(chunk, chunk),
    )


def set_gone(staging_db: StagingDb, chunk: int) -> None:
    """Make the rows unmatched whose record was deleted before its update."""
    codes = ", ".join(f"'{code}'" for code in GONE_CODES)
    staging_db.execute(
        "update local.rows set outcome = 'unmatched' where chunk = ? and outcome is"
        " null and salesforce_id is not null and folded_key in (select folded_key from"
        f" local.results where chunk = ? and kind = 'failed' and code in ({codes}))",
        *(chunk, chunk),
    )


def count_unmatched(staging_db: StagingDb) -> int:
    """Return the number of rows of the mart without a record."""
    return staging_db.query_int(
        f"select count(*) from local.rows where {UNMATCHED}"
        " and action not in ('gone', 'missing')"
    )


def forget_unmatched(
    connection: Connection, staging_db: StagingDb, scope: Scope
) -> None:
    """Clear the hashes of keys whose record no longer exists.

    Later syncs then treat them like keys that were never accepted.
    """
    unmatched = f"from local.rows where {UNMATCHED} and folded_key in (select"
    unmatched += " folded_key from local.state where hash != '')"
    count = staging_db.query_int(f"select count(*) {unmatched}")
    if not count:
        return
    state = connection.table("ops", "salesforce_state")
    connection.execute(
        f"{SENDER} create unmatched\ncreate temp table salesforce_unmatched as "
        f"select key from {state} where false"
    )
    staging_db.append(
        connection,
        "salesforce_unmatched",
        ("key",),
        f"select folded_key {unmatched}",
        rows=count,
    )
    connection.execute(
        f"{SENDER} forget unmatched\nupdate {state} "
        "set source_hash = '', payload_hash = '' "
        f"where object = ? and salesforce_org_id = ? and {scope.fold('key')} in "
        "(select key from salesforce_unmatched)",
        [scope.object, scope.salesforce_org_id],
    )
    connection.execute(f"{SENDER} drop unmatched\ndrop table salesforce_unmatched")


def withdraw_rejects(staging_db: StagingDb) -> None:
    """Add a withdrawal for each open reject whose key has nothing to send."""
    staging_db.execute(
        "insert into local.failures select rows.key, rows.hash, ?,"
        " case when rows.action = 'unchanged'"
        " then 'The mart has the same values as Salesforce again.'"
        " else 'Salesforce has no record with this key.' end, '', true, 0, 0, '',"
        " ''"
        " from local.rows as rows inner join local.state as state"
        " on state.folded_key = rows.folded_key where rejected_at > accepted_at"
        f" and (rows.action = 'unchanged' or {UNMATCHED})"
        " union all select key, '', ?, 'The key is no longer in the mart.', '', true,"
        " 0, 0, '', '' from local.state where rejected_at > accepted_at"
        " and folded_key not in (select folded_key from local.rows)",
        *(WITHDRAWN, WITHDRAWN),
    )
