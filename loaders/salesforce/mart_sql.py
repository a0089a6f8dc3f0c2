"""SQL over the mart: which rows may have changed, and how plain rows are rendered.

Both warehouses compute the hash of a row's values alike. It finds the rows whose values
may have changed; the rendered payload decides whether they have. The rendering does in
SQL what `rows` does in Python, for rows of which every value has a plain form. It is
for a warehouse that can write the staging database.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from loaders.config.salesforce_mapping import Field, Mapping
from loaders.errors import DataError
from loaders.salesforce import state
from loaders.salesforce.ledger import Scope, Sync
from loaders.salesforce_api.values import FIRST_YEAR, LAST_YEAR, NULL_MARKER
from loaders.warehouse import Connection, identifier, literal

DELTA = "salesforce_delta"  # a temporary table: the keys of the rows to stage
SENDER = "-- loaders.salesforce.mart_sql"
MAX_HASHED_TEXT = 250  # longer texts are hashed first, because SQL text has a limit
# The types of which every value has less than 64 characters; all others are texts.
SHORT_TYPES = (
    *("int", "bigint", "smallint", "numeric", "decimal"),
    *("date", "time", "double", "float", "real"),
)
# Keys of other characters may be equal in Salesforce although SQL finds them different.
PLAIN_KEY = "'^[ -~]+$'"
# Regular expressions: characters that JSON escapes; texts that render as null.
ESCAPED = r"""'[\x00-\x1f"\\]'"""
BLANK = r"'[\s\x{85}\p{Z}]*'"


@dataclass(frozen=True)
class Mart:
    """The mart, its columns' types in lower case, and the SQL of a row as one text."""

    table: str
    mapping: Mapping
    types: dict[str, str]
    row_text: str

    @property
    def key(self) -> str:
        """The SQL of the key as text."""
        return f"cast({identifier(self.mapping.key.column)} as varchar(256))"


def read_mart(connection: Connection, mapping: Mapping) -> Mart:
    """Return the mart as the warehouse describes it."""
    table = connection.table("marts", mapping.model)
    names = ", ".join(identifier(item.column) for item in mapping.fields if item.column)
    columns = connection.columns(f"{SENDER} list columns\nselect {names} from {table}")
    types = {name: kind.lower() for name, kind in columns}
    texts = [_source_text(identifier(name), kind) for name, kind in types.items()]
    # Different rows have different texts: a text follows its length, and no other
    # value contains a comma.
    separated = [part for text in texts for part in ("','", text)]
    return Mart(table, mapping, types, connection.concatenated(separated))


def count_rows(connection: Connection, mart: Mart, data_date: date | None) -> int:
    """Return the number of rows; `DataError` if one has another data date."""
    mapping = mart.mapping
    sender = f"{SENDER} count {mapping.model}\n"
    if not (mapping.data_date and data_date):
        ((count,),) = connection.fetch_all(f"{sender}select count(*) from {mart.table}")
        return int(count)
    column = identifier(mapping.data_date)
    ((count, equal),) = connection.fetch_all(
        f"{sender}select count(*), count(case when {column} = ? then 1 end) "
        f"from {mart.table}",
        [data_date],
    )
    if count != equal:
        other = connection.fetch_one(
            f"{sender}select {column} from {mart.table} "
            f"where {column} is null or {column} != ? limit 1",
            [data_date],
        )
        actual = other[0] if other else None
        raise DataError(
            f"{mapping.model} has a row with {mapping.data_date} = {actual}, but the "
            f"sync is for {data_date}. Build the mart for {data_date}, or sync "
            f"{actual}."
        )
    return int(count)


def source_hash(mart: Mart, version: str) -> str:
    """Return the SQL of a row's hash; equal hashes mean equal values and mapping.

    `version` is the version of org and mapping.
    """
    return f"md5({literal(version)} || {mart.row_text})"


