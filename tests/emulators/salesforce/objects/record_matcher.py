"""Which record a row is about: by external id, by id, or none yet."""

from collections import Counter
from collections.abc import Sequence

from tests.emulators.salesforce.errors import RowError
from tests.emulators.salesforce.objects.schema import Field, SObject
from tests.emulators.salesforce.objects.store import Record, Store
from tests.emulators.salesforce.objects.verdicts import Row, Verdict


class Targets:
    """Finds the records of one operation's rows; `key` is its external id, if any."""

    def __init__(
        self, store: Store, sobject: SObject, operation: str, key: Field | None
    ) -> None:
        self._store = store
        self._sobject = sobject
        self._operation = operation
        self._key = key
        self._place = sobject.positions[key.name.lower()] if key else 0
        self._deleted = sobject.positions["isdeleted"]

    def find(self, rows: Sequence[Row], verdicts: list[Verdict]) -> list[Record | None]:
        """Find the record that each row is about; None when it is to be made.

        A row that is about none or about too many gets its error.
        """
        if self._operation == "insert":
            for row, verdict in zip(rows, verdicts, strict=True):
                if row.changes.get(0) is not None and verdict.error is None:
                    verdict.error = RowError(
                        "INVALID_FIELD_FOR_INSERT_UPDATE",
                        "cannot specify Id in an insert call",
                        "Id",
                    )
            return [None] * len(rows)
        if self._operation == "upsert" and self._key is not None:
            return self._by_key(rows, verdicts, self._key)
        return self.by_id(rows, verdicts)

    def _by_key(
        self, rows: Sequence[Row], verdicts: list[Verdict], key: Field
    ) -> list[Record | None]:
        place = self._place
        told = [row.changes.get(place) for row in rows]
        keys = [None if value is None else key.fold(value) for value in told]
        counts = Counter(keys)
        found = self._store.find(
            self._sobject, key, {value for value in keys if value is not None}
        )
        targets: list[Record | None] = [None] * len(rows)
        for number, folded in enumerate(keys):
            verdict = verdicts[number]
            if verdict.error is not None:
                known = found.get(folded, []) if folded is not None else []
                verdict.id = known[0][0] if len(known) == 1 else ""
                continue
            if folded is None:
                verdict.error = RowError(
                    "MISSING_ARGUMENT", f"{key.name} not specified"
                )
            elif counts[folded] > 1:
                verdict.error = RowError(
                    "DUPLICATE_VALUE",
                    f"Duplicate external id specified: {told[number]}",
                    key.name,
                )
            elif len(matches := found.get(folded, [])) > 1:
                ids = ", ".join(record[0] for record in matches)
                verdict.error = RowError(
                    "DUPLICATE_EXTERNAL_ID",
                    f"{key.label}: more than one record found for external id field: "
                    f"[{ids}]",
                    key.name,
                )
            elif matches:
                targets[number] = matches[0]
                verdict.id = matches[0][0]
        return targets

    def by_id(
        self, rows: Sequence[Row], verdicts: list[Verdict]
    ) -> list[Record | None]:
        """Find the records by the Id that each row gives."""
        ids = [row.changes.get(0) for row in rows]
        counts = Counter(ids)
        found = self._store.by_id(self._sobject, {told for told in ids if told})
        for number, told in enumerate(ids):
            verdict = verdicts[number]
            if verdict.error is not None:
                continue
            if told is None:
                if self._operation != "upsert":
                    verdict.error = RowError(
                        "MISSING_ARGUMENT", "Id not specified in an update call"
                    )
                continue
            verdict.id = told
            verdict.error = self._id_error(told, found.get(told), counts[told] > 1)
        return [None if told is None else found.get(told) for told in ids]

    def _id_error(
        self, told: str, record: Record | None, is_repeated: bool
    ) -> RowError | None:
        if is_repeated:
            return RowError("DUPLICATE_VALUE", f"Duplicate id specified: {told}", "Id")
        if record is None:
            return RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if record[self._deleted]:
            return RowError("ENTITY_IS_DELETED", "entity is deleted")
        return None
