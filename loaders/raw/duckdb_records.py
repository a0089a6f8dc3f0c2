"""SQL that parses the ordinary lines of downloaded files on DuckDB.

Creates the temporary table `parsed`: the source's typed columns and, for a line that
does not become a row, the reason and the line. A line that is not certainly ordinary
gets the reason `UNPARSED`; `records` parses it.
"""

from collections.abc import Sequence
from pathlib import Path

from loaders.raw import duckdb_patterns
from loaders.raw.lines import DELIMITER
from loaders.raw.rules import MAX_LINE_BYTES, unknown_format
from loaders.warehouse import identifier, literal
from loaders.warehouse.declared_tables import Table

UNPARSED = "unparsed"
BLANK = ""  # the reason of a blank line
# A marked line has at most six characters for each of its bytes.
READER_LINE_BYTES = 8 * MAX_LINE_BYTES
READER_BUFFER_BYTES = 8 << 20


def parse_statement(table: Table, inputs: Sequence[Path]) -> str:
    """Return the statement that parses the lines of the files `inputs` into `parsed`.

    Columns of `parsed`: object_number (position in `inputs`), the table's keys, `extra`
    where the table has it, reason (null for a row, `BLANK` or `UNPARSED`) and line (of
    an unparsed one). Rows keep the order of the lines, so line numbers can be computed
    from rowid.
    """
    parsers = {"json_lines": _json_lines, "combined_log": _combined_log}
    if table.line_format not in parsers:
        raise unknown_format(table, parsers)
    return f"""-- loaders.raw.duckdb_records create parsed {table.name}
create or replace temp table parsed as
with lines as (
    {_lines(inputs)}
),
{parsers[table.line_format](table)},
validated as (
    select *,
        case
            when is_valid then null
            when trim(line, ' ' || chr(9)) = '' then '{BLANK}'
            else '{UNPARSED}'
        end as reason
    from typed
)
select object_number, {_parsed_columns(table)}, reason,
    case when reason = '{UNPARSED}' then line end as line
from validated"""


def _parsed_columns(table: Table) -> str:
    """Return the column list that `parsed` shares with the table: keys and `extra`."""
    names = [column.name for column in table.columns if not column.is_bookkeeping]
    return ", ".join(identifier(name) for name in names)


def _lines(inputs: Sequence[Path]) -> str:
    files = ", ".join(literal(str(path)) for path in inputs)
    return f"""select file_index as object_number, coalesce(line, '') as line
    from read_csv(
        [{files}], delim={literal(DELIMITER)}, quote='', escape='',
        header=false, auto_detect=false, columns={{'line': 'varchar'}},
        max_line_size={READER_LINE_BYTES}, buffer_size={READER_BUFFER_BYTES}
    )"""


def _json_lines(table: Table) -> str:
    """Return CTEs that end with `typed`; `is_valid` is true for ordinary records."""
    pattern = literal(duckdb_patterns.json_record(table))
    structure = literal(duckdb_patterns.json_structure(table))
    typed = ", ".join(
        f'{duckdb_patterns.typed_column("record", column)} as "{column.name}"'
        for column in table.data_columns
    )
    extra = ", null::json as extra" if _has_extra(table) else ""
    required = [
        f'"{column.name}" is not null'
        for column in table.data_columns
        if column.is_required
    ]
    has_required_keys = " and ".join(required) or "true"
    return f"""records as (
    select object_number, line,
        case
            when strlen(line) <= {MAX_LINE_BYTES}
                and regexp_full_match(line, {pattern})
            then from_json(line, {structure})
        end as record
    from lines
),
columns as (
    select object_number, line, record, {typed}{extra} from records
),
typed as (
    select *,
        case
            when record is null or not ({has_required_keys}) then false
            {_unique_keys_branches(table)}
        end as is_valid
    from columns
)"""


def _unique_keys_branches(table: Table) -> str:
    """Return the last branches of a `case`: true if no key is given twice.

    In an ordinary record, `":` follows each key, and possibly the quote before a value.
    So there are at most as many as found keys only if each is given once. A key with a
    null is not found; all keys are looked up if the numbers differ.
    """
    pairs = "(strlen(line) - strlen(replace(line, '\":', ''))) // 2"
    found = " + ".join(
        f'("{column.name}" is not null)::integer' for column in table.data_columns
    )
    inner = "".join(
        f' + case when "{column.name}" is null then 0 '
        f'else list_unique(json_keys("{column.name}")) end'
        for column in table.data_columns
        if column.json_content == "object"
    )
    return f"""when {pairs} = {found}{inner} then true
            else {pairs} = list_unique(json_keys(line)){inner}"""


def _combined_log(table: Table) -> str:
    fields = ", ".join(literal(name) for name in duckdb_patterns.COMBINED_FIELDS)
    log = literal(duckdb_patterns.COMBINED_LOG)
    request = (
        f"regexp_extract(field.request, {literal(f'^{duckdb_patterns.REQUEST}$')}, "
        "['method', 'path', 'protocol'])"
    )
    extra = ", null::json as extra" if _has_extra(table) else ""
    return f"""fields as (
    select object_number, line,
        case
            when strlen(line) <= {MAX_LINE_BYTES} and regexp_full_match(line, {log})
            then regexp_extract(line, {log}, [{fields}])
        end as field
    from lines
),
typed as (
    select object_number, line,
        field.client_address as client_address,
        try_cast(field.authuser as bigint) as user_id,
        try_strptime(field.time, '%d/%b/%Y:%H:%M:%S %z')
            at time zone 'UTC' as requested_at,
        field.request as request,
        nullif(struct_extract({request}, 'method'), '') as method,
        nullif(struct_extract({request}, 'path'), '') as path,
        nullif(struct_extract({request}, 'protocol'), '') as protocol,
        try_cast(field.status as integer) as status,
        try_cast(field.bytes as bigint) as response_bytes,
        field.referrer as referrer,
        field.user_agent as user_agent{extra},
        requested_at is not null as is_valid
    from fields
)"""


def _has_extra(table: Table) -> bool:
    return any(column.name == "extra" for column in table.columns)
