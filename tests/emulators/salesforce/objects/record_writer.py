"""What happens to rows: insert, update, upsert and delete, one transaction at a time.

A transaction is at most 200 rows. Within it every row whose external id another row
has too is refused; between transactions the later row updates what the earlier made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.emulators.salesforce.errors import RowError
from tests.emulators.salesforce.faults import Faults
from tests.emulators.salesforce.objects import identifiers
from tests.emulators.salesforce.objects.record_matcher import Targets
from tests.emulators.salesforce.objects.schema import Field, SObject
from tests.emulators.salesforce.objects.store import Record, Store
from tests.emulators.salesforce.objects.verdicts import Row, Verdict

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
    """Who writes, and when: what the audit fields are given."""

    user_id: str
    at: str


class Writer:
    """Carries out one operation on one object; `key` is its external id, if any."""

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
        self._targets = Targets(store, sobject, operation, self._key)
        self._defaults = [item.default for item in sobject.fields]
        self._required = [
            (place, item)
            for place, item in enumerate(sobject.fields)
            if item.required and item.createable and item.default is None
        ]
        self._unique = [
            (place, item)
            for place, item in enumerate(sobject.fields)
            if item.unique and item is not self._key
        ]
        self._locked = {
            place
            for place, item in enumerate(sobject.fields)
            if not (item.createable or item.updateable)
        } - {0}
        self._numbered = [
            place for place, item in enumerate(sobject.fields) if item.auto_number
        ]
        self._audit = {
            name: positions[name.lower()]
            for name in ("IsDeleted", "CreatedDate", "CreatedById", "OwnerId")
            if name.lower() in positions
        }
        self._modified = [
            (positions[name.lower()], kind)
            for name, kind in (
                ("LastModifiedDate", "at"),
                ("SystemModstamp", "at"),
                ("LastModifiedById", "by"),
            )
            if name.lower() in positions
        ]

    def write(
        self, rows: Sequence[Row], author: Author, *, all_or_none: bool = False
    ) -> list[Verdict]:
        """Carry out one transaction; a verdict for each row, in order."""
        with self._store.transaction():
            verdicts = [Verdict(error=row.error) for row in rows]
            if self._operation in ("delete", "hardDelete"):
                self._delete(rows, verdicts)
            else:
                found = self._targets.find(rows, verdicts)
                self._lock(found, verdicts)
                made = self._made(rows, verdicts, found, author)
                if all_or_none and any(verdict.error for verdict in verdicts):
                    return _rolled_back(verdicts)
                self._keep(rows, made)
        return verdicts

    def _lock(self, found: list[Record | None], verdicts: list[Verdict]) -> None:
        if self._faults is None:
            return
        able = [n for n, verdict in enumerate(verdicts) if verdict.error is None]
        for place in self._faults.locked(self._sobject.name, len(able)):
            number = able[place]
            record = found[number]
            ids = record[0] if record else identifiers.make(self._sobject.key_prefix, 0)
            verdicts[number].error = RowError(
                "UNABLE_TO_LOCK_ROW",
                "unable to obtain exclusive access to this record or 200 records: "
                f"{ids}",
            )

    def _made(
        self,
        rows: Sequence[Row],
        verdicts: list[Verdict],
        found: list[Record | None],
        author: Author,
    ) -> dict[int, list[Any]]:
        """Return the records as they would be, by the row's number."""
        made: dict[int, list[Any]] = {}
        for number, row in enumerate(rows):
            verdict = verdicts[number]
            if verdict.error is None:
                verdict.error = self._fault_of(row, is_new=found[number] is None)
            if verdict.error is None:
                record = found[number]
                verdict.created = record is None
                made[number] = self._new(author) if record is None else list(record)
                self._change(made[number], row.changes, author)
        new = [number for number in made if verdicts[number].created]
        if new:
            prefix = self._sobject.key_prefix
            series = self._store.new_numbers(prefix, len(new))
            for number, count in zip(new, series, strict=True):
                self._name(made[number], prefix, count)
                verdicts[number].id = made[number][0]
        if self._unique:
            self._check_unique(rows, verdicts, made)
        return made

    def _fault_of(self, row: Row, *, is_new: bool) -> RowError | None:
        fields = self._sobject.fields
        locked = [fields[place].name for place in row.changes if place in self._locked]
        if locked:
            names = ", ".join(locked)
            return RowError(
                "INVALID_FIELD_FOR_INSERT_UPDATE", READ_ONLY.format(names), *locked
            )
        missing = [
            item.name
            for place, item in self._required
            if row.changes.get(place, None if is_new else "") is None
        ]
        if missing:
            names = ", ".join(missing)
            return RowError(
                "REQUIRED_FIELD_MISSING",
                f"Required fields are missing: [{names}]",
                *missing,
            )
        return None

    def _new(self, author: Author) -> list[Any]:
        record = list(self._defaults)
        record[self._audit["IsDeleted"]] = False
        if "CreatedDate" in self._audit:
            record[self._audit["CreatedDate"]] = author.at
        for name in ("CreatedById", "OwnerId"):
            if name in self._audit:
                record[self._audit[name]] = author.user_id
        return record

    def _change(
        self, record: list[Any], changes: dict[int, Any], author: Author
    ) -> None:
        for place, value in changes.items():
            if place:
                record[place] = value
        for place, kind in self._modified:
            record[place] = author.at if kind == "at" else author.user_id

    def _name(self, record: list[Any], prefix: str, number: int) -> None:
        record[0] = identifiers.make(prefix, number)
        for place in self._numbered:
            record[place] = f"{self._sobject.name[:2].upper()}-{number:06d}"

    def _check_unique(
        self,
        rows: Sequence[Row],
        verdicts: list[Verdict],
        made: dict[int, list[Any]],
    ) -> None:
        for place, item in self._unique:
            wanted = {
                number: item.fold(record[place])
                for number, record in made.items()
                if rows[number].changes.get(place) is not None
            }
            taken = {
                folded: records[0][0]
                for folded, records in self._store.find(
                    self._sobject, item, set(wanted.values())
                ).items()
            }
            for number, folded in wanted.items():
                owner = taken.setdefault(folded, verdicts[number].id)
                if owner != verdicts[number].id:
                    is_new = verdicts[number].created
                    verdicts[number] = Verdict(
                        id="" if is_new else verdicts[number].id,
                        error=RowError(
                            "DUPLICATE_VALUE",
                            f"duplicate value found: {item.name} duplicates value on "
                            f"record with id: {owner[: identifiers.SHORT]}",
                        ),
                    )
                    made.pop(number)

    def _keep(self, rows: Sequence[Row], made: dict[int, list[Any]]) -> None:
        records = [tuple(record) for record in made.values()]
        self._store.put(self._sobject, records)
        watcher = self._store.watcher
        if watcher is not None:
            for number, record in zip(made, records, strict=True):
                watcher(self._sobject, record, rows[number].changes)

    def _delete(self, rows: Sequence[Row], verdicts: list[Verdict]) -> None:
        found = self._targets.by_id(rows, verdicts)
        doomed = [
            record
            for record, verdict in zip(found, verdicts, strict=True)
            if record is not None and verdict.error is None
        ]
        if self._operation == "hardDelete":
            self._store.remove(self._sobject, (record[0] for record in doomed))
            return
        place = self._audit["IsDeleted"]
        self._store.put(
            self._sobject,
            [(*record[:place], True, *record[place + 1 :]) for record in doomed],
        )


def _rolled_back(verdicts: list[Verdict]) -> list[Verdict]:
    return [
        verdict
        if verdict.error
        else Verdict(error=RowError("ALL_OR_NONE_OPERATION_ROLLED_BACK", ROLLED_BACK))
        for verdict in verdicts
    ]
