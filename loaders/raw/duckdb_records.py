"""SQL that reads lines of text on the embedded engine and judges each one.

Gives one temporary table per batch of spooled objects: the source's typed columns, and
for a line that cannot become a row the reason and the line. Every rule here is the
contract's section 2; COPY's conversions are the measure of what is accepted.
"""

from pathlib import Path

from loaders.errors import ConfigError
from loaders.raw import duckdb_fast_path
from loaders.raw.duckdb_timestamps import LOG_TIME, moment
from loaders.raw.rules import (
    INVALID_BYTES,
    INVALID_TIMESTAMP,
    INVALID_USER,
    INVALID_UTF8,
    KEPT_CHARACTERS,
    MAX_LINE_BYTES,
    NOT_A_JSON_OBJECT,
    NOT_COMBINED_LOG,
    TOO_LONG,
    key_reasons,
)
from loaders.warehouse import literal
from loaders.warehouse.declared_tables import Column, Table

# No log holds this; a line must never be split into columns.
DELIMITER = "\x1f\x1e\x1f\x1e"
READER_LINE_BYTES = 4 << 20  # COPY refuses a row over 4 MB
READER_BUFFER_BYTES = 8 << 20

COMBINED_LOG = (
    r'^(\S+) (\S+) (\S+) \[([^\]]*)\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-) '
    r'"((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"\s*$'
)
COMBINED_FIELDS = [
    "client_address",
    "identity",
    "authuser",
    "time",
    "request",
    "status",
    "bytes",
    "referrer",
    "user_agent",
]
REQUEST_LINE = r"^(\S+) (\S+) (\S+)$"

# What this engine's JSON allows and JSON does not: a comma before the end of an
# object or array, and NaN or Infinity. Each pattern begins with a character that the
# search can look for; what they find within texts is no finding without the texts.
NO_NUMBER = "-?[nNiI][aAnN][nNfF]"
LENIENT = [rf",\s*(?:[}}\]]|{NO_NUMBER})", rf":\s*{NO_NUMBER}", rf"\[\s*{NO_NUMBER}"]
BARE = r"""regexp_replace(line, '"(?:[^"\\]|\\.)*"', '""', 'g')"""


def parse_statement(table: Table, paths: list[Path]) -> str:
    """Return `create temp table parsed ...` for the lines of `paths`.

    Its columns: object_number (its place in `paths`), the table's keys, `extra` where
    the table has it, reason (null for a good line, '' for a blank one), line (kept for
    rejects, cut at 4,096 characters). Rows keep the order of the lines, so rowid tells
    line numbers.
    """
    judges = {"json_lines": _json_lines, "combined_log": _combined_log}
    if table.line_format not in judges:
        raise ConfigError(
            f"{table.name}: no reader for format {table.line_format!r} in its YAML "
            f"(known: {', '.join(judges)})."
        )
    # Not every warehouse has a place for NUL in its texts.
    shown = f"left(replace(line, chr(0), ''), {KEPT_CHARACTERS})"
    kept = f"case when reason is not null then {shown} end"
    return f"""-- loaders.raw.load parse {table.name}
create or replace temp table parsed as
with lines as (
    select file_index as object_number, coalesce(line, '') as line
    from {_reader(paths)}
),
{judges[table.line_format](table)}
select object_number, {_published(table)}, reason, {kept} as line
from judged"""


def _published(table: Table) -> str:
    names = [column.name for column in table.columns if not column.is_bookkeeping]
    return ", ".join(f'"{name}"' for name in names)


def _reader(paths: list[Path]) -> str:
    files = ", ".join(literal(str(path)) for path in paths)
    return (
        f"read_csv([{files}], delim={literal(DELIMITER)}, quote='', escape='', "
        "header=false, auto_detect=false, columns={'line': 'varchar'}, "
        f"max_line_size={READER_LINE_BYTES}, "
        f"buffer_size={READER_BUFFER_BYTES})"
    )


def _json_lines(table: Table) -> str:
    """Read plain lines at one go; judge the rest, whose `plain` is null, by key."""
    paths = ", ".join(literal(f'$."{column.name}"') for column in table.keys)
    found = ", ".join(
        f"nullif(found[{place}]::varchar, 'null') as text_{column.name}"
        for place, column in enumerate(table.keys, start=1)
    )
    typed = ", ".join(
        f'coalesce(plain."{column.name}", {_from_json(column)}) as "{column.name}"'
        for column in table.keys
    )
    needed = " and ".join(
        f'read."{column.name}" is not null'
        for column in table.keys
        if column.is_required
    )
    return f"""reads as (
    select object_number, line,
        case
            when strlen(line) <= {MAX_LINE_BYTES}
                and regexp_full_match(line, {literal(duckdb_fast_path.pattern(table))})
            then from_json(line, {literal(duckdb_fast_path.structure(table))})
        end as read
    from lines
),
records as (
    select object_number, line,
        case when {needed or "true"} then read end as plain,
        case
            when plain is null
                and strlen(line) <= {MAX_LINE_BYTES}
                and not contains(line, chr(0))
                and json_valid(line)
                and not ({_maybe_lenient("line")} and {_maybe_lenient(BARE)})
                and ltrim(line, chr(32) || chr(9))[1] = '{{'
            then line
        end as record
    from reads
),
found as (
    select *, json_extract(record, [{paths}]) as found from records
),
texts as (select object_number, line, plain, record, found, {found} from found),
typed as (
    select *, {typed}, {_unknown_keys(table)} as extra from texts
),
judged as (
    select *, case {_json_reasons(table)} end as reason from typed
)"""


