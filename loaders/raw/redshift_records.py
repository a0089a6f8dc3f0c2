"""SQL that judges lines of text on a cluster, by the embedded engine's rules.

Gives the temporary table `parsed` from the tables that COPY filled: the source's typed
columns, and for a line that cannot become a row the reason and the line. It needs
nothing that fails on a bad value: every text is looked at before it is cast.
"""

from collections.abc import Sequence

from loaders.errors import ConfigError
from loaders.raw.redshift_timestamps import from_iso, from_log
from loaders.raw.rules import (
    INVALID_BYTES,
    INVALID_TIMESTAMP,
    INVALID_USER,
    KEPT_CHARACTERS,
    NOT_A_JSON_OBJECT,
    NOT_COMBINED_LOG,
    key_reasons,
)
from loaders.warehouse.declared_tables import Column, Table

BACKSLASH = "chr(92)"
# Stand for an escaped backslash, an escaped quote and the start of an escaped code.
PAIR, QUOTE, CODE = "chr(28)", "chr(29)", "\x1e"

WHITE = " \t\f"
WORD = f"[^{WHITE}]+"
LOG_HEAD = f"^{WORD} {WORD} {WORD} [[][^]]*[]] "
COMBINED_LOG = (
    f'{LOG_HEAD}"[^"]*" [0-9][0-9][0-9] ([0-9]+|-) "[^"]*" "[^"]*"[{WHITE}]*$'
)
REQUEST_LINE = f"^{WORD} {WORD} {WORD}$"
STRINGS = '^[[]("[^"]*"(,"[^"]*")*)?[]]$'
HEX = "[0-9a-fA-F]"
SURROGATES = f"{CODE}[dD][89abAB]{HEX}{HEX}{CODE}[dD][c-fC-F]{HEX}{HEX}"
LONE_SURROGATE = f"{CODE}[dD][89a-fA-F]"


def parse_statements(table: Table, copied: Sequence[str]) -> list[str]:
    """Return statements that judge the lines of the temporary tables `copied`.

    Each of those has `object_number` and `line`. The last statement makes `parsed`:
    object_number, the table's keys, `extra` where the table has it, reason (null for a
    good line, '' for a blank one), line (kept for rejects, cut at 4,096 characters).
    """
    makers = {"json_lines": _json_lines, "combined_log": _combined_log}
    if table.line_format not in makers:
        raise ConfigError(
            f"{table.name}: no reader for format {table.line_format!r} in its YAML "
            f"(known: {', '.join(makers)})."
        )
    return [
        f"-- loaders.raw.load {name} {table.name}\ncreate temp table {name} as\n{query}"
        for name, query in [
            ("lines", _lines(copied)),
            *makers[table.line_format](table),
        ]
    ]


def temporary_tables(table: Table) -> list[str]:
    """Return the names of the tables that `parse_statements` makes."""
    return [
        statement.split(" as\n")[0].rpartition(" ")[2]
        for statement in parse_statements(table, ["copied"])
    ]


def _lines(copied: Sequence[str]) -> str:
    """Take an ending CR off; one that ends no line is as good as a vertical tab.

    COPY gives null for a line that is nothing but its null marker.
    """
    text = f"coalesce(line, {BACKSLASH} || 'N')"
    whole = f"""case
        when right({text}, 1) = chr(13) then substring({text}, 1, len({text}) - 1)
        else {text}
    end"""
    return "\nunion all\n".join(
        f"select object_number, replace({whole}, chr(13), chr(11)) as line from {name}"
        for name in copied
    )


def _published(table: Table) -> str:
    names = [column.name for column in table.columns if not column.is_bookkeeping]
    return ", ".join(f'"{name}"' for name in names)


def _judged(table: Table, typed: str, reasons: str) -> list[tuple[str, str]]:
    """Convert once, into a table: a subquery would be worked out at each mention."""
    kept = f"case when reason is not null then left(line, {KEPT_CHARACTERS}) end"
    parsed = f"""select object_number, {_published(table)}, reason, {kept} as line
from (select *, case {reasons} end as reason from typed) as judged"""
    return [("typed", f"select *, {typed}"), ("parsed", parsed)]


