"""SQL that reads moments on the embedded engine: ISO 8601, and a web server's time."""

from loaders.warehouse import literal

# No clock is further from UTC than these 14 hours.
OFFSET = r"[+-](?:0\d|1[0-4])"
ISO_ZONE = rf" *(?:[Zz]|{OFFSET}(?::?[0-5]\d)?)?"
EXTENDED = rf"\d{{4}}-\d\d-\d\d(?:[Tt ]\d\d(?::\d\d(?::\d\d(?:[.,]\d+)?)?)?{ISO_ZONE})?"
BASIC = rf"\d{{8}}(?:[Tt ]\d\d(?:\d\d(?:\d\d(?:[.,]\d+)?)?)?{ISO_ZONE})?"
ISO_FORM = f" *(?:{EXTENDED}|{BASIC}) *"
# Takes apart what has one of the two forms.
ISO_PATTERN = (
    r" *(\d{4})-?(\d\d)-?(\d\d)"
    r"(?:[Tt ](\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d+))?)?)? *([^ ]*))? *"
)
ISO_PARTS = ["year", "month", "day", "hour", "minute", "second", "fraction", "zone"]
LOG_TIME = rf"\d\d/[A-Z][a-z][a-z]/\d{{4}}:\d\d:\d\d:\d\d {OFFSET}[0-5]\d"


def moment(text: str) -> str:
    """Any ISO 8601 date-time, or a date; without a zone it is UTC."""
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
        when starts_with(ltrim({text}), '0000') then null  -- there was no such year
        when {text}[-1] = 'Z' and {text}[5] = '-' and {text}[11] = 'T'
            and regexp_full_match({text}[20:], '(\\.[0-9]+)?Z')
        then try_cast({text} as timestamp)
        when regexp_full_match({text}, '{ISO_FORM}')
        then try_cast({canonical} as timestamptz) at time zone 'UTC'
    end"""
