"""SQL that parses the ordinary raw lines on Redshift.

It accepts only lines whose meaning is certain: usual spellings of numbers and
timestamps, no control characters, no rare escapes. It rejects nothing: `records` parses
every other line. A failed cast fails the whole statement, so every text is matched with
a regular expression before it is cast.

The patterns contain no backslash because its meaning inside quotes depends on the
server's settings; `MARK` takes its place in the text.
"""

from collections.abc import Sequence

from loaders.raw.redshift.timestamps import LOG_TIMESTAMP, iso_timestamp, log_timestamp
from loaders.raw.rules import unknown_format, unknown_type
from loaders.warehouse.declared_tables import Column, Table

BACKSLASH = "chr(92)"
CONTROL = "[[:cntrl:]]"
# JSON_SERIALIZE fails if its result exceeds 65,535 bytes. Whether it escapes characters
# or writes all digits of a double, it writes at most six bytes for each one.
MAX_BYTES = 65_535 // 6
MAX_BRACKETS = 100
MARK = "\x01"  # ordinary lines contain no control character
# Escapes of surrogates and control characters, and escapes inside a key.
RARE_ESCAPE = f"{MARK}u([dD][89a-fA-F]|00[01])"
ESCAPE_IN_KEY = f'{MARK}u([^"{MARK}]|{MARK}.)*" *:'
# A leading zero, an exponent, or more digits than a bigint always holds.
ODD_NUMBER = '(" *:|[[,]) *-?(0[0-9]|[0-9]+[.]?[0-9]*[eE]|' + "[0-9.]" * 19 + ")"
JSON_STRINGS = '^[[]("[^"]*"(, ?"[^"]*")*)?[]]$'
INTEGERS = {"bigint": 18, "integer": 9}  # digits that always fit

ESCAPED_BACKSLASH, ESCAPED_QUOTE = "\x1c", "\x1d"
WORD = "[!#-~]+"
LOG_HEAD = f"^{WORD} {WORD} (-|[0-9]{{1,18}}) [[]{LOG_TIMESTAMP}[]] "
REQUEST = f"[ !#-~{ESCAPED_BACKSLASH}{ESCAPED_QUOTE}]*"
COMBINED_LOG = (
    f'{LOG_HEAD}"{REQUEST}" [0-9][0-9][0-9] ([0-9]{{1,18}}|-) "[^"]*" "[^"]*" *$'
)
REQUEST_WORD = f"[!#-~{ESCAPED_BACKSLASH}{ESCAPED_QUOTE}]+"
REQUEST_LINE = f"^{REQUEST_WORD} {REQUEST_WORD} {REQUEST_WORD}$"

IS_BLANK = "btrim(line, ' ' || chr(9) || chr(13)) = ''"
TEMPORARY_TABLES = ("records", "parsed")


def parse_statements(table: Table, inputs: Sequence[str]) -> list[str]:
    """Return the statements that parse the lines of the tables `inputs` into `parsed`.

    Each input table has the columns `dt` and `line`. Columns of `parsed`: dt, line, the
    table's data columns, `extra` where the table has it, and those of `is_parsed`.
    """
    parsers = {"json_lines": _json_lines, "combined_log": _combined_log}
    if table.line_format not in parsers:
        raise unknown_format(table, parsers)
    # COPY stores its null marker as null.
    lines = "\n    union all ".join(
        f"select dt, coalesce(line, {BACKSLASH} || 'N') as line from {name}"
        for name in inputs
    )
    # The line itself keeps its CRs: they count for its length.
    source = (
        f"(select *, rtrim(line, chr(13)) as text from ({lines}) as lines) as lines"
    )
    queries = parsers[table.line_format](table, source)
    return [
        f"-- loaders.raw.redshift.parse_sql create {name} {table.name}\n"
        f"create temp table {name} as\n{query}"
        for name, query in zip(TEMPORARY_TABLES, queries, strict=True)
    ]