def _maybe_lenient(text: str) -> str:
    found = (f"regexp_matches({text}, {literal(pattern)})" for pattern in LENIENT)
    return f"({' or '.join(found)})"


def _unknown_keys(table: Table) -> str:
    """Keep keys that no column holds; counting them first spares most lines the work.

    Merging nulls over the known keys is JSON's own way to remove them (RFC 7396).
    """
    names = ", ".join(literal(column.name) for column in table.keys)
    nulls = ", ".join(f'"{column.name}":null' for column in table.keys)
    return f"""case
        when len(json_keys(record)) > list_count(found)
        and len(list_filter(json_keys(record), lambda k: k not in ({names}))) > 0
        then json_merge_patch(record, '{{{nulls}}}')
    end"""


def _from_json(column: Column) -> str:
    text = f"text_{column.name}"
    if column.data_type == "json":
        return f"case when {_holds(column, text)} then {text}::json end"
    plain = f"case when {text}[1] not in ('{{', '[') then {text}->>'$' end"
    if column.data_type.startswith("varchar"):
        return plain
    if column.data_type in ("bigint", "integer"):
        return _whole_number(text, plain, column.data_type)
    if column.data_type == "boolean":
        return f"""case
            when lower(trim({plain})) in ('true', 't', 'yes', 'y', '1') then true
            when lower(trim({plain})) in ('false', 'f', 'no', 'n', '0') then false
        end"""
    if column.data_type == "timestamp":
        return moment(f"(case when {text}[1] = '\"' then {text}->>'$' end)")
    raise ConfigError(f"{column.name}: no conversion to {column.data_type!r}.")


def _whole_number(text: str, plain: str, data_type: str) -> str:
    """Digits, bare or in quotes; the round trip spares most values the pattern."""
    return f"""case
        when try_cast({text} as {data_type})::varchar = {text}
        then try_cast({text} as {data_type})
        when regexp_full_match({plain}, ' *[+-]?[0-9]+ *')
        then try_cast(trim({plain}) as {data_type})
    end"""


def _holds(column: Column, text: str) -> str:
    if column.holds == "strings":
        return (
            f"({text}[1] = '[' and len(list_filter("
            f"from_json({text}, '[\"JSON\"]'), "
            "lambda item: coalesce((item::varchar)[1], 'n') != '\"')) = 0)"
        )
    return f"{text}[1] = '{{'"


def _json_reasons(table: Table) -> str:
    reasons = [
        "when plain is not null then null",
        "when trim(line, chr(32) || chr(9) || chr(11) || chr(12)) = '' then ''",
        f"when strlen(line) > {MAX_LINE_BYTES} then '{TOO_LONG}'",
        f"when contains(line, chr(0)) then '{INVALID_UTF8}'",
        f"when record is null then '{NOT_A_JSON_OBJECT}'",
    ]
    return "\n        ".join([*reasons, *key_reasons(table)])


def _combined_log(table: Table) -> str:
    fields = ", ".join(literal(name) for name in COMBINED_FIELDS)
    request = f"regexp_extract(field.request, '{REQUEST_LINE}', ["
    request += "'method', 'path', 'protocol'])"
    return f"""fields as (
    select object_number, line,
        case
            when strlen(line) <= {MAX_LINE_BYTES} and not contains(line, chr(0))
                and regexp_matches(line, '{COMBINED_LOG}')
            then regexp_extract(line, '{COMBINED_LOG}', [{fields}])
        end as field
    from lines
),
typed as (
    select object_number, line, field,
        field.client_address as client_address,
        case
            when regexp_full_match(field.authuser, '[0-9]+')
            then try_cast(field.authuser as bigint)
        end as user_id,
        case
            when regexp_full_match(field.time, '{LOG_TIME}')
            then try_strptime(field.time, '%d/%b/%Y:%H:%M:%S %z') at time zone 'UTC'
        end as requested_at,
        field.request as request,
        nullif(struct_extract({request}, 'method'), '') as method,
        nullif(struct_extract({request}, 'path'), '') as path,
        nullif(struct_extract({request}, 'protocol'), '') as protocol,
        try_cast(field.status as integer) as status,
        try_cast(field.bytes as bigint) as response_bytes,
        field.referrer as referrer,
        field.user_agent as user_agent
    from fields
),
judged as (
    select *,
        case
            when trim(line, chr(32) || chr(9) || chr(11) || chr(12)) = '' then ''
            when strlen(line) > {MAX_LINE_BYTES}
            then '{TOO_LONG}'
            when contains(line, chr(0)) then '{INVALID_UTF8}'
            when field is null then '{NOT_COMBINED_LOG}'
            when user_id is null and field.authuser != '-'
            then '{INVALID_USER}'
            when requested_at is null then '{INVALID_TIMESTAMP}'
            when response_bytes is null and field.bytes != '-'
            then '{INVALID_BYTES}'
        end as reason
    from typed
)"""
