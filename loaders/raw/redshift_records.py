"""SQL that parses and validates raw lines on Redshift.

Creates the temporary table `parsed` from the tables that COPY filled: the source's
typed columns and, for a line that does not become a row, the reason and the line. It
rejects the same lines as `duckdb_records`, for the same reasons. A failed cast fails
the whole statement, so every text is validated before it is cast.
"""

from collections.abc import Sequence

from loaders.raw.parsed_records import parsed_columns
from loaders.raw.redshift_timestamps import iso_timestamp, log_timestamp
from loaders.raw.rules import (
    MAX_REJECT_CHARACTERS,
    NOT_A_JSON_OBJECT,
    json_reject_branches,
    log_reject_branches,
    unknown_format,
    unknown_type,
)
from loaders.warehouse.declared_tables import Column, Table

BACKSLASH = "chr(92)"
# Placeholders for an escaped backslash, an escaped quote and the start of `\uXXXX`.
ESCAPED_BACKSLASH, ESCAPED_QUOTE, UNICODE_ESCAPE = "chr(28)", "chr(29)", "\x1e"

WHITE = " \t\f"
WORD = f"[^{WHITE}]+"
LOG_HEAD = f"^{WORD} {WORD} {WORD} [[][^]]*[]] "
COMBINED_LOG = (
    f'{LOG_HEAD}"[^"]*" [0-9][0-9][0-9] ([0-9]+|-) "[^"]*" "[^"]*"[{WHITE}]*$'
)
REQUEST_LINE = f"^{WORD} {WORD} {WORD}$"
JSON_STRINGS = '^[[]("[^"]*"(,"[^"]*")*)?[]]$'
HEX = "[0-9a-fA-F]"
SURROGATE_PAIR = (
    f"{UNICODE_ESCAPE}[dD][89abAB]{HEX}{HEX}{UNICODE_ESCAPE}[dD][c-fC-F]{HEX}{HEX}"
)
LONE_SURROGATE = f"{UNICODE_ESCAPE}[dD][89a-fA-F]"
# COPY itself rejects lines that are too long or not valid UTF-8.
LINE_REASONS = [f"when btrim(line, '{WHITE}' || chr(11)) = '' then ''"]


def parse_statements(table: Table, inputs: Sequence[str]) -> list[str]:
    """Return the statements that parse the lines of the tables `inputs` into `parsed`.

    Each input table has the columns `object_number` and `line`. Columns of `parsed`:
    object_number, the table's keys, `extra` where the table has it, reason (null for a
    valid line, '' for a blank one) and line (for rejects only, cut at 4,096
    characters).
    """
    parsers = {"json_lines": _json_lines, "combined_log": _combined_log}
    if table.line_format not in parsers:
        raise unknown_format(table, parsers)
    queries = [("lines", _lines(inputs)), *parsers[table.line_format](table)]
    return [
        f"-- loaders.raw.redshift_records create {name} {table.name}\n"
        f"create temp table {name} as\n{query}"
        for name, query in queries
    ]


def temporary_tables(table: Table) -> list[str]:
    """Return the names of the tables that `parse_statements` creates."""
    return [
        statement.split(" as\n")[0].rpartition(" ")[2]
        for statement in parse_statements(table, ["copied"])
    ]


def _lines(inputs: Sequence[str]) -> str:
    r"""Return SQL for all lines, without a CR at their end.

    Any other CR becomes a vertical tab, as in `spool`. COPY stores its null marker
    `\N` as null.
    """
    line = f"coalesce(line, {BACKSLASH} || 'N')"
    without_cr = f"""case
        when right({line}, 1) = chr(13) then substring({line}, 1, len({line}) - 1)
        else {line}
    end"""
    return "\nunion all\n".join(
        f"select object_number, replace({without_cr}, chr(13), chr(11)) as line "
        f"from {name}"
        for name in inputs
    )


