"""Whom an erasure concerns: an org with its users, or a user, and what identifies them.

The users of an org are those who were never seen in another one. The addresses of a
user are those from which only they, or others who are erased with them, signed in.
"""

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from loaders.erasures.subjects import ADDRESS, EMAIL, NAME, ORG, USER, Subject
from loaders.warehouse import SCHEMAS, Connection, relations
from loaders.warehouse.declared_tables import raw_tables

SENDER = "-- loaders.removal.identity"
# Shorter texts occur by chance.
MIN_TEXT_CHARACTERS = 5


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

    `visitors` are ids of visitors that a hash of address and user agent made.
    """

    kind: str
    value: int
    users: tuple[int, ...] = ()
    addresses: tuple[str, ...] = ()
    visitors: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

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

    @property
    def texts(self) -> tuple[str, ...]:
        """What to replace in texts, in plain, HTML and JSON form; the longest first."""
        found = {
            form
            for text in (*self.emails, *self.names)
            if len(text) >= MIN_TEXT_CHARACTERS
            for form in (text, html.escape(text), json.dumps(text)[1:-1])
        }
        return tuple(sorted(found, key=lambda text: (-len(text), text)))


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


def identify(
    connection: Connection, catalog: Catalog, kind: str, value: int
) -> Identity:
    """Return what identifies an org or user in the warehouse."""
    if kind == USER:
        users: tuple[int, ...] = (value,)
        emails: list[str] = []
        names: list[str] = []
    else:
        users = _users_of(connection, catalog, value)
        emails = _texts(connection, catalog, "owner_email", value)
        names = _texts(connection, catalog, "org_name", value)
    addresses = _addresses(connection, users)
    return Identity(
        kind=kind,
        value=value,
        users=users,
        addresses=addresses,
        visitors=_visitors(connection, addresses),
        emails=tuple(emails),
        names=tuple(names),
    )


def in_list(column: str, values: Sequence[object]) -> str:
    """Return an SQL condition with a placeholder for each value; false without any."""
    places = ", ".join("?" for _ in values)
    return f"{column} in ({places})" if values else "false"


def _users_of(connection: Connection, catalog: Catalog, org: int) -> tuple[int, ...]:
    tables = catalog.with_columns("user_id", "org_id")
    if not tables:
        return ()
    rows = " union all ".join(
        f"select user_id, org_id from {connection.table(*table)} "
        "where user_id is not null and org_id is not null"
        for table in tables
    )
    return tuple(
        user
        for (user,) in connection.fetch_all(
            f"{SENDER} users\nselect user_id from ({rows}) as user_orgs group by 1 "
            "having min(org_id) = ? and max(org_id) = ? order by 1",
            [org, org],
        )
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


def _addresses(connection: Connection, users: Sequence[int]) -> tuple[str, ...]:
    addresses: dict[str, None] = {}
    for table in raw_tables().values():
        if not {"user_id", "client_address"} <= {c.name for c in table.columns}:
            continue
        found = connection.fetch_all(
            f"{SENDER} addresses\nselect client_address "
            f"from {connection.table(table.schema, table.name)} "
            "where user_id is not null group by 1 "
            f"having min(case when {in_list('user_id', users)} then 1 else 0 end) = 1 "
            "order by 1",
            users,
        )
        addresses |= dict.fromkeys(address for (address,) in found)
    return tuple(addresses)


def _visitors(connection: Connection, addresses: Sequence[str]) -> tuple[str, ...]:
    """Return the ids of anonymous visitors from these addresses."""
    view = ("staging", "stg_web__requests")
    schema = connection.schema(view[0]).strip('"')
    if not addresses or (schema, view[1]) not in relations.list_relations(connection):
        return ()
    found = connection.fetch_all(
        f"{SENDER} visitors\nselect distinct visitor_id from {connection.table(*view)} "
        f"where user_id is null and {in_list('client_address', addresses)} order by 1",
        addresses,
    )
    return tuple(visitor for (visitor,) in found)
