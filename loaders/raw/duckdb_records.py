"""SQL that parses and validates raw lines on DuckDB.

Creates the temporary table `parsed` from the downloaded files: the source's typed
columns and, for a line that does not become a row, the reason and the line. It
rejects the same lines as `redshift_records`, for the same reasons.
"""

from collections.abc import Sequence
from pathlib import Path

from loaders.raw import duckdb_fast_path
from loaders.raw.duckdb_timestamps import iso_timestamp, log_timestamp
from loaders.raw.parsed_records import parsed_columns
from loaders.raw.rules import (
    INVALID_UTF8,
    MAX_LINE_BYTES,
    MAX_REJECT_CHARACTERS,
    NOT_A_JSON_OBJECT,
    TOO_LONG,
    json_reject_branches,
    log_reject_branches,
    unknown_format,
    unknown_type,
)
from loaders.warehouse import literal
from loaders.warehouse.declared_tables import Column, Table

DELIMITER = "\x1f\x1e\x1f\x1e"  # occurs in no log, so each line is one column
READER_LINE_BYTES = 4 << 20  # COPY on Redshift also fails on a row over 4 MB
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

# DuckDB's JSON parser also accepts trailing commas, NaN and Infinity. These patterns
# find them. Each starts with a literal character, which makes the search fast. A match
# inside a string does not count, so the line is searched again without its strings.
NAN_OR_INFINITY = "-?[nNiI][aAnN][nNfF]"
LENIENT_JSON = [
    rf",\s*(?:[}}\]]|{NAN_OR_INFINITY})",
    rf":\s*{NAN_OR_INFINITY}",
    rf"\[\s*{NAN_OR_INFINITY}",
]
LINE_WITHOUT_STRINGS = r"""regexp_replace(line, '"(?:[^"\\]|\\.)*"', '""', 'g')"""
LINE_REASONS = [
    "when trim(line, chr(32) || chr(9) || chr(11) || chr(12)) = '' then ''",
    f"when strlen(line) > {MAX_LINE_BYTES} then '{TOO_LONG}'",
    f"when contains(line, chr(0)) then '{INVALID_UTF8}'",
]


def parse_statements(table: Table, inputs: Sequence[Path]) -> list[str]:
    """Return the statement that parses the lines of the files `inputs` into `parsed`.

    Columns of `parsed`: object_number (position in `inputs`), the table's keys, `extra`
    where the table has it, reason (null for a valid line, '' for a blank one) and line
    (for rejects only, cut at 4,096 characters). Rows keep the order of the lines, so
    line numbers can be computed from rowid.
    """
    parsers = {"json_lines": _json_lines, "combined_log": _combined_log}
    if table.line_format not in parsers:
        raise unknown_format(table, parsers)
    # Redshift cannot store NUL in a varchar.
    printable = f"left(replace(line, chr(0), ''), {MAX_REJECT_CHARACTERS})"
    return [
        f"""-- loaders.raw.duckdb_records create parsed {table.name}
create or replace temp table parsed as
with lines as (
    {_lines(inputs)}
),
{parsers[table.line_format](table)}
select object_number, {parsed_columns(table)}, reason,
    case when reason is not null then {printable} end as line
from validated"""
    ]


def _lines(inputs: Sequence[Path]) -> str:
    files = ", ".join(literal(str(path)) for path in inputs)
    return f"""select file_index as object_number, coalesce(line, '') as line
    from read_csv(
        [{files}], delim={literal(DELIMITER)}, quote='', escape='',
        header=false, auto_detect=false, columns={{'line': 'varchar'}},
        max_line_size={READER_LINE_BYTES}, buffer_size={READER_BUFFER_BYTES}
    )"""


def _validated(reasons: Sequence[str]) -> str:
    reason = "\n        ".join(["case", *reasons])
    return f"""validated as (
    select *, {reason} end as reason from typed
)"""


