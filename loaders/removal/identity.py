"""Whom an erasure concerns: an org with its users, or a user, and what identifies them.

The users of an org are those who were never seen in another one. The addresses of a
user are those from which only they, or others who are erased with them, signed in.

An org may have more users than a statement takes parameters. The keys of the subject
are therefore in temporary tables, which the statements of an erasure read.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from loaders.erasures.subjects import ADDRESS, EMAIL, NAME, ORG, USER, Subject
from loaders.removal.texts import Texts
from loaders.warehouse import SCHEMAS, Connection, identifier, relations
from loaders.warehouse.declared_tables import raw_tables

SENDER = "-- loaders.removal.identity"
# The temporary table with the keys of each column, and their type. Visitors are users,
# and hashes of address and user agent.
KEY_TABLES = {
    "user_id": ("erased_users", "bigint"),
    "client_address": ("erased_addresses", "varchar(65535)"),
    "visitor_id": ("erased_visitors", "varchar(65535)"),
}


@dataclass(frozen=True)
class Catalog:
    """The columns of all tables, by schema without prefix and table."""

    tables: Mapping[tuple[str, str], Mapping[str, str]]

    def with_columns(self, *names: str) -> list[tuple[str, str]]:
        """Return the tables of raw data and models that have all these columns."""
        return [
            key
            for key, columns in sorted(self.tables.items())
            if key[0] != "ops" and set(names) <= columns.keys()
        ]


@dataclass(frozen=True)
class Identity:
    """The requested subject, and everything that identifies it.

    `other_names` are the names of other orgs that contain one of `names`.
    """

    kind: str
    value: int
    users: tuple[int, ...] = ()
    addresses: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    other_names: tuple[str, ...] = ()

    @property
    def orgs(self) -> tuple[int, ...]:
        """The org, if the subject is one."""
        return (self.value,) if self.kind == ORG else ()

    @property
    def requested(self) -> Subject:
        """The subject that the erasure was asked for."""
        return self.kind, str(self.value)

    @cached_property
    def subjects(self) -> frozenset[Subject]:
        """All subjects, the requested one included."""
        texts = (
            (USER, self.users),
            (ADDRESS, self.addresses),
            (EMAIL, [email.lower() for email in self.emails]),
            (NAME, self.names),
        )
        found = {(kind, str(value)) for kind, values in texts for value in values}
        return frozenset({self.requested, *found})

    @cached_property
    def texts(self) -> Texts:
        """What to replace in texts: mail addresses and names."""
        return Texts((*self.emails, *self.names), kept=self.other_names)


def read_catalog(connection: Connection) -> Catalog:
    """Return the tables of all schemas of the target."""
    names = {connection.schema(name).strip('"'): name for name in SCHEMAS}
    return Catalog(
        {
            (names[schema], table): columns
            for (schema, table), columns in relations.list_columns(connection).items()
            if schema in names
        }
    )


@contextmanager
def identified(
    connection: Connection, catalog: Catalog, kind: str, value: int
) -> Iterator[Identity]:
    """Yield what identifies an org or user in the warehouse.

    `connection` is an open transaction. The tables of `has_key` exist within the block;
    after an error, the rollback drops them.
    """
    for column, (table, data_type) in KEY_TABLES.items():
        connection.execute(
            f"{SENDER} create {table}\ncreate temp table {table} ({column} {data_type})"
        )
    emails: list[str] = []
    names: list[str] = []
    if kind == USER:
        connection.insert("erased_users", ["user_id"], [[value]])
    else:
        _insert_users(connection, catalog, value)
        emails = _texts(connection, catalog, "owner_email", value)
        names = _texts(connection, catalog, "org_name", value)
    _insert_addresses(connection)
    _insert_visitors(connection)
    yield Identity(
        kind=kind,
        value=value,
        users=tuple(_keys(connection, "user_id")),
        addresses=tuple(_keys(connection, "client_address")),
        emails=tuple(emails),
        names=tuple(names),
        other_names=_other_names(connection, catalog, value, names),
    )
    for table, _ in KEY_TABLES.values():
        connection.execute(f"{SENDER} drop {table}\ndrop table {table}")


def has_key(column: str) -> str:
    """Return an SQL condition: a column has one of the subject's keys."""
    table, _ = KEY_TABLES[column]
    return f"{identifier(column)} in (select {column} from {table})"