def is_parsed(table: Table) -> str:
    """Return an SQL condition on `parsed`: the line is ordinary, so it is a row."""
    conditions = [
        f'"{column.name}" is not null'
        if column.is_required
        else f'("{column.name}" is not null) = has_{column.name}'
        for column in table.data_columns
        if column.is_required or table.line_format == "json_lines"
    ]
    if table.line_format == "json_lines":
        conditions.append("coalesce(json_typeof(extra), 'object') = 'object'")
    return " and ".join(conditions)


def _json_lines(table: Table, lines: str) -> tuple[str, str]:
    records = f"""select dt, line,
    case
        when left(text, 1) = '{{' and {_is_ordinary_json(table)}
        then json_parse(text)
    end as record
from {lines}"""
    columns = ",\n    ".join(
        f'{_from_json(column)} as "{column.name}"' for column in table.data_columns
    )
    presence = "".join(
        f",\n    {_has_value(column)} as has_{column.name}"
        for column in table.data_columns
        if not column.is_required
    )
    parsed = f"""select dt, line,
    {columns}{presence},
    {_unknown_keys(table)} as extra
from records"""
    return records, parsed


def _is_ordinary_json(table: Table) -> str:
    keys = "|".join(
        column.name for column in table.data_columns if column.data_type != "json"
    )
    odd_whole_number = f'"({keys})" *: *(-?[0-9]+[.]|-0)'
    marked = f"replace(text, {BACKSLASH}, '{MARK}')"
    return f"""octet_length(text) <= {MAX_BYTES}
            and text !~ '{CONTROL}'
            and len(text) - len(translate(text, '[{{', '')) <= {MAX_BRACKETS}
            and text !~ '{ODD_NUMBER}'
            and text !~ '{odd_whole_number}'
            and (
                position({BACKSLASH} || 'u' in text) = 0
                or ({marked} !~ '{RARE_ESCAPE}' and {marked} !~ '{ESCAPE_IN_KEY}')
            )
            and can_json_parse(text)"""


def _value(column: Column) -> str:
    return f"records.record.{column.name}"


def _has_value(column: Column) -> str:
    return f"coalesce(json_typeof({_value(column)}), 'null') != 'null'"


def _unknown_keys(table: Table) -> str:
    """Return SQL for the keys without a column, as one JSON object; null without any.

    The pairs of known keys are removed from the record's text. The value is false if
    the text becomes too short, because an unknown key contains an equal pair.
    """
    serialized = "json_serialize(records.record)"
    text = f"(',' || substring({serialized}, 2, len({serialized}) - 2) || ',')"
    unknown = text
    for column in table.data_columns:
        unknown = f"replace({unknown}, coalesce({_pair(column)}, '{MARK}'), ',')"
    known_length = _known_length(table)
    return f"""case
        when len({serialized}) - 1 > {known_length}
        then case
            when len({unknown}) = len({text}) - ({known_length})
            then json_parse('{{' || substring({unknown}, 2, len({unknown}) - 2) || '}}')
            else json_parse('false')
        end
    end"""


def _known_length(table: Table) -> str:
    """Return SQL for the length of the known pairs in a record, commas included."""
    return " + ".join(
        f"coalesce(len({_pair(column)}) - 1, 0)" for column in table.data_columns
    )


def _pair(column: Column) -> str:
    """Return SQL for the text of a key and its value in a record, between commas."""
    return (
        f"case when json_typeof({_value(column)}) is not null "
        f"then ',\"{column.name}\":' || json_serialize({_value(column)}) || ',' end"
    )