def _validated(
    table: Table, typed: str, reasons: Sequence[str]
) -> list[tuple[str, str]]:
    """Return the queries of the last two tables, `typed` and `parsed`.

    The argument `typed` is the first query's text after `select *,`. Redshift would
    evaluate an expression of a subquery each time it is used, so `typed` is a table.
    """
    rejected_line = (
        f"case when reason is not null then left(line, {MAX_REJECT_CHARACTERS}) end"
    )
    reason = "\n        ".join(["case", *reasons])
    parsed = f"""select object_number, {parsed_columns(table)}, reason,
    {rejected_line} as line
from (select *, {reason} end as reason from typed) as validated"""
    return [("typed", f"select *, {typed}"), ("parsed", parsed)]


def _json_lines(table: Table) -> list[tuple[str, str]]:
    texts = ", ".join(
        f"nullif(json_serialize(records.record.{column.name}), 'null') "
        f"as text_{column.name}"
        for column in table.data_columns
    )
    values = ", ".join(
        f"records.record.{column.name} as value_{column.name}"
        for column in table.data_columns
    )
    typed = ", ".join(
        f'{_from_json(column)} as "{column.name}"' for column in table.data_columns
    )
    reasons = [
        *LINE_REASONS,
        f"when record is null then '{NOT_A_JSON_OBJECT}'",
        *json_reject_branches(table),
    ]
    return [
        ("records", _json_records()),
        ("texts", f"select *, {texts}, {values} from records"),
        *_validated(
            table, f"{typed}, {_unknown_keys(table)} as extra from texts", reasons
        ),
    ]


def _json_records() -> str:
    """Return SQL that parses JSON objects; rejects NUL and lone surrogates in them."""
    escapes = (
        f"replace(replace(line, {BACKSLASH} || {BACKSLASH}, ''), "
        f"{BACKSLASH} || 'u', '{UNICODE_ESCAPE}')"
    )
    without_pairs = f"regexp_replace({escapes}, '{SURROGATE_PAIR}', '')"
    return f"""select object_number, line,
    case
        when substring(ltrim(line, '{WHITE}'), 1, 1) = '{{'
            and can_json_parse(line)
            and position('{UNICODE_ESCAPE}0000' in {escapes}) = 0
            and (
                position('{UNICODE_ESCAPE}d' in lower({escapes})) = 0
                or {without_pairs} !~ '{LONE_SURROGATE}'
            )
        then json_parse(line)
    end as record
from lines"""


def _unknown_keys(table: Table) -> str:
    """Return SQL for the keys without a column, as one JSON object; null without any.

    The pairs of known keys are removed from the record's text. If the text becomes too
    short, because an unknown key contains an equal pair, the whole record is kept.
    """
    inner = "substring(json_serialize(record), 2, len(json_serialize(record)) - 2)"
    text = f"(',' || {inner} || ',')"
    unknown = text
    for column in table.data_columns:
        unknown = f"replace({unknown}, coalesce({_pair(column)}, chr(31)), ',')"
    known_length = " + ".join(
        f"coalesce(len({_pair(column)}) - 1, 0)" for column in table.data_columns
    )
    return f"""case
        when len(json_serialize(record)) - 1 <= {known_length} then null
        when len({unknown}) = len({text}) - ({known_length})
        then json_parse('{{' || substring({unknown}, 2, len({unknown}) - 2) || '}}')
        else record
    end"""


def _pair(column: Column) -> str:
    """Return SQL for the text of a key and its value in a record, between commas."""
    value = f"value_{column.name}"
    return (
        f"case when json_typeof({value}) is not null "
        f"then ',\"{column.name}\":' || json_serialize({value}) || ',' end"
    )


def _from_json(column: Column) -> str:
    """Return SQL that converts a key's JSON text to the column's type, or null."""
    text = f"text_{column.name}"
    first = f"substring({text}, 1, 1)"
    if column.data_type == "json":
        return f"case when {_has_declared_content(column)} then value_{column.name} end"
    # The cast removes a string's quotes. Other scalars are already plain text.
    scalar = f"""(case
            when {first} = '"' then cast(value_{column.name} as varchar(65535))
            when {first} not in ('{{', '[') then {text}
        end)"""
    if column.data_type.startswith("varchar"):
        return scalar
    if column.data_type in ("bigint", "integer"):
        return _whole_number(scalar, column.data_type)
    if column.data_type == "boolean":
        return f"""case
            when lower(btrim({scalar})) in ('true', 't', 'yes', 'y', '1') then true
            when lower(btrim({scalar})) in ('false', 'f', 'no', 'n', '0') then false
        end"""
    if column.data_type == "timestamp":
        return iso_timestamp(
            f"(case when {first} = '\"' "
            f"then cast(value_{column.name} as varchar(65535)) end)"
        )
    raise unknown_type(column)


