"""The rows of a subject in the warehouse: which there are, and their deletion."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from loaders.config import salesforce_mapping
from loaders.erasures import subjects
from loaders.ledger.rejects import delete_rejects
from loaders.removal.identity import Catalog, Identity, has_key, in_list
from loaders.removal.texts import MIN_CUT_CHARACTERS, Texts
from loaders.warehouse import Connection, identifier
from loaders.warehouse.declared_tables import raw_tables

SENDER = "-- loaders.removal.rows"
# `org_id`, and the external ids of exports that are the org's id as text.
ORG_COLUMN = re.compile(r"(?!salesforce_)([a-z]+_)*org_id(__c)?")
# Texts of ledgers that may quote a value.
TEXT_COLUMNS = ("message", "content", "subject", "fields", "reason")
# A backslash: the line may contain a text in another form.
HAS_ESCAPES = "position(chr(92) in line) > 0"
# Of more texts, it is faster to read all rejects.
MAX_SEARCHED_TEXTS = 100
TEXTS_PER_STATEMENT = 20


@dataclass(frozen=True)
class Rows:
    """The rows of one table that belong to the subject.

    `assignment` changes them instead of deleting them, to the values `assigned`.
    `days` has their number by dt for a raw table; `source` is its raw source.
    """

    schema: str
    table: str
    condition: str
    parameters: tuple[object, ...]
    count: int
    assignment: str = ""
    assigned: tuple[object, ...] = ()
    source: str = ""
    days: dict[date, int] = field(default_factory=dict)


@dataclass(frozen=True)
class RejectedLine:
    """A rejected line of the subject and the load that rejected it."""

    load_id: str
    source: str
    dt: date
    line: str


def find_rows(
    connection: Connection, catalog: Catalog, identity: Identity
) -> Iterator[Rows]:
    """Yield the rows of the subject in raw tables, models and ledgers, without rejects.

    Tables without any are left out.
    """
    sources = {
        (table.schema, table.name): table.source for table in raw_tables().values()
    }
    for key in sorted(catalog.tables):
        for rows in _candidates(connection, catalog, key, identity):
            found = _count(connection, rows, sources.get(key, ""))
            if found.count:
                yield found


def find_rejects(connection: Connection, identity: Identity) -> list[RejectedLine]:
    """Return the rejected lines of the subject, of all loads."""
    likely = [text for _, text in identity.subjects if "\\" not in text]
    if len(likely) > MAX_SEARCHED_TEXTS:
        condition, likely = "true", []
    else:
        texts = ["position(lower(?) in lower(line)) > 0"] * len(likely)
        condition = " or ".join([HAS_ESCAPES, *texts])
    found = []
    for batch in connection.stream(
        f"{SENDER} rejects\nselect load_id, source, dt, line "
        f"from {connection.table('ops', 'load_rejects')} where {condition}",
        likely,
    ):
        for row in batch:
            reject = RejectedLine(*row)
            if identity.subjects.intersection(subjects.find_in(reject.line)):
                found.append(reject)
    return found


def exported_objects() -> list[str]:
    """Return the Salesforce objects whose external id is the id of an org."""
    return [
        mapping.object
        for mapping in salesforce_mapping.load_all()
        if ORG_COLUMN.fullmatch(mapping.external_id.lower())
    ]


def delete(
    connection: Connection, rows: Sequence[Rows], rejects: Sequence[RejectedLine]
) -> None:
    """Delete the rows and rejects, and count their lines as erased.

    `connection` is an open transaction.
    """
    for item in rows:
        table = connection.table(item.schema, item.table)
        action = (
            f"update {table} set {item.assignment}"
            if item.assignment
            else f"delete from {table}"
        )
        connection.execute(
            f"{SENDER} erase {item.table}\n{action} where {item.condition}",
            [*item.assigned, *item.parameters],
        )
    delete_rejects(connection, {reject.line for reject in rejects})
    _count_as_erased(connection, rows, rejects)


def _count_as_erased(
    connection: Connection, rows: Sequence[Rows], rejects: Sequence[RejectedLine]
) -> None:
    loads = connection.table("ops", "loads")
    latest = {
        (source, dt): load_id
        for source, dt, load_id in connection.fetch_all(
            f"{SENDER} loads\nselect source, dt, load_id from (select *, row_number() "
            "over (partition by source, dt order by finished_at desc) as recency "
            f"from {loads} where status = 'loaded') as latest where recency = 1"
        )
    }
    loaded: Counter[str] = Counter()
    for item in rows:
        for dt, count in item.days.items():
            if load_id := latest.get((item.source, dt)):
                loaded[load_id] += count
    rejected = Counter(reject.load_id for reject in rejects)
    counts = [
        (load_id, loaded[load_id], rejected[load_id])
        for load_id in sorted({*loaded, *rejected})
    ]
    if not counts:
        return
    connection.execute(
        f"{SENDER} create erased_counts\ncreate temp table erased_counts "
        "(load_id varchar(64), erased_rows bigint, erased_rejects bigint)"
    )
    columns = ["load_id", "erased_rows", "erased_rejects"]
    connection.insert("erased_counts", columns, counts)
    connection.execute(
        f"{SENDER} count as erased\nupdate {loads} set "
        "rows_loaded = rows_loaded - erased_rows, rejects = rejects - erased_rejects, "
        "erased = coalesce(erased, 0) + erased_rows + erased_rejects "
        "from erased_counts where loads.load_id = erased_counts.load_id"
    )
    connection.execute(f"{SENDER} drop erased_counts\ndrop table erased_counts")


def _candidates(
    connection: Connection, catalog: Catalog, key: tuple[str, str], identity: Identity
) -> Iterator[Rows]:
    columns = catalog.tables[key]
    if key[0] == "ops":
        yield from _ledger_rows(connection, key, columns, identity)
        return
    is_visit = "visitor_id" in columns
    org_ids = {
        column: [str(org) if column.endswith("__c") else org for org in identity.orgs]
        for column in columns
        if identity.orgs and ORG_COLUMN.fullmatch(column)
    }
    conditions: list[str] = []
    parameters: list[object] = []
    for column, ids in org_ids.items() if not is_visit else ():
        conditions.append(in_list(identifier(column), ids))
        parameters += ids
    if identity.users:
        conditions += _user_conditions(connection, catalog, columns)
    if conditions:
        yield Rows(*key, " or ".join(conditions), tuple(parameters), 0)
    if is_visit:
        # The visitor may be somebody else; only the link to the org goes.
        for column, ids in org_ids.items():
            name = identifier(column)
            condition = f"{in_list(name, ids)} and not ({has_key('visitor_id')})"
            yield Rows(*key, condition, tuple(ids), 0, f"{name} = null")


def _user_conditions(
    connection: Connection, catalog: Catalog, columns: Mapping[str, str]
) -> Iterator[str]:
    """Yield conditions on the rows of the subject's users in a table."""
    if "user_id" in columns:
        yield has_key("user_id")
    if "visitor_id" in columns:
        yield has_key("visitor_id")
    if {"user_id", "client_address"} <= columns.keys():
        yield f"(user_id is null and {has_key('client_address')})"
    visits = catalog.with_columns("session_id", "visitor_id")
    if "session_id" in columns and "visitor_id" not in columns and visits:
        # The last table in order: its rows are deleted after those that refer to it.
        yield (
            "session_id in (select session_id "
            f"from {connection.table(*visits[-1])} where {has_key('visitor_id')})"
        )


