"""SQLite store of records and jobs: one table per object, one column per field.

An indexed field has a second column with its lookup key, which ignores case if the
field does. Deleted records stay in the table and are marked. There is one connection,
guarded by `lock`. A record is a tuple of values in the order of the object's fields.
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.emulators.salesforce.objects import identifiers
from tests.emulators.salesforce.objects.schema import Field, SObject

Record = tuple[Any, ...]
WriteCallback = Callable[[SObject, Record, dict[int, Any]], None]
LOOKUP_SUFFIX = "~"
MAX_VARIABLES = 500


class Store:
    """The org's database. `on_write` is called for each record that is written."""

    def __init__(self, path: Path) -> None:
        self.lock = threading.RLock()
        self.on_write: WriteCallback | None = None
        self._sobjects: dict[str, SObject] = {}
        self._database = sqlite3.connect(path, check_same_thread=False)
        self._database.isolation_level = None
        for pragma in ("journal_mode=wal", "synchronous=off", "temp_store=memory"):
            self._database.execute(f"pragma {pragma}")
        self._database.create_function("fold", 1, _fold, deterministic=True)
        self._database.create_function("has_all", 2, _has_all, deterministic=True)
        self._database.execute(
            "create table if not exists facts (name primary key, value)"
        )
        self._database.execute("create table if not exists jobs (id primary key, job)")

    def close(self) -> None:
        """Close the database."""
        with self.lock:
            self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all statements inside, or none of them; transactions may nest."""
        with self.lock:
            if self._database.in_transaction:
                yield
                return
            with self._database:
                self._database.execute("begin immediate")
                yield

    def ensure_table(self, sobject: SObject) -> None:
        """Create the object's table, or add its missing columns."""
        table = table_name(sobject)
        self._sobjects[sobject.name.lower()] = sobject
        with self.transaction():
            existing = {
                row[1].lower()
                for row in self._database.execute(f"pragma table_info({table})")
            }
            if not existing:
                self._create_table(table, sobject)
                return
            for field in sobject.fields:
                if field.name.lower() not in existing:
                    self._database.execute(
                        f"alter table {table} add column {_quoted(field.name)}"
                    )
                if (
                    field.is_indexed
                    and (field.name + LOOKUP_SUFFIX).lower() not in existing
                ):
                    self._add_lookup_column(table, field)

    def _create_table(self, table: str, sobject: SObject) -> None:
        columns = [
            '"Id" text primary key' if field.name == "Id" else _quoted(field.name)
            for field in sobject.fields
        ]
        indexed = [field for field in sobject.fields if field.is_indexed]
        columns += [_quoted(field.name + LOOKUP_SUFFIX) for field in indexed]
        self._database.execute(f"create table {table} ({', '.join(columns)})")
        for field in indexed:
            self._create_index(table, field)

    def _add_lookup_column(self, table: str, field: Field) -> None:
        column = _quoted(field.name + LOOKUP_SUFFIX)
        self._database.execute(f"alter table {table} add column {column}")
        value = _quoted(field.name)
        value = value if field.case_sensitive or not field.is_text else f"fold({value})"
        self._database.execute(f"update {table} set {column} = {value}")
        self._create_index(table, field)

    def _create_index(self, table: str, field: Field) -> None:
        self._database.execute(
            f"create index if not exists {_quoted(table + field.name)} "
            f"on {table} ({_quoted(field.name + LOOKUP_SUFFIX)})"
        )

    def sobject(self, name: str) -> SObject | None:
        """Return the object with this name that has a table, or None."""
        return self._sobjects.get(name.lower())

    def find_by_key(
        self, sobject: SObject, field: Field, keys: Iterable[str]
    ) -> dict[str, list[Record]]:
        """Return the records that are not deleted, by the lookup key of a field."""
        matches: dict[str, list[Record]] = {}
        position = sobject.positions[field.name.lower()]
        column = _quoted(field.name + LOOKUP_SUFFIX)
        condition = f'{column} in ({{}}) and "IsDeleted" = 0'
        for record in self._select_in(sobject, condition, list(keys)):
            matches.setdefault(field.lookup_key(record[position]), []).append(record)
        return matches

    def get_by_ids(self, sobject: SObject, ids: Iterable[str]) -> dict[str, Record]:
        """Return records by their 18-character id, including deleted ones."""
        records = self._select_in(sobject, '"Id" in ({})', list(ids))
        return {record[0]: record for record in records}

    def all_records(self, sobject: SObject) -> list[Record]:
        """Return all records, including deleted ones."""
        columns = ", ".join(_quoted(field.name) for field in sobject.fields)
        return self.select(f"select {columns} from {table_name(sobject)}")

    def _select_in(
        self, sobject: SObject, condition: str, keys: list[str]
    ) -> Iterator[Record]:
        """Yield the records with these keys, at most MAX_VARIABLES keys per query."""
        columns = ", ".join(_quoted(field.name) for field in sobject.fields)
        select = f"select {columns} from {table_name(sobject)} where {condition}"
        with self.lock:
            for start in range(0, len(keys), MAX_VARIABLES):
                batch = keys[start : start + MAX_VARIABLES]
                placeholders = ",".join("?" * len(batch))
                yield from self._database.execute(
                    select.format(placeholders), batch
                ).fetchall()

    def put_records(self, sobject: SObject, records: Sequence[Record]) -> None:
        """Insert records, or replace the records with the same id."""
        indexed = [
            (position, field)
            for position, field in enumerate(sobject.fields)
            if field.is_indexed
        ]
        names = [field.name for field in sobject.fields]
        names += [field.name + LOOKUP_SUFFIX for _, field in indexed]
        statement = (
            f"insert or replace into {table_name(sobject)} "
            f"({', '.join(map(_quoted, names))}) values ({','.join('?' * len(names))})"
        )
        with self.transaction():
            self._database.executemany(
                statement,
                [
                    (
                        *record,
                        *(
                            None
                            if record[position] is None
                            else field.lookup_key(record[position])
                            for position, field in indexed
                        ),
                    )
                    for record in records
                ],
            )

    def delete_records(self, sobject: SObject, ids: Iterable[str]) -> None:
        """Delete records permanently."""
        with self.transaction():
            self._database.executemany(
                f'delete from {table_name(sobject)} where "Id" = ?',
                [(record_id,) for record_id in ids],
            )

    def delete_all(self, sobject: SObject) -> None:
        """Delete all records of an object permanently."""
        self.execute(f"delete from {table_name(sobject)}")

    def next_numbers(self, name: str, count: int) -> range:
        """Return the next `count` numbers of a sequence."""
        with self.transaction():
            last = int(self.get_value(f"last {name}") or 0)
            self.set_value(f"last {name}", last + count)
        return range(last + 1, last + count + 1)

    def new_id(self, prefix: str) -> str:
        """Return a new id."""
        return identifiers.make_id(prefix, self.next_numbers(prefix, 1)[0])

    def get_value(self, name: str) -> Any:  # noqa: ANN401 - JSON
        """Return the value stored under a name, or None."""
        rows = self.select("select value from facts where name = ?", [name])
        return json.loads(rows[0][0]) if rows else None

    def set_value(self, name: str, value: object) -> None:
        """Store a JSON value under a name."""
        self.execute(
            "insert or replace into facts values (?, ?)", [name, json.dumps(value)]
        )

    def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Run one statement that writes."""
        with self.transaction():
            self._database.execute(statement, values)

    def select(self, statement: str, values: Sequence[Any] = ()) -> list[Record]:
        """Run a query and return all rows."""
        with self.lock:
            return self._database.execute(statement, values).fetchall()

    def search(
        self, sobject: SObject, text: str, *, limit: int, offset: int
    ) -> tuple[int, list[Record]]:
        """Find records with a text in any text field, most recently changed first.

        Returns the total number of matches, and one page of them. Deleted records are
        left out.
        """
        names = [field.name for field in sobject.fields if field.is_text]
        condition = " or ".join(f"instr(fold({_quoted(name)}), ?)" for name in names)
        where = f'"IsDeleted" = 0 and ({condition})' if text else '"IsDeleted" = 0'
        values = [text.lower()] * len(names) if text else []
        table = table_name(sobject)
        columns = ", ".join(_quoted(field.name) for field in sobject.fields)
        count = self.select(f"select count(*) from {table} where {where}", values)
        page = self.select(
            f"select {columns} from {table} where {where} "
            'order by "SystemModstamp" desc, rowid desc limit ? offset ?',
            [*values, limit, offset],
        )
        return count[0][0], page

    def count_records(self, sobject: SObject) -> int:
        """Return the number of records that are not deleted."""
        table = table_name(sobject)
        return self.select(f'select count(*) from {table} where "IsDeleted" = 0')[0][0]


def table_name(sobject: SObject) -> str:
    """Return the quoted name of an object's table."""
    return _quoted(f"records of {sobject.name}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', "") + '"'


def _fold(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _has_all(value: object, required: object) -> bool:
    """Return whether a multi-select value `a;b;c` has all values of another."""
    selected = str(value or "").lower().split(";")
    return all(part in selected for part in str(required).lower().split(";"))
