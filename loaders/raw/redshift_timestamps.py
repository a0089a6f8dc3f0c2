"""SQL expressions that convert text to UTC timestamps on Redshift; null if invalid.

A failed cast on Redshift fails the whole statement, so every part is validated before
it is cast. The regular expressions contain no backslash because its meaning inside
quotes depends on the server's settings.
"""

D2 = "[0-9][0-9]"
D4 = D2 + D2
OFFSET = "[+-](0[0-9]|1[0-4])"  # the largest UTC offset in use is 14 hours
ISO_ZONE = f"([Zz]|{OFFSET}(:?[0-5][0-9])?)"
EXTENDED = f"{D4}-{D2}-{D2}([Tt ]{D2}(:{D2}(:{D2}([.,][0-9]+)?)?)? *{ISO_ZONE}?)?"
BASIC = f"{D4}{D4}([Tt ]{D2}({D2}({D2}([.,][0-9]+)?)?)? *{ISO_ZONE}?)?"
ISO_FORMAT = f"^ *({EXTENDED}|{BASIC}) *$"
# The usual format on a day that exists in every year can be cast without more checks.
DAY_OF_EVERY_YEAR = (
    "((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)"
    "|(0[13578]|1[02])-31)"
)
USUAL_ISO_FORMAT = (
    f"^{D4}-{DAY_OF_EVERY_YEAR}[T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    "([.][0-9]{1,6})?Z?$"
)
LOG_FORMAT = f"^{D2}/[A-Z][a-z][a-z]/{D4}:{D2}:{D2}:{D2} {OFFSET}[0-5][0-9]$"
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun"]
MONTHS += ["Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def iso_timestamp(text: str) -> str:
    """Return SQL for an ISO 8601 date or date-time; without a zone it is UTC."""
    return f"""case
        when {text} ~ '{USUAL_ISO_FORMAT}' and left({text}, 4) != '0000'
        then cast(replace(replace({text}, 'T', ' '), 'Z', '') as timestamp)
        when {text} ~ '{ISO_FORMAT}' then {_any_iso_timestamp(f"btrim({text})")}
    end"""


def log_timestamp(text: str) -> str:
    """Return SQL for a web server's timestamp: `24/Nov/2026:13:55:36 +0100`."""
    month_numbers = ", ".join(
        f"'{name}', '{number:02}'" for number, name in enumerate(MONTHS, start=1)
    )
    timestamp = _utc_timestamp(
        f"substring({text}, 8, 4)",
        f"decode(substring({text}, 4, 3), {month_numbers}, '00')",
        f"substring({text}, 1, 2)",
        clock=f"replace(substring({text}, 13, 8), ':', '')",
        fraction="",
        zone=f"substring({text}, 22)",
    )
    return f"""case
        when {text} ~ '{LOG_FORMAT}' then {timestamp}
    end"""


def _any_iso_timestamp(text: str) -> str:
    day = f"regexp_substr({text}, '^{D4}-?{D2}-?{D2}')"
    digits = f"replace({day}, '-', '')"
    time = f"substring({text}, len({day}) + 1)"
    clock = f"replace(regexp_substr({time}, '^[Tt ][0-9:]+'), ':', '')"
    return _utc_timestamp(
        f"substring({digits}, 1, 4)",
        f"substring({digits}, 5, 2)",
        f"substring({digits}, 7, 2)",
        clock=f"rpad(substring({clock}, 2), 6, '0')",
        fraction=f"substring(regexp_substr({time}, '[.,][0-9]+'), 2)",
        zone=f"regexp_substr({time}, '{ISO_ZONE}$')",
    )


def _utc_timestamp(
    year: str, month: str, day: str, *, clock: str, fraction: str, zone: str
) -> str:
    """Return SQL for the timestamp in UTC; null if the date or the time is invalid.

    The arguments are SQL for texts: digits for year (4), month (2), day (2) and clock
    (6). `fraction` is any number of digits or ''. `zone` is '', `Z`, or a sign with
    hours and optional minutes.
    """
    # ISO 8601 allows 24:00 as the end of a day, but no later time in that hour.
    is_midnight = f"rtrim({fraction}, '0') = ''" if fraction else "false"
    return f"""case
            when {year} > '0000'
                and {month} between '01' and '12'
                and {day} between '01' and {_last_day(year, month)}
                and ({clock} < '240000' or ({clock} = '240000' and {is_midnight}))
                and substring({clock}, 3, 2) < '60'
                and substring({clock}, 5, 2) < '60'
            then dateadd(
                second, {_seconds(clock)} - {_offset_seconds(zone)},
                cast(
                    {year} || '-' || {month} || '-' || {day} || ' 00:00:00.'
                    || substring({fraction or "''"} || '000000', 1, 6) as timestamp
                )
            )
        end"""


def _seconds(clock: str) -> str:
    return (
        f"cast(substring({clock}, 1, 2) as integer) * 3600 "
        f"+ cast(substring({clock}, 3, 2) as integer) * 60 "
        f"+ cast(substring({clock}, 5, 2) as integer)"
    )


def _last_day(year: str, month: str) -> str:
    """Return SQL for the last day of the month, as two digits."""
    is_leap_year = f"""mod(cast({year} as integer), 4) = 0 and (
                    mod(cast({year} as integer), 100) != 0
                    or mod(cast({year} as integer), 400) = 0
                )"""
    return f"""case
                    when {month} in ('04', '06', '09', '11') then '30'
                    when {month} != '02' then '31'
                    when {is_leap_year} then '29'
                    else '28'
                end"""


def _offset_seconds(zone: str) -> str:
    """Return SQL for the number of seconds by which the zone is ahead of UTC."""
    if not zone:
        return "0"
    digits = f"rpad(replace(substring({zone}, 2), ':', ''), 4, '0')"
    return f"""case substring({zone}, 1, 1) when '-' then -60 else 60 end * (
                    cast(substring({digits}, 1, 2) as integer) * 60
                    + cast(substring({digits}, 3, 2) as integer)
                )"""