def _json_lines(table: Table) -> str:
    """Read records on the fast path; convert the others key by key.

    `fast_record` is null for a line that is not on the fast path, `record` is null for
    one that is, and both are null for a line that is not a JSON object.
    """
    fast_pattern = literal(duckdb_fast_path.record_pattern(table))
    structure = literal(duckdb_fast_path.from_json_structure(table))
    has_required_keys = " and ".join(
        f'matched."{column.name}" is not null'
        for column in table.data_columns
        if column.is_required
    )
    paths = ", ".join(literal(f'$."{column.name}"') for column in table.data_columns)
    texts = ", ".join(
        f"nullif(json_values[{position}]::varchar, 'null') as text_{column.name}"
        for position, column in enumerate(table.data_columns, start=1)
    )
    typed = ", ".join(
        f'coalesce(fast_record."{column.name}", {_from_json(column)})'
        f' as "{column.name}"'
        for column in table.data_columns
    )
    reasons = [
        "when fast_record is not null then null",
        *LINE_REASONS,
        f"when record is null then '{NOT_A_JSON_OBJECT}'",
        *json_reject_branches(table),
    ]
    return f"""matches as (
    select object_number, line,
        case
            when strlen(line) <= {MAX_LINE_BYTES}
                and regexp_full_match(line, {fast_pattern})
            then from_json(line, {structure})
        end as matched
    from lines
),
records as (
    select object_number, line,
        case when {has_required_keys or "true"} then matched end as fast_record,
        case
            when fast_record is null
                and strlen(line) <= {MAX_LINE_BYTES}
                and not contains(line, chr(0))
                and json_valid(line)
                and not (
                    {_has_lenient_json("line")}
                    and {_has_lenient_json(LINE_WITHOUT_STRINGS)}
                )
                and ltrim(line, chr(32) || chr(9))[1] = '{{'
            then line
        end as record
    from matches
),
extracted as (
    select *, json_extract(record, [{paths}]) as json_values from records
),
texts as (
    select object_number, line, fast_record, record, json_values, {texts} from extracted
),
typed as (
    select *, {typed}, {_unknown_keys(table)} as extra from texts
),
{_validated(reasons)}"""


def _has_lenient_json(text: str) -> str:
    matches = (f"regexp_matches({text}, {literal(regex)})" for regex in LENIENT_JSON)
    return f"({' or '.join(matches)})"


def _unknown_keys(table: Table) -> str:
    """Return SQL for the keys without a column, as one JSON object; null without any.

    A JSON merge patch (RFC 7396) removes the known keys: a null removes its key. The
    keys are counted first because most records have no unknown key.
    """
    names = ", ".join(literal(column.name) for column in table.data_columns)
    nulls = ", ".join(f'"{column.name}":null' for column in table.data_columns)
    return f"""case
        when len(json_keys(record)) > list_count(json_values)
        and len(list_filter(json_keys(record), lambda k: k not in ({names}))) > 0
        then json_merge_patch(record, '{{{nulls}}}')
    end"""


def _from_json(column: Column) -> str:
    """Return SQL that converts a key's JSON text to the column's type, or null."""
    text = f"text_{column.name}"
    if column.data_type == "json":
        return f"case when {_has_declared_content(column)} then {text}::json end"
    scalar = f"case when {text}[1] not in ('{{', '[') then {text}->>'$' end"
    if column.data_type.startswith("varchar"):
        return scalar
    if column.data_type in ("bigint", "integer"):
        return _whole_number(text, scalar, column.data_type)
    if column.data_type == "boolean":
        return f"""case
            when lower(trim({scalar})) in ('true', 't', 'yes', 'y', '1') then true
            when lower(trim({scalar})) in ('false', 'f', 'no', 'n', '0') then false
        end"""
    if column.data_type == "timestamp":
        return iso_timestamp(f"(case when {text}[1] = '\"' then {text}->>'$' end)")
    raise unknown_type(column)


def _whole_number(text: str, scalar: str, data_type: str) -> str:
    """Return SQL for digits, bare or in quotes, as a number; null outside its range.

    Most values survive a cast and back unchanged, and need no regular expression.
    """
    return f"""case
        when try_cast({text} as {data_type})::varchar = {text}
        then try_cast({text} as {data_type})
        when regexp_full_match({scalar}, ' *[+-]?[0-9]+ *')
        then try_cast(trim({scalar}) as {data_type})
    end"""


def _has_declared_content(column: Column) -> str:
    """Return an SQL condition: the JSON text is the declared array or object."""
    text = f"text_{column.name}"
    if column.json_content == "strings":
        return (
            f"({text}[1] = '[' and len(list_filter("
            f"from_json({text}, '[\"JSON\"]'), "
            "lambda item: coalesce((item::varchar)[1], 'n') != '\"')) = 0)"
        )
    return f"{text}[1] = '{{'"


def _combined_log(table: Table) -> str:
    fields = ", ".join(literal(name) for name in COMBINED_FIELDS)
    request = f"regexp_extract(field.request, '{REQUEST_LINE}', ["
    request += "'method', 'path', 'protocol'])"
    reasons = [
        *LINE_REASONS,
        *log_reject_branches(
            fields="field", authuser="field.authuser", bytes_text="field.bytes"
        ),
    ]
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
        {log_timestamp("field.time")} as requested_at,
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
{_validated(reasons)}"""