def in_list(column: str, values: Sequence[object]) -> str:
    """Return an SQL condition with a placeholder for each value; false without any."""
    places = ", ".join("?" for _ in values)
    return f"{column} in ({places})" if values else "false"


def _keys(connection: Connection, column: str) -> list[Any]:
    table, _ = KEY_TABLES[column]
    found = connection.fetch_all(
        f"{SENDER} read {table}\nselect distinct {column} from {table} order by 1"
    )
    return [key for (key,) in found]


def _insert_users(connection: Connection, catalog: Catalog, org: int) -> None:
    tables = catalog.with_columns("user_id", "org_id")
    if not tables:
        return
    rows = " union all ".join(
        f"select user_id, org_id from {connection.table(*table)} "
        "where user_id is not null and org_id is not null"
        for table in tables
    )
    connection.execute(
        f"{SENDER} users\ninsert into erased_users select user_id "
        f"from ({rows}) as user_orgs group by 1 "
        "having min(org_id) = ? and max(org_id) = ?",
        [org, org],
    )


def _texts(
    connection: Connection, catalog: Catalog, column: str, org: int
) -> list[str]:
    """Return the distinct values that a column has for an org in any table."""
    tables = catalog.with_columns("org_id", column)
    if not tables:
        return []
    rows = " union all ".join(
        f"select {column} from {connection.table(*table)} where org_id = ?"
        for table in tables
    )
    found = connection.fetch_all(
        f"{SENDER} {column}\nselect distinct {column} from ({rows}) as texts "
        f"where {column} is not null and {column} != '' order by 1",
        [org] * len(tables),
    )
    return [text for (text,) in found]


def _other_names(
    connection: Connection, catalog: Catalog, org: int, names: Sequence[str]
) -> tuple[str, ...]:
    """Return the names of other orgs that contain one of the names and are longer."""
    tables = catalog.with_columns("org_id", "org_name")
    if not tables or not names:
        return ()
    rows = " union all ".join(
        f"select org_name from {connection.table(*table)} where org_id != ?"
        for table in tables
    )
    contains = " or ".join("position(? in org_name) > 0" for _ in names)
    found = connection.fetch_all(
        f"{SENDER} other names\nselect distinct org_name from ({rows}) as texts "
        f"where {contains}",
        [*[org] * len(tables), *names],
    )
    return tuple(sorted({text for (text,) in found} - set(names)))


def _insert_addresses(connection: Connection) -> None:
    for table in raw_tables().values():
        if not {"user_id", "client_address"} <= {c.name for c in table.columns}:
            continue
        connection.execute(
            f"{SENDER} addresses\ninsert into erased_addresses select client_address "
            f"from {connection.table(table.schema, table.name)} as requests "
            "left join erased_users as erased on requests.user_id = erased.user_id "
            "where requests.user_id is not null group by 1 "
            "having min(case when erased.user_id is null then 0 else 1 end) = 1"
        )


def _insert_visitors(connection: Connection) -> None:
    """Insert the users, and the ids of anonymous visitors from their addresses."""
    insert = f"{SENDER} visitors\ninsert into erased_visitors"
    connection.execute(
        f"{insert} select cast(user_id as varchar(65535)) from erased_users"
    )
    view = ("staging", "stg_web__requests")
    schema = connection.schema(view[0]).strip('"')
    if (schema, view[1]) in relations.list_relations(connection):
        connection.execute(
            f"{insert} select distinct visitor_id from {connection.table(*view)} "
            f"where user_id is null and {has_key('client_address')}"
        )