def _whole_number(scalar: str, data_type: str) -> str:
    """Return SQL for digits as a number; null outside the range of the type."""
    limit = 2**63 if data_type == "bigint" else 2**31
    number = f"cast(btrim({scalar}) as numeric(38, 0))"
    return f"""case
        when {scalar} ~ '^ *[+-]?[0-9]+ *$' and len({scalar}) <= 38
        then case
            when {number} between -{limit} and {limit - 1}
            then cast({number} as {data_type})
        end
    end"""


def _has_declared_content(column: Column) -> str:
    """Return an SQL condition: the JSON text is the declared array or object."""
    text = f"text_{column.name}"
    if column.json_content == "strings":
        without_escapes = (
            f"replace(replace({text}, {BACKSLASH} || {BACKSLASH}, ''), "
            f"{BACKSLASH} || '\"', '')"
        )
        return f"{without_escapes} ~ '{JSON_STRINGS}'"
    return f"substring({text}, 1, 1) = '{{'"


def _combined_log(table: Table) -> list[tuple[str, str]]:
    """Return the queries for the combined log format.

    Escaped characters are replaced by placeholders first, so that every remaining quote
    delimits a field.
    """
    escaped = f"replace(line, {BACKSLASH} || {BACKSLASH}, {ESCAPED_BACKSLASH})"
    escaped = f"replace({escaped}, {BACKSLASH} || '\"', {ESCAPED_QUOTE})"
    words = " + ".join(
        f"len(split_part(head, ' ', {position}))" for position in (1, 2, 3)
    )
    heads = f"""select object_number, line, escaped,
    case
        when escaped ~ '{COMBINED_LOG}' then regexp_substr(escaped, '{LOG_HEAD}')
    end as head
from (select object_number, line, {escaped} as escaped from lines) as escaped_lines"""
    request, referrer, user_agent = (
        f"split_part(tail, '\"', {position})" for position in (2, 4, 6)
    )
    numbers = "btrim(split_part(tail, '\"', 3))"
    fields = f"""select object_number, line, head,
    {_restore_escapes("split_part(head, ' ', 1)")} as client_address,
    split_part(head, ' ', 3) as authuser,
    substring(head, {words} + 5, len(head) - ({words}) - 6) as log_time,
    {_restore_escapes(request)} as request,
    {request} as request_words,
    split_part({numbers}, ' ', 1) as status_text,
    split_part({numbers}, ' ', 2) as bytes_text,
    {_restore_escapes(referrer)} as referrer,
    {_restore_escapes(user_agent)} as user_agent
from (
    select *, substring(escaped, len(head) + 1) as tail from heads
) as tails"""
    user_id = _whole_number("authuser", "bigint")
    typed = f"""case when authuser ~ '^[0-9]+$' then {user_id} end as user_id,
        {log_timestamp("log_time")} as requested_at,
        {_request_word(1)} as method,
        {_request_word(2)} as path,
        {_request_word(3)} as protocol,
        cast(status_text as integer) as status,
        {_whole_number("bytes_text", "bigint")} as response_bytes
        from fields"""
    reasons = [
        *LINE_REASONS,
        *log_reject_branches(
            fields="head", authuser="authuser", bytes_text="bytes_text"
        ),
    ]
    return [("heads", heads), ("fields", fields), *_validated(table, typed, reasons)]


def _request_word(position: int) -> str:
    word = _restore_escapes(f"split_part(request_words, ' ', {position})")
    return f"case when request_words ~ '{REQUEST_LINE}' then {word} end"


def _restore_escapes(text: str) -> str:
    """Return SQL that replaces the placeholders with the escaped characters."""
    return (
        f"replace(replace({text}, {ESCAPED_QUOTE}, {BACKSLASH} || '\"'), "
        f"{ESCAPED_BACKSLASH}, {BACKSLASH} || {BACKSLASH})"
    )
