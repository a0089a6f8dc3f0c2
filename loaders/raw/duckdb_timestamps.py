"""SQL expressions that convert text to UTC timestamps on DuckDB; null if invalid."""

from loaders.warehouse import literal

OFFSET = r"[+-](?:0\d|1[0-4])"  # the largest UTC offset in use is 14 hours
ISO_ZONE = rf" *(?:[Zz]|{OFFSET}(?::?[0-5]\d)?)?"
EXTENDED = rf"\d{{4}}-\d\d-\d\d(?:[Tt ]\d\d(?::\d\d(?::\d\d(?:[.,]\d+)?)?)?{ISO_ZONE})?"
BASIC = rf"\d{{8}}(?:[Tt ]\d\d(?:\d\d(?:\d\d(?:[.,]\d+)?)?)?{ISO_ZONE})?"
ISO_FORMAT = f" *(?:{EXTENDED}|{BASIC}) *"
# Splits a text that matches ISO_FORMAT into its parts.
ISO_PATTERN = (
    r" *(\d{4})-?(\d\d)-?(\d\d)"
    r"(?:[Tt ](\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d+))?)?)? *([^ ]*))? *"
)
ISO_PARTS = ["year", "month", "day", "hour", "minute", "second", "fraction", "zone"]
LOG_FORMAT = rf"\d\d/[A-Z][a-z][a-z]/\d{{4}}:\d\d:\d\d:\d\d {OFFSET}[0-5]\d"


def iso_timestamp(text: str) -> str:
    """Return SQL for an ISO 8601 date or date-time; without a zone it is UTC."""
    parts = ", ".join(literal(part) for part in ISO_PARTS)
    iso = f"regexp_extract({text}, '^{ISO_PATTERN}$', [{parts}])"
    canonical = (
        f"struct_extract({iso}, 'year') || '-' || struct_extract({iso}, 'month') "
        f"|| '-' || struct_extract({iso}, 'day') || ' ' "
        f"|| coalesce(nullif(struct_extract({iso}, 'hour'), ''), '00') || ':' "
        f"|| coalesce(nullif(struct_extract({iso}, 'minute'), ''), '00') || ':' "
        f"|| coalesce(nullif(struct_extract({iso}, 'second'), ''), '00') || '.' "
        f"|| coalesce(nullif(struct_extract({iso}, 'fraction'), ''), '0') "
        f"|| replace(replace(coalesce(nullif(struct_extract({iso}, 'zone'), ''), 'Z'),"
        " 'z', 'Z'), 'Z', '+00')"
    )
    return f"""case
        when starts_with(ltrim({text}), '0000') then null  -- ISO years start at 0001
        when {text}[-1] = 'Z' and {text}[5] = '-' and {text}[11] = 'T'
            and regexp_full_match({text}[20:], '(\\.[0-9]+)?Z')
        then try_cast({text} as timestamp)
        when regexp_full_match({text}, '{ISO_FORMAT}')
        then try_cast({canonical} as timestamptz) at time zone 'UTC'
    end"""


def log_timestamp(text: str) -> str:
    """Return SQL for a web server's timestamp: `24/Nov/2026:13:55:36 +0100`."""
    return f"""case
            when regexp_full_match({text}, '{LOG_FORMAT}')
            then try_strptime({text}, '%d/%b/%Y:%H:%M:%S %z') at time zone 'UTC'
        end"""