def _source_text(name: str, kind: str) -> str:
    if kind.startswith("bool"):
        return f"case when {name} then 't' when not {name} then 'f' else '' end"
    if not kind.startswith(SHORT_TYPES):
        return (
            f"case when {name} is null then ''"
            f" when length({name}) > {MAX_HASHED_TEXT} then 'h' || md5({name})"
            f" else cast(length({name}) as varchar(20)) || ':' || {name} end"
        )
    text = f"cast({name} as varchar(64))"
    if kind.startswith(("double", "float", "real")):
        # The text may have fewer digits than the number, so the difference follows.
        rest = f"{name} - cast({text} as double precision)"
        text += f" || '+' || cast({rest} as varchar(64))"
    return f"coalesce({text}, '')"


@contextmanager
def delta(
    connection: Connection, mart: Mart, sync: Sync, scope: Scope
) -> Iterator[None]:
    """Keep a temporary table with the keys of the rows that may have to be sent.

    A row is in it unless exactly its key was accepted with the same hash, is plain, is
    the only one in the mart that Salesforce treats as equal, and is not rejected.
    """
    _create_delta(connection, mart, sync, scope)
    yield
    connection.execute(f"{SENDER} drop delta\ndrop table {DELTA}")


def _create_delta(connection: Connection, mart: Mart, sync: Sync, scope: Scope) -> None:
    connection.execute(f"{SENDER} drop delta\ndrop table if exists {DELTA}")
    folded = scope.fold("source.key")
    rejected, parameters = state.reopened_keys(connection, scope)
    # CREATE TABLE AS takes no parameters.
    connection.execute(
        f"{SENDER} create delta\ncreate temp table {DELTA} (key varchar(256))"
    )
    connection.execute(
        f"""{SENDER} delta {mart.mapping.model}
insert into {DELTA}
select distinct source.key
from (
    select {mart.key} as key, {source_hash(mart, sync.mapping_version)} as source_hash
    from {mart.table}
) as source
left join (
    select key, source_hash
    from {connection.table("ops", "salesforce_state")}
    where object = ? and salesforce_org_id = ?
) as accepted
    on source.key = accepted.key
where
    accepted.key is null
    or source.source_hash != accepted.source_hash
    or not source.key ~ {PLAIN_KEY}
    or {folded} in (
        select {scope.fold(mart.key)} from {mart.table} group by 1 having count(*) > 1
    )
    or {folded} in ({rejected})""",
        [scope.object, scope.salesforce_org_id, *parameters],
    )


def source_rows(mart: Mart, version: str, *, is_delta: bool) -> str:
    """Return a query for the mapped columns and `source_hash` of the rows to stage."""
    columns = ", ".join(identifier(name) for name in mart.types)
    query = f"select {columns}, {source_hash(mart, version)} as source_hash"
    query += f" from {mart.table}"
    return f"{query} where {_is_in_delta(mart)}" if is_delta else query


def unstaged_rows(mart: Mart) -> str:
    """Return the FROM and WHERE clauses for the rows that are not in the delta."""
    return f"from {mart.table} where not {_is_in_delta(mart)}"


def _is_in_delta(mart: Mart) -> str:
    # A null is in no list.
    return f"coalesce({mart.key}, '') in (select coalesce(key, '') from {DELTA})"


def staged_keys(mart: Mart, scope: Scope, *, with_missing: bool) -> str:
    """Return a condition for the accepted keys whose state a delta needs.

    With `with_missing`, these include the keys that are not in the mart.
    """
    key = scope.fold("accepted.key")
    condition = f"{key} in (select {scope.fold('key')} from {DELTA})"
    if with_missing:
        condition += (
            f" or {key} not in (select {scope.fold(mart.key)} from {mart.table}"
            f" where {mart.key} is not null)"
        )
    return condition


@dataclass(frozen=True)
class _Rendering:
    """SQL of a value's rendered text or null, and of whether the value is plain."""

    text: str
    is_plain: str