def _json_lines(table: Table) -> list[tuple[str, str]]:
    texts = ", ".join(
        f"nullif(json_serialize(records.record.{column.name}), 'null') "
        f"as text_{column.name}"
        for column in table.keys
    )
    values = ", ".join(
        f"records.record.{column.name} as value_{column.name}" for column in table.keys
    )
    typed = ", ".join(
        f'{_from_json(column)} as "{column.name}"' for column in table.keys
    )
    return [
        ("records", _records()),
        ("texts", f"select *, {texts}, {values} from records"),
        *_judged(
            table,
            f"{typed}, {_unknown_keys(table)} as extra from texts",
            _json_reasons(table),
        ),
    ]


def _records() -> str:
    """Parse what is a JSON object; escapes that stand for no character make it none."""
    escapes = (
        f"replace(replace(line, {BACKSLASH} || {BACKSLASH}, ''), "
        f"{BACKSLASH} || 'u', '{CODE}')"
    )
    paired = f"regexp_replace({escapes}, '{SURROGATES}', '')"
    return f"""select object_number, line,
    case
        when substring(ltrim(line, '{WHITE}'), 1, 1) = '{{'
            and can_json_parse(line)
            and position('{CODE}0000' in {escapes}) = 0
            and (
                position('{CODE}d' in lower({escapes})) = 0
                or {paired} !~ '{LONE_SURROGATE}'
            )
        then json_parse(line)
    end as record
from lines"""


def _unknown_keys(table: Table) -> str:
    """Keep the keys that no column holds, of a record that is longer than the others.

    Known keys are taken out of its text. An equal pair within an unknown key would go
    with them; then the text is shorter than it should be, and the whole record is kept.
    """
    inner = "substring(json_serialize(record), 2, len(json_serialize(record)) - 2)"
    text = f"(',' || {inner} || ',')"
    left = text
    for column in table.keys:
        left = f"replace({left}, coalesce({_pair(column)}, chr(31)), ',')"
    known = " + ".join(
        f"coalesce(len({_pair(column)}) - 1, 0)" for column in table.keys
    )
    return f"""case
        when len(json_serialize(record)) - 1 <= {known} then null
        when len({left}) = len({text}) - ({known})
        then json_parse('{{' || substring({left}, 2, len({left}) - 2) || '}}')
        else record
    end"""


def _pair(column: Column) -> str:
    """Return SQL for a key and its value as they stand in a record, between commas."""
    value = f"value_{column.name}"
    return (
        f"case when json_typeof({value}) is not null "
        f"then ',\"{column.name}\":' || json_serialize({value}) || ',' end"
    )


def _from_json(column: Column) -> str:
    text = f"text_{column.name}"
    first = f"substring({text}, 1, 1)"
    if column.data_type == "json":
        return f"case when {_holds(column, text)} then value_{column.name} end"
    # Other scalars are what their text says; only a string has quotes to lose.
    plain = f"""(case
            when {first} = '"' then cast(value_{column.name} as varchar(65535))
            when {first} not in ('{{', '[') then {text}
        end)"""
    if column.data_type.startswith("varchar"):
        return plain
    if column.data_type in ("bigint", "integer"):
        return _whole_number(plain, column.data_type)
    if column.data_type == "boolean":
        return f"""case
            when lower(btrim({plain})) in ('true', 't', 'yes', 'y', '1') then true
            when lower(btrim({plain})) in ('false', 'f', 'no', 'n', '0') then false
        end"""
    if column.data_type == "timestamp":
        return from_iso(
            f"(case when {first} = '\"' "
            f"then cast(value_{column.name} as varchar(65535)) end)"
        )
    raise ConfigError(f"{column.name}: no conversion to {column.data_type!r}.")


