"""Records whose row is no longer in the mart: which syncs blank or flag them, and how.

`SyncPolicy.missing_rows` decides what becomes of them.
"""

import json
from collections.abc import Iterator

from loaders import warehouse
from loaders.salesforce import compare, state
from loaders.salesforce.context import SyncContext, SyncRequest
from loaders.salesforce.staging_db import StagingDb
from loaders.salesforce_api.rows import csv_line, dump_payload, payload_hash


def are_changed(request: SyncRequest, context: SyncContext) -> bool:
    """Return whether records whose row is not in the mart are blanked or flagged.

    Only the mart of the newest data date shows which rows are missing. An older date, a
    rollback and the rejected rows are selections, so other records are left unchanged.
    """
    if context.policy.missing_rows == "leave" or request.as_of or request.only_rejected:
        return False
    with warehouse.session() as connection:
        warehouse.ensure_tables(connection)
        newest = state.newest_data_date(connection, context.scope)
    return newest is None or newest <= request.data_date


def add_rows(staging_db: StagingDb, context: SyncContext) -> None:
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
