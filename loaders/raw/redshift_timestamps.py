"""SQL that turns texts into timestamps on a cluster, which has no cast that gives null.

Every part is looked at before it is cast, so that no statement fails on a bad value:
months have their days, and what is no moment is null. Patterns hold no backslash, whose
meaning inside quotes is not the same everywhere.
"""

D2 = "[0-9][0-9]"
D4 = D2 + D2
# No clock is further from UTC than these 14 hours.
OFFSET = "[+-](0[0-9]|1[0-4])"
ZONE = f"([Zz]|{OFFSET}(:?[0-5][0-9])?)"
EXTENDED = f"{D4}-{D2}-{D2}([Tt ]{D2}(:{D2}(:{D2}([.,][0-9]+)?)?)? *{ZONE}?)?"
BASIC = f"{D4}{D4}([Tt ]{D2}({D2}({D2}([.,][0-9]+)?)?)? *{ZONE}?)?"
ISO = f"^ *({EXTENDED}|{BASIC}) *$"
# The usual form on a day that exists in any year: ready to be cast as it stands.
ANY_YEARS_DAY = (
    "((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)"
    "|(0[13578]|1[02])-31)"
)
PLAIN_ISO = (
    f"^{D4}-{ANY_YEARS_DAY}[T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    "([.][0-9]{1,6})?Z?$"
)
LOG_TIME = f"^{D2}/[A-Z][a-z][a-z]/{D4}:{D2}:{D2}:{D2} {OFFSET}[0-5][0-9]$"
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun"]
MONTHS += ["Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def from_iso(text: str) -> str:
    """Return SQL for a text in any ISO 8601 form; without a zone it is UTC."""
    return f"""case
        when {text} ~ '{PLAIN_ISO}' and left({text}, 4) != '0000'
        then cast(replace(replace({text}, 'T', ' '), 'Z', '') as timestamp)
        when {text} ~ '{ISO}' then {_any_iso(f"btrim({text})")}
    end"""


def from_log(text: str) -> str:
    """Return SQL for a text like `24/Nov/2026:13:55:36 +0100`."""
    names = ", ".join(
        f"'{name}', '{number:02}'" for number, name in enumerate(MONTHS, start=1)
    )
    return f"""case
        when {text} ~ '{LOG_TIME}' then {
        _moment(
            f"substring({text}, 8, 4)",
            f"decode(substring({text}, 4, 3), {names}, '00')",
            f"substring({text}, 1, 2)",
            clock=f"replace(substring({text}, 13, 8), ':', '')",
            fraction="",
            zone=f"substring({text}, 22)",
        )
    }
    end"""


def _any_iso(text: str) -> str:
    day = f"regexp_substr({text}, '^{D4}-?{D2}-?{D2}')"
    digits = f"replace({day}, '-', '')"
    rest = f"substring({text}, len({day}) + 1)"
    clock = f"replace(regexp_substr({rest}, '^[Tt ][0-9:]+'), ':', '')"
    return _moment(
        f"substring({digits}, 1, 4)",
        f"substring({digits}, 5, 2)",
        f"substring({digits}, 7, 2)",
        clock=f"rpad(substring({clock}, 2), 6, '0')",
        fraction=f"substring(regexp_substr({rest}, '[.,][0-9]+'), 2)",
        zone=f"regexp_substr({rest}, '{ZONE}$')",
    )


def _moment(
    year: str, month: str, day: str, *, clock: str, fraction: str, zone: str
) -> str:
    """Return SQL for the moment in UTC; null when there is no such day or time.

    The parts are SQL for digits: four, two, two, and six of `clock`; `fraction` may be
    '', `zone` too, `Z`, or a sign with hours and perhaps minutes.
    """
    # 24:00 is the end of the day in ISO 8601, and the only time with that hour.
    is_end = f"rtrim({fraction}, '0') = ''" if fraction else "false"
    return f"""case
            when {year} > '0000'
                and {month} between '01' and '12'
                and {day} between '01' and {_last_day(year, month)}
                and ({clock} < '240000' or ({clock} = '240000' and {is_end}))
                and substring({clock}, 3, 2) < '60'
                and substring({clock}, 5, 2) < '60'
            then dateadd(
                second, {_seconds(clock)} - {_offset(zone)},
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
    leap = f"""mod(cast({year} as integer), 4) = 0 and (
                    mod(cast({year} as integer), 100) != 0
                    or mod(cast({year} as integer), 400) = 0
                )"""
    return f"""case
                    when {month} in ('04', '06', '09', '11') then '30'
                    when {month} != '02' then '31'
                    when {leap} then '29'
                    else '28'
                end"""


def _offset(zone: str) -> str:
    """Return SQL for the seconds that a zone is ahead of UTC."""
    if not zone:
        return "0"
    digits = f"rpad(replace(substring({zone}, 2), ':', ''), 4, '0')"
    return f"""case substring({zone}, 1, 1) when '-' then -60 else 60 end * (
                    cast(substring({digits}, 1, 2) as integer) * 60
                    + cast(substring({digits}, 3, 2) as integer)
                )"""
