"""Records and jobs in SQLite: one table per object, one column per field.

Fields that records are found by have a second, folded column with an index. Deleted
records stay, marked. One connection, guarded by `lock`; a record is a tuple in the
order of the object's fields.
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
Watcher = Callable[[SObject, Record, dict[int, Any]], None]
FOLD = "~"
MAX_VARIABLES = 500


class Store:
    """The org's memory; see the module."""

    def __init__(self, path: Path) -> None:
        self.lock = threading.RLock()
        self.watcher: Watcher | None = None
        self._database = sqlite3.connect(path, check_same_thread=False)
        self._database.isolation_level = None
        for pragma in ("journal_mode=wal", "synchronous=off", "temp_store=memory"):
            self._database.execute(f"pragma {pragma}")
        self._database.create_function("fold", 1, _fold, deterministic=True)
        self._database.create_function("has_all", 2, _has_all, deterministic=True)
        self._database.execute(
            "create table if not exists facts (name primary key, told)"
        )
        self._database.execute("create table if not exists jobs (id primary key, told)")

    def close(self) -> None:
        """Close the database."""
        with self.lock:
            self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all that is written inside true at once, or nothing of it."""
        with self.lock:
            if self._database.in_transaction:
                yield
                return
            with self._database:
                self._database.execute("begin immediate")
                yield

    def ensure(self, sobject: SObject) -> None:
        """Make the object's table, or the columns that it lacks."""
        table = table_of(sobject)
        with self.transaction():
            self._database.execute(
                f'create table if not exists {table} ("Id" text primary key)'
            )
            have = {
                row[1].lower()
                for row in self._database.execute(f"pragma table_info({table})")
            }
            for field in sobject.fields:
                if field.name.lower() not in have:
                    self._database.execute(
                        f"alter table {table} add column {_quoted(field.name)}"
                    )
                if field.is_looked_up and (field.name + FOLD).lower() not in have:
                    self._add_folded(table, field)

    def _add_folded(self, table: str, field: Field) -> None:
        column = _quoted(field.name + FOLD)
        self._database.execute(f"alter table {table} add column {column}")
        self._database.execute(
            f"create index if not exists {_quoted(table + field.name)} "
            f"on {table} ({column})"
        )

    def find(
        self, sobject: SObject, field: Field, folded: Iterable[str]
    ) -> dict[str, list[Record]]:
        """Return living records by the folded value of a field."""
        found: dict[str, list[Record]] = {}
        keys = list(folded)
        place = sobject.positions[field.name.lower()]
        condition = f'{_quoted(field.name + FOLD)} in ({{}}) and "IsDeleted" = 0'
        for record in self._among(sobject, condition, keys):
            found.setdefault(field.fold(record[place]), []).append(record)
        return found

    def by_id(self, sobject: SObject, ids: Iterable[str]) -> dict[str, Record]:
        """Return records by their 18-character id, deleted ones too."""
        found = self._among(sobject, '"Id" in ({})', list(ids))
        return {record[0]: record for record in found}

    def all(self, sobject: SObject) -> list[Record]:
        """Return all records, deleted ones too."""
        columns = ", ".join(_quoted(field.name) for field in sobject.fields)
        return self.select(f"select {columns} from {table_of(sobject)}")

    def _among(
        self, sobject: SObject, condition: str, keys: list[str]
    ) -> Iterator[Record]:
        columns = ", ".join(_quoted(field.name) for field in sobject.fields)
        select = f"select {columns} from {table_of(sobject)} where {condition}"
        with self.lock:
            for start in range(0, len(keys), MAX_VARIABLES):
                piece = keys[start : start + MAX_VARIABLES]
                marks = ",".join("?" * len(piece))
                yield from self._database.execute(
                    select.format(marks), piece
                ).fetchall()

    def put(self, sobject: SObject, records: Sequence[Record]) -> None:
        """Write records whole, new or not."""
        folded = [
            (place, field)
            for place, field in enumerate(sobject.fields)
            if field.is_looked_up
        ]
        names = [field.name for field in sobject.fields]
        names += [field.name + FOLD for _, field in folded]
        statement = (
            f"insert or replace into {table_of(sobject)} "
            f"({', '.join(map(_quoted, names))}) values ({','.join('?' * len(names))})"
        )
        with self.transaction():
            self._database.executemany(
                statement,
                [
                    (
                        *record,
                        *(
                            None if record[place] is None else field.fold(record[place])
                            for place, field in folded
                        ),
                    )
                    for record in records
                ],
            )

    def remove(self, sobject: SObject, ids: Iterable[str]) -> None:
        """Take records out for good."""
        with self.transaction():
            self._database.executemany(
                f'delete from {table_of(sobject)} where "Id" = ?',
                [(record_id,) for record_id in ids],
            )

    def remove_all(self, sobject: SObject) -> None:
        """Take all records of an object out for good."""
        self.write(f"delete from {table_of(sobject)}")

    def new_numbers(self, name: str, count: int) -> range:
        """Return `count` numbers of a series that were never given before."""
        with self.transaction():
            last = int(self.fact(f"last {name}") or 0)
            self.set_fact(f"last {name}", last + count)
        return range(last + 1, last + count + 1)

    def new_id(self, prefix: str) -> str:
        """Return an id that was never given before."""
        return identifiers.make(prefix, self.new_numbers(prefix, 1)[0])

    def fact(self, name: str) -> Any:  # noqa: ANN401 - JSON
        """Return what is noted under a name, None if nothing is."""
        rows = self.select("select told from facts where name = ?", [name])
        return json.loads(rows[0][0]) if rows else None

    def set_fact(self, name: str, told: object) -> None:
        """Note something under a name."""
        self.write(
            "insert or replace into facts values (?, ?)", [name, json.dumps(told)]
        )

    def write(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Run one statement that changes something."""
        with self.transaction():
            self._database.execute(statement, values)

    def select(self, statement: str, values: Sequence[Any] = ()) -> list[Record]:
        """Run a query and return all of its rows."""
        with self.lock:
            return self._database.execute(statement, values).fetchall()

    def search(
        self, sobject: SObject, text: str, *, limit: int, offset: int
    ) -> tuple[int, list[Record]]:
        """Find living records with a text in any text field, the last changed first.

        Returns how many there are, and those from `offset` on.
        """
        texts = [field.name for field in sobject.fields if field.is_text]
        told = " or ".join(f"instr(fold({_quoted(name)}), ?)" for name in texts)
        where = f'"IsDeleted" = 0 and ({told})' if text else '"IsDeleted" = 0'
        bound = [text.lower()] * len(texts) if text else []
        table = table_of(sobject)
        columns = ", ".join(_quoted(field.name) for field in sobject.fields)
        count = self.select(f"select count(*) from {table} where {where}", bound)
        found = self.select(
            f"select {columns} from {table} where {where} "
            'order by "SystemModstamp" desc, rowid desc limit ? offset ?',
            [*bound, limit, offset],
        )
        return count[0][0], found

    def count(self, sobject: SObject) -> int:
        """Return how many records live."""
        table = table_of(sobject)
        return self.select(f'select count(*) from {table} where "IsDeleted" = 0')[0][0]


def table_of(sobject: SObject) -> str:
    """Return the quoted name of an object's table."""
    return _quoted(f"records of {sobject.name}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', "") + '"'


def _fold(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _has_all(value: object, wanted: object) -> bool:
    """Say whether a list `a;b;c` has all of another."""
    have = str(value or "").lower().split(";")
    return all(part in have for part in str(wanted).lower().split(";"))