def _whole_number(text: str, data_type: str) -> str:
    """Digits of a number that the type has room for, with blanks around them."""
    limit = 2**63 if data_type == "bigint" else 2**31
    number = f"cast(btrim({text}) as numeric(38, 0))"
    return f"""case
        when {text} ~ '^ *[+-]?[0-9]+ *$' and len({text}) <= 38
        then case
            when {number} between -{limit} and {limit - 1}
            then cast({number} as {data_type})
        end
    end"""


def _holds(column: Column, text: str) -> str:
    if column.holds == "strings":
        unescaped = (
            f"replace(replace({text}, {BACKSLASH} || {BACKSLASH}, ''), "
            f"{BACKSLASH} || '\"', '')"
        )
        return f"{unescaped} ~ '{STRINGS}'"
    return f"substring({text}, 1, 1) = '{{'"


def _json_reasons(table: Table) -> str:
    reasons = [
        f"when btrim(line, '{WHITE}' || chr(11)) = '' then ''",
        f"when record is null then '{NOT_A_JSON_OBJECT}'",
    ]
    return "\n        ".join([*reasons, *key_reasons(table)])


def _combined_log(table: Table) -> list[tuple[str, str]]:
    """With escapes set aside, quotes are what they seem, and fields split at them."""
    escaped = f"replace(line, {BACKSLASH} || {BACKSLASH}, {PAIR})"
    escaped = f"replace({escaped}, {BACKSLASH} || '\"', {QUOTE})"
    words = " + ".join(f"len(split_part(head, ' ', {place}))" for place in (1, 2, 3))
    heads = f"""select object_number, line, escaped,
    case
        when escaped ~ '{COMBINED_LOG}' then regexp_substr(escaped, '{LOG_HEAD}')
    end as head
from (select object_number, line, {escaped} as escaped from lines) as escaped_lines"""
    request, referrer, user_agent = (
        f"split_part(rest, '\"', {place})" for place in (2, 4, 6)
    )
    numbers = "btrim(split_part(rest, '\"', 3))"
    fields = f"""select object_number, line, head,
    {_unescaped("split_part(head, ' ', 1)")} as client_address,
    split_part(head, ' ', 3) as authuser,
    substring(head, {words} + 5, len(head) - ({words}) - 6) as log_time,
    {_unescaped(request)} as request,
    {request} as request_words,
    split_part({numbers}, ' ', 1) as status_text,
    split_part({numbers}, ' ', 2) as bytes_text,
    {_unescaped(referrer)} as referrer,
    {_unescaped(user_agent)} as user_agent
from (
    select *, substring(escaped, len(head) + 1) as rest from heads
) as rests"""
    user_id = _whole_number("authuser", "bigint")
    typed = f"""case when authuser ~ '^[0-9]+$' then {user_id} end as user_id,
        {from_log("log_time")} as requested_at,
        {_word(1)} as method,
        {_word(2)} as path,
        {_word(3)} as protocol,
        cast(status_text as integer) as status,
        {_whole_number("bytes_text", "bigint")} as response_bytes
        from fields"""
    reasons = f"""
            when btrim(line, '{WHITE}' || chr(11)) = '' then ''
            when head is null then '{NOT_COMBINED_LOG}'
            when user_id is null and authuser != '-'
            then '{INVALID_USER}'
            when requested_at is null then '{INVALID_TIMESTAMP}'
            when response_bytes is null and bytes_text != '-'
            then '{INVALID_BYTES}'"""
    return [("heads", heads), ("fields", fields), *_judged(table, typed, reasons)]


def _word(place: int) -> str:
    word = _unescaped(f"split_part(request_words, ' ', {place})")
    return f"case when request_words ~ '{REQUEST_LINE}' then {word} end"


def _unescaped(text: str) -> str:
    return (
        f"replace(replace({text}, {QUOTE}, {BACKSLASH} || '\"'), "
        f"{PAIR}, {BACKSLASH} || {BACKSLASH})"
    )