def _from_json(column: Column) -> str:
    """Return SQL that converts a key's value to the column's type, or null."""
    value = _value(column)
    text = (
        f"case json_typeof({value}) when 'string' then cast({value} as varchar(65535))"
    )
    scalar = f"({text} when 'number' then json_serialize({value}) end)"
    data_type = column.data_type.partition("(")[0]
    if data_type == "json":
        return f"case when {_has_declared_content(column)} then {value} end"
    if data_type == "varchar":
        number = f"json_serialize({value})"
        return f"""{text}
            when 'number'
            then case when {number} ~ '^-?[0-9]{{1,18}}$' then {number} end
        end"""
    if data_type in INTEGERS:
        digits = INTEGERS[data_type]
        pattern = f"^ *([+]?[0-9]{{1,{digits}}}|-[1-9][0-9]{{0,{digits - 1}}}) *$"
        return f"""case
            when {scalar} ~ '{pattern}' then cast(btrim({scalar}, ' ') as {data_type})
        end"""
    if data_type == "boolean":
        scalar = f"{scalar[:-5]} when 'boolean' then json_serialize({value}) end)"
        word = f"lower(btrim({scalar}, ' '))"
        return f"""case
            when {word} in ('true', 't', 'yes', 'y', '1') then true
            when {word} in ('false', 'f', 'no', 'n', '0') then false
        end"""
    if data_type == "timestamp":
        return iso_timestamp(f"({text} end)")
    raise unknown_type(column)


def _has_declared_content(column: Column) -> str:
    """Return an SQL condition: the value is the declared array or object."""
    value = _value(column)
    if column.json_content == "strings":
        text = f"json_serialize({value})"
        return (
            f"json_typeof({value}) = 'array' and {text} ~ '{JSON_STRINGS}' "
            f"and position({BACKSLASH} in {text}) = 0"
        )
    return f"json_typeof({value}) = 'object'"


def _combined_log(table: Table, lines: str) -> tuple[str, str]:
    """Return the queries for the combined log format.

    Escaped characters are replaced by placeholders first, so that every remaining quote
    delimits a field.
    """
    escaped = (
        f"replace(replace(text, {BACKSLASH} || {BACKSLASH}, '{ESCAPED_BACKSLASH}'), "
        f"{BACKSLASH} || '\"', '{ESCAPED_QUOTE}')"
    )
    tail = "substring(escaped, len(head) + 1, 65535)"
    records = f"""select dt, line, head, {tail} as tail
from (
    select *,
        case
            when text !~ '{CONTROL}' and escaped ~ '{COMBINED_LOG}'
            then regexp_substr(escaped, '{LOG_HEAD}')
        end as head
    from (select dt, line, text, {escaped} as escaped from {lines}) as escaped_lines
) as heads"""
    request, numbers, referrer, user_agent = (
        f"split_part(tail, '\"', {position})" for position in (2, 3, 4, 6)
    )
    user_id = "split_part(head, ' ', 3)"
    response_bytes = f"split_part(btrim({numbers}, ' '), ' ', 2)"
    log_time = "substring(head, len(head) - 27, 26)"  # before `] `
    values = {
        "client_address": "split_part(head, ' ', 1)",
        "user_id": f"case when {user_id} != '-' then cast({user_id} as bigint) end",
        "requested_at": log_timestamp(log_time),
        "request": _restore_escapes(request),
        "method": _request_word(request, 1),
        "path": _request_word(request, 2),
        "protocol": _request_word(request, 3),
        "status": f"cast(split_part(btrim({numbers}, ' '), ' ', 1) as integer)",
        "response_bytes": (
            f"case when {response_bytes} != '-' "
            f"then cast({response_bytes} as bigint) end"
        ),
        "referrer": _restore_escapes(referrer),
        "user_agent": _restore_escapes(user_agent),
    }
    columns = ",\n    ".join(
        f'case when head is not null then {values[column.name]} end as "{column.name}"'
        for column in table.data_columns
    )
    return records, f"select dt, line,\n    {columns}\nfrom records"


def _request_word(request: str, position: int) -> str:
    word = _restore_escapes(f"split_part({request}, ' ', {position})")
    return f"case when {request} ~ '{REQUEST_LINE}' then {word} end"


def _restore_escapes(text: str) -> str:
    """Return SQL that replaces the placeholders with the escaped characters."""
    return (
        f"replace(replace({text}, '{ESCAPED_QUOTE}', {BACKSLASH} || '\"'), "
        f"'{ESCAPED_BACKSLASH}', {BACKSLASH} || {BACKSLASH})"
    )