def _ledger_rows(
    connection: Connection,
    key: tuple[str, str],
    columns: Mapping[str, str],
    identity: Identity,
) -> Iterator[Rows]:
    objects = exported_objects()
    if {"object", "key"} <= columns.keys() and identity.orgs and objects:
        keys = [str(org) for org in identity.orgs]
        condition = f"{in_list('object', objects)} and {in_list('key', keys)}"
        yield Rows(*key, condition, (*objects, *keys), 0)
    for column in TEXT_COLUMNS:
        if column in columns and key[1] != "load_rejects":
            yield from _redacted_rows(connection, key, column, identity.texts)


def _redacted_rows(
    connection: Connection, key: tuple[str, str], column: str, texts: Texts
) -> Iterator[Rows]:
    """Yield the rows of a ledger whose text contains one of the texts to erase."""
    beginnings = sorted({form[:MIN_CUT_CHARACTERS] for form in texts.forms})
    if not beginnings:
        return
    likely = " or ".join(f"position(? in {column}) > 0" for _ in beginnings)
    found = connection.fetch_all(
        f"{SENDER} texts of {key[1]}\nselect distinct {column} "
        f"from {connection.table(*key)} where {likely}",
        beginnings,
    )
    changes = [(old, new) for (old,) in found if (new := texts.redact(old)) != old]
    for start in range(0, len(changes), TEXTS_PER_STATEMENT):
        batch = changes[start : start + TEXTS_PER_STATEMENT]
        cases = " ".join("when ? then ?" for _ in batch)
        old_texts = tuple(old for old, _ in batch)
        yield Rows(
            *key,
            in_list(column, old_texts),
            old_texts,
            0,
            f"{column} = case {column} {cases} end",
            tuple(text for change in batch for text in change),
        )


def _count(connection: Connection, rows: Rows, source: str) -> Rows:
    table = connection.table(rows.schema, rows.table)
    found = connection.fetch_all(
        f"{SENDER} count {rows.table}\n"
        f"select {'dt' if source else 'cast(null as date)'}, count(*) from {table} "
        f"where {rows.condition} group by 1",
        rows.parameters,
    )
    days = {day: int(count) for day, count in found}
    return replace(
        rows,
        count=sum(days.values()),
        source=source,
        days=days if source else {},
    )