def plain_condition(mart: Mart) -> str | None:
    """Return the condition of rows that `rendered_rows` renders; None if there is none.

    It is never null.
    """
    checks = [f"coalesce(regexp_full_match({mart.key}, {PLAIN_KEY}), false)"]
    for item in mart.mapping.fields:
        if item.column:
            rendering = _rendering(item, mart.types[item.column])
            if rendering is None:
                return None
            is_null = f"{identifier(item.column)} is null"
            checks.append(f"coalesce({rendering.is_plain}, {is_null})")
            if item == mart.mapping.key:
                checks.append(f"coalesce(trim({mart.key}) != '', false)")
    return " and ".join(f"({check})" for check in checks)


def rendered_rows(mart: Mart, version: str, source: str) -> str:
    """Return a query that renders the rows of a query like `source_rows`.

    All its rows must be plain. The columns are key, source_hash, hash, payload, line.
    """
    fields, key = mart.mapping.fields, mart.mapping.key
    texts = {item.name: f"v{number}" for number, item in enumerate(fields)}
    selected = ", ".join(
        f"{_rendered_text(mart, item)} as {texts[item.name]}" for item in fields
    )
    payload = ", ".join(
        _fragment(item, texts[item.name]) for item in fields if item != key
    )
    sent = mart.mapping.sent_fields
    line = ", ',', ".join(_cell(item, texts[item.name]) for item in sent)
    return (
        f"select key, source_hash, sha256({literal(version)} || chr(10) || payload),"
        f" payload, line from (select {texts[key.name]} as key, source_hash,"
        f" '{{' || concat_ws(',', {payload}) || '}}' as payload,"
        f" concat({line}) as line from (select source_hash, {selected}"
        f" from ({source}) as source) as texts) as rendered"
    )


def _rendered_text(mart: Mart, item: Field) -> str:
    if not item.column:
        return "'false'"  # the flag of rows that are in the mart
    rendering = _rendering(item, mart.types[item.column])
    return rendering.text if rendering else "null"


def _rendering(item: Field, kind: str) -> _Rendering | None:
    name = identifier(item.column)
    text = f"cast({name} as varchar)"
    if item.type == "text" and kind.startswith(("varchar", "text")):
        value = f"left({name}, {item.length})" if item.too_long == "truncate" else name
        is_plain = (
            f"not regexp_matches({name}, {ESCAPED}) and {value} != '{NULL_MARKER}'"
            f" and length({value}) <= {item.length}"
        )
        return _Rendering(
            f"case when not regexp_full_match({name}, {BLANK}) then {value} end",
            is_plain,
        )
    if item.type == "date" and kind == "date":
        return _Rendering(text, f"year({name}) between {FIRST_YEAR} and {LAST_YEAR}")
    if item.type == "checkbox" and kind.startswith("bool"):
        is_plain = "true" if item.nulls == "ignore" else f"{name} is not null"
        return _Rendering(
            f"case when {name} then 'true' when not {name} then 'false' end", is_plain
        )
    if item.is_numeric and item.whole_digits is not None:
        limit = 10**item.whole_digits  # abs() fails for the smallest bigint
        fits = f"{name} > -{limit} and {name} < {limit}"
        if kind.rstrip("0123456789") in ("bigint", "integer", "smallint", "int"):
            return _Rendering(text, fits)
        # The type has the form `decimal(38,2)`.
        scale = int(kind[:-1].rpartition(",")[2]) if kind.startswith("decimal(") else 99
        if scale <= item.scale:
            if scale:
                text = f"rtrim(rtrim({text}, '0'), '.')"
            return _Rendering(text, fits)
    return None


def _fragment(item: Field, text: str) -> str:
    null = "" if item.nulls == "ignore" else f""", '"{item.name}":null'"""
    return f"""coalesce('"{item.name}":"' || {text} || '"'{null})"""


def _cell(item: Field, text: str) -> str:
    null = "" if item.nulls == "ignore" else NULL_MARKER
    if item.type == "text":
        quoted = f"""'"' || {text} || '"'"""
        text = f"case when contains({text}, ',') then {quoted} else {text} end"
    return f"coalesce({text}, '{null}')"
