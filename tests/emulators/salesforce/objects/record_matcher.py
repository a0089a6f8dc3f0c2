"""Matching of rows to existing records, by external id or by id."""

from collections import Counter
from collections.abc import Sequence

from tests.emulators.salesforce.errors import RowError
from tests.emulators.salesforce.objects.row_results import Row, RowResult
from tests.emulators.salesforce.objects.schema import Field, SObject
from tests.emulators.salesforce.objects.store import Record, Store


class RecordMatcher:
    """Finds the records of one operation's rows; `key` is the external id, if any."""

    def __init__(
        self, store: Store, sobject: SObject, operation: str, key: Field | None
    ) -> None:
        self._store = store
        self._sobject = sobject
        self._operation = operation
        self._key = key
        self._key_position = sobject.positions[key.name.lower()] if key else 0
        self._is_deleted_position = sobject.positions["isdeleted"]

    def match(
        self, rows: Sequence[Row], results: list[RowResult]
    ) -> list[Record | None]:
        """Return the record of each row; None for a row that creates one.

        A row without a match that needs one, or with several matches, gets an error in
        its result.
        """
        if self._operation == "insert":
            for row, result in zip(rows, results, strict=True):
                if row.changes.get(0) is not None and result.error is None:
                    result.error = RowError(
                        "INVALID_FIELD_FOR_INSERT_UPDATE",
                        "cannot specify Id in an insert call",
                        "Id",
                    )
            return [None] * len(rows)
        if self._operation == "upsert" and self._key is not None:
            return self._match_by_key(rows, results, self._key)
        return self.match_by_id(rows, results)

    def _match_by_key(
        self, rows: Sequence[Row], results: list[RowResult], key: Field
    ) -> list[Record | None]:
        values = [row.changes.get(self._key_position) for row in rows]
        keys = [None if value is None else key.lookup_key(value) for value in values]
        counts = Counter(keys)
        matches_by_key = self._store.find_by_key(
            self._sobject, key, {value for value in keys if value is not None}
        )
        targets: list[Record | None] = [None] * len(rows)
        for number, row_key in enumerate(keys):
            result = results[number]
            matches = [] if row_key is None else matches_by_key.get(row_key, [])
            if result.error is not None:
                result.id = matches[0][0] if len(matches) == 1 else ""
            elif row_key is None:
                result.error = RowError("MISSING_ARGUMENT", f"{key.name} not specified")
            elif counts[row_key] > 1:
                result.error = RowError(
                    "DUPLICATE_VALUE",
                    f"Duplicate external id specified: {values[number]}",
                    key.name,
                )
            elif len(matches) > 1:
                ids = ", ".join(record[0] for record in matches)
                result.error = RowError(
                    "DUPLICATE_EXTERNAL_ID",
                    f"{key.label}: more than one record found for external id field: "
                    f"[{ids}]",
                    key.name,
                )
            elif matches:
                targets[number] = matches[0]
                result.id = matches[0][0]
        return targets

    def match_by_id(
        self, rows: Sequence[Row], results: list[RowResult]
    ) -> list[Record | None]:
        """Return the record of each row by its Id; an invalid Id gives an error."""
        ids = [row.changes.get(0) for row in rows]
        counts = Counter(ids)
        records = self._store.get_by_ids(
            self._sobject, {record_id for record_id in ids if record_id}
        )
        for number, record_id in enumerate(ids):
            result = results[number]
            if result.error is not None:
                continue
            if record_id is None:
                if self._operation != "upsert":
                    result.error = RowError(
                        "MISSING_ARGUMENT", "Id not specified in an update call"
                    )
                continue
            result.id = record_id
            result.error = self._id_error(
                record_id, records.get(record_id), is_repeated=counts[record_id] > 1
            )
        return [None if one is None else records.get(one) for one in ids]

    def _id_error(
        self, record_id: str, record: Record | None, *, is_repeated: bool
    ) -> RowError | None:
        if is_repeated:
            return RowError(
                "DUPLICATE_VALUE", f"Duplicate id specified: {record_id}", "Id"
            )
        if record is None:
            return RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if record[self._is_deleted_position]:
            return RowError("ENTITY_IS_DELETED", "entity is deleted")
        return None
