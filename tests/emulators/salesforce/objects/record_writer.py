"""Insert, update, upsert and delete of rows, one transaction at a time.

A transaction has at most 200 rows. If two rows of a transaction have the same external
id, both fail; the same external id in a later transaction updates the record.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.emulators.salesforce.errors import RowError
from tests.emulators.salesforce.faults import Faults
from tests.emulators.salesforce.objects import identifiers, parents
from tests.emulators.salesforce.objects.record_matcher import RecordMatcher
from tests.emulators.salesforce.objects.row_results import Row, RowResult
from tests.emulators.salesforce.objects.schema import Field, SObject
from tests.emulators.salesforce.objects.store import Record, Store

TRANSACTION_ROWS = 200
ROLLED_BACK = (
    "Record rolled back because not all records were valid and the request was using "
    "AllOrNone header"
)
READ_ONLY = (
    "Unable to create/update fields: {}. Please check the security settings of this "
    "field and verify that it is read/write for your profile or permission set."
)


@dataclass(frozen=True)
class Author:
    """The user and the timestamp for a record's audit fields."""

    user_id: str
    at: str


class RecordWriter:
    """Executes one operation on one object; `key` is the external id, if any."""

    def __init__(
        self,
        store: Store,
        sobject: SObject,
        operation: str,
        *,
        key: Field | None = None,
        faults: Faults | None = None,
    ) -> None:
        self._store = store
        self._sobject = sobject
        self._operation = operation
        self._faults = faults
        self._key = None if key is None or key.name == "Id" else key
        positions = sobject.positions
        self._matcher = RecordMatcher(store, sobject, operation, self._key)
        self._defaults = [field.default for field in sobject.fields]
        self._required_fields = [
            (position, field)
            for position, field in enumerate(sobject.fields)
            if field.required and field.createable and field.default is None
        ]
        self._unique_fields = [
            (position, field)
            for position, field in enumerate(sobject.fields)
            if field.unique and field is not self._key
        ]
        self._references = [
            (position, field)
            for position, field in enumerate(sobject.fields)
            if field.references and (field.createable or field.updateable)
        ]
        self._read_only_positions = {
            position
            for position, field in enumerate(sobject.fields)
            if not (field.createable or field.updateable)
        } - {0}
        self._auto_number_positions = [
            position
            for position, field in enumerate(sobject.fields)
            if field.auto_number
        ]
        self._creation_positions = {
            name: positions[name.lower()]
            for name in ("IsDeleted", "CreatedDate", "CreatedById", "OwnerId")
            if name.lower() in positions
        }
        self._modification_positions = [
            (positions[name.lower()], attribute)
            for name, attribute in (
                ("LastModifiedDate", "at"),
                ("SystemModstamp", "at"),
                ("LastModifiedById", "user_id"),
            )
            if name.lower() in positions
        ]

    def write(
        self, rows: Sequence[Row], author: Author, *, all_or_none: bool = False
    ) -> list[RowResult]:
        """Write one transaction and return a result for each row, in order."""
        with self._store.transaction():
            results = [RowResult(error=row.error) for row in rows]
            if self._operation in ("delete", "hardDelete"):
                self._delete(rows, results, author)
            else:
                existing = self._matcher.match(rows, results)
                parents.check(self._store, self._references, rows, results)
                self._inject_lock_errors(existing, results)
                written = self._build_records(rows, results, existing, author)
                if all_or_none and any(result.error for result in results):
                    return _rolled_back(results)
                self._save(rows, written)
        return results

    def _inject_lock_errors(
        self, existing: list[Record | None], results: list[RowResult]
    ) -> None:
        if self._faults is None:
            return
        valid = [n for n, result in enumerate(results) if result.error is None]
        fault = self._faults.next_lock(self._sobject.name, len(valid))
        for number in valid[: fault.rows] if fault else ():
            record = existing[number]
            record_id = (
                record[0]
                if record
                else identifiers.make_id(self._sobject.key_prefix, 0)
            )
            results[number].error = RowError(
                fault.code, fault.message.replace("{id}", record_id)
            )

    def _build_records(
        self,
        rows: Sequence[Row],
        results: list[RowResult],
        existing: list[Record | None],
        author: Author,
    ) -> dict[int, list[Any]]:
        """Return the records to write by row number; invalid rows get their error."""
        written: dict[int, list[Any]] = {}
        for number, row in enumerate(rows):
            result, record = results[number], existing[number]
            if result.error is None:
                result.error = self._validate(row, is_new=record is None)
            if result.error is None:
                result.created = record is None
                written[number] = (
                    self._new_record(author) if record is None else list(record)
                )
                self._apply_changes(written[number], row.changes, author)
        created = [number for number in written if results[number].created]
        if created:
            prefix = self._sobject.key_prefix
            record_numbers = self._store.next_numbers(prefix, len(created))
            for number, record_number in zip(created, record_numbers, strict=True):
                self._assign_id(written[number], prefix, record_number)
                results[number].id = written[number][0]
        if self._unique_fields:
            self._check_unique_fields(rows, results, written)
        return written

    def _validate(self, row: Row, *, is_new: bool) -> RowError | None:
        fields = self._sobject.fields
        read_only = [
            fields[position].name
            for position in row.changes
            if position in self._read_only_positions
        ]
        if read_only:
            names = ", ".join(read_only)
            return RowError(
                "INVALID_FIELD_FOR_INSERT_UPDATE", READ_ONLY.format(names), *read_only
            )
        missing = [
            field.name
            for position, field in self._required_fields
            if row.changes.get(position, None if is_new else "") is None
        ]
        if missing:
            names = ", ".join(missing)
            return RowError(
                "REQUIRED_FIELD_MISSING",
                f"Required fields are missing: [{names}]",
                *missing,
            )
        return None

    def _new_record(self, author: Author) -> list[Any]:
        positions = self._creation_positions
        record = list(self._defaults)
        record[positions["IsDeleted"]] = False
        if "CreatedDate" in positions:
            record[positions["CreatedDate"]] = author.at
        for name in ("CreatedById", "OwnerId"):
            if name in positions:
                record[positions[name]] = author.user_id
        return record

    def _apply_changes(
        self, record: list[Any], changes: dict[int, Any], author: Author
    ) -> None:
        for position, value in changes.items():
            if position:
                record[position] = value
        for position, attribute in self._modification_positions:
            record[position] = getattr(author, attribute)

    def _assign_id(self, record: list[Any], prefix: str, number: int) -> None:
        record[0] = identifiers.make_id(prefix, number)
        for position in self._auto_number_positions:
            record[position] = f"{self._sobject.name[:2].upper()}-{number:06d}"

    def _check_unique_fields(
        self,
        rows: Sequence[Row],
        results: list[RowResult],
        written: dict[int, list[Any]],
    ) -> None:
        """Remove the records whose unique value another record already has."""
        for position, field in self._unique_fields:
            keys = {
                number: field.lookup_key(record[position])
                for number, record in written.items()
                if rows[number].changes.get(position) is not None
            }
            owners = {
                key: records[0][0]
                for key, records in self._store.find_by_key(
                    self._sobject, field, set(keys.values())
                ).items()
            }
            for number, key in keys.items():
                owner = owners.setdefault(key, results[number].id)
                if owner != results[number].id:
                    is_new = results[number].created
                    results[number] = RowResult(
                        id="" if is_new else results[number].id,
                        error=RowError(
                            "DUPLICATE_VALUE",
                            f"duplicate value found: {field.name} duplicates value on "
                            f"record with id: {owner}",
                        ),
                    )
                    written.pop(number)

    def _save(self, rows: Sequence[Row], written: dict[int, list[Any]]) -> None:
        records = [tuple(record) for record in written.values()]
        self._store.put_records(self._sobject, records)
        on_write = self._store.on_write
        if on_write is not None:
            for number, record in zip(written, records, strict=True):
                on_write(self._sobject, record, rows[number].changes)

    def _delete(
        self, rows: Sequence[Row], results: list[RowResult], author: Author
    ) -> None:
        records = [
            record
            for record, result in zip(
                self._matcher.match_by_id(rows, results), results, strict=True
            )
            if record is not None and result.error is None
        ]
        if self._operation == "hardDelete":
            ids = (record[0] for record in records)
            self._store.delete_records(self._sobject, ids)
            return
        changes = {"isdeleted": True, "systemmodstamp": author.at}
        names = [field.name.lower() for field in self._sobject.fields]
        self._store.put_records(
            self._sobject,
            [
                tuple(
                    changes.get(name, value)
                    for name, value in zip(names, record, strict=True)
                )
                for record in records
            ],
        )


def _rolled_back(results: list[RowResult]) -> list[RowResult]:
    return [
        result
        if result.error
        else RowResult(error=RowError("ALL_OR_NONE_OPERATION_ROLLED_BACK", ROLLED_BACK))
        for result in results
    ]
